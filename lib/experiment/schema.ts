/**
 * The schema of a configuration: every key with its type, its default, and what it does. Each section belongs to one task.
 *
 * @module
 */
import { z } from "zod";
import { PROJECTIONS } from "../model/config.ts";
import { REGIMES } from "../world/regimes.ts";

const count = z.number().int().positive();
const whole = z.number().int().nonnegative();
const port = whole.max(65535);
const share = z.number().min(0).max(1);

const ADAMW = {
  beta1: share.default(0.9),
  beta2: share.default(0.999),
  epsilon: z.number().positive().default(1e-8),
  weightDecay: z.number().nonnegative().default(0),
  clip: z.number().nonnegative().default(1).describe("largest norm of the gradients; 0 clips nothing"),
};

const LORA = z.strictObject({
  rank: count.default(16),
  alpha: z.number().positive().default(16),
  dropout: share.default(0.05),
  targets: z.array(z.enum(PROJECTIONS)).min(1).default([...PROJECTIONS]).describe("the adapted matrices"),
});

const DIFFICULTY = z.enum(["easy", "default", "hard"]).default("default").describe(
  "the tiny world's dial; data/tiny learnt default, which has all of easy, and cannot draw what hard adds",
);

const LIKELIHOOD = z.enum(["mean", "sum"]).default("mean").describe(
  'compare by the log-likelihood a token, or by the sum (paper §3.2, §3.3: "predicted likelihood")',
);

const HEAD = z.enum(["image", "all"]).default("image").describe(
  "rows that the softmax over image tokens runs over: theirs, or the whole vocabulary (paper A.8.2 masks at inference alone)",
);

const LIST = z.union([z.string(), z.array(z.string())]);

const DATA = z.strictObject({
  aurora: LIST.default("").describe("AURORA lists (test.json, train.json), one or several; empty and no EPIC: the tiny world"),
  epic: z.string().default("").describe("EPIC-Kitchens' annotations, a CSV file"),
  epicFrames: z.string().default("").describe("the folder of its frames; empty: beside the annotations"),
  epicLimit: whole.default(15000).describe("take so many of EPIC-Kitchens at random (paper A.8.1: 15K); 0: all"),
  downsample: z.record(z.string(), count).default({}).describe("most trajectories of a subset, as kubric: 10000 (the paper's + DS)"),
  limit: whole.default(0).describe("take only so many trajectories; 0: all"),
  world: count.default(2000).describe("trajectories of the tiny world"),
  simulated: whole.default(0).describe("more of the tiny world's physics, its Kubric"),
  difficulty: DIFFICULTY,
  regime: z.enum(REGIMES).default("full").describe(
    "what the tiny world's supervision shows: full, all of it; scarce, not the colours, shapes and tones of half of the bench",
  ),
});

const BENCH = z.strictObject({
  aurora: LIST.default("").describe("AURORA lists to measure on, one or several; empty: the tiny world's bench"),
  world: count.default(250).describe("trajectories of the tiny world's bench"),
  limit: whole.default(0).describe("take only so many of the lists; 0: all"),
});

const MODEL = z.strictObject({
  path: z.string().default("data/tiny").describe("the base checkpoint's folder, in Hugging Face's layout"),
  precision: z.enum(["bfloat16", "float32"]).default("bfloat16").describe("of frozen weights and activations"),
  backend: z.enum(["auto", "tensorflow", "wasm"]).default("auto"),
});

const PRETRAIN = z.strictObject({
  out: z.string().default("").describe("where the checkpoint goes; empty: the run's folder"),
  backbone: z.enum(["chameleon", "emu3", "janus"]).default("chameleon").describe("which tiny model"),
  difficulty: DIFFICULTY,
  groups: count.default(5000).describe("groups of three scenes in the pool"),
  vqSteps: count.default(8000),
  vqBatch: count.default(8),
  vqLocalSteps: count.default(2500).describe("more steps of the VQGAN, on pairs, which make its tokens local"),
  vqLr: z.number().positive().default(1.5e-3),
  steps: count.default(14000),
  nearSteps: count.default(3500).describe("more steps of the transformer, on scenes that are nearly the same"),
  batch: count.default(16),
  lr: z.number().positive().default(1.5e-3),
  warmup: whole.default(200),
  saveEvery: count.default(500),
  ...ADAMW,
  beta2: share.default(0.98),
});

const FINE_TUNING = {
  lora: LORA.prefault({}),
  steps: whole.default(1000).describe("steps of the optimiser; 0: as many as the epochs take"),
  epochs: z.number().positive().default(4),
  batch: count.default(16),
  accumulate: count.default(1).describe("micro-batches a step"),
  lr: z.number().positive().default(5e-4),
  warmup: whole.default(20),
  checkpointing: z.boolean().default(false).describe("recompute each block in the backward pass: less memory"),
  saveEvery: count.default(50),
  sampleEvery: whole.default(100).describe("steps between pictures of predictions; 0: at the end alone"),
  samples: count.default(6).describe("trajectories on the picture"),
  validation: z.number().min(0).max(0.5).default(0).describe("share of the trajectories that is held out, and whose loss is measured"),
  validateEvery: count.default(100).describe("steps between measurements of the held-out loss"),
  ...ADAMW,
};

const CDM = z.strictObject({
  synthetic: LIST.default("").describe(
    "filtered trajectories of an earlier dynamics model to learn from beside the others: a second round (beyond the paper); files of task filter",
  ),
  asVideo: z.boolean().default(false).describe(
    "learn each supervised trajectory a second time as a video would show it, through H.264 (beyond the paper)",
  ),
  rehearse: whole.default(0).describe(
    "rows of each batch that name what is in pictures, as the tiny base learnt to in the world of pretrain.difficulty, so that words which " +
      "supervision lacks are kept (beyond the paper)",
  ),
  ...FINE_TUNING,
});

const CWM = z.strictObject({
  synthetic: LIST.default("").describe(
    "filtered trajectories to train on beside the others: the stage filter, a run's folder of it, or files",
  ),
  syntheticLimit: whole.default(7000).describe("take so many of each data set, the likeliest in each class; 0: all (paper A.8.3: 7K)"),
  weights: z.enum(["l2", "none"]).default("l2").describe("recognition weights of the loss (paper §3.2); none: C-FT"),
  normalise: z.enum(["mean", "none"]).default("mean").describe("scale the weights of an image to mean 1; none: as in paper eq. 2"),
  floor: share.default(0.1).describe("share of the loss that all tokens carry alike; 0: as in paper eq. 2"),
  head: HEAD,
  init: z.string().default("").describe("the adapter to go on from: a stage, its run's folder, or an adapter's; empty: a fresh one"),
  epic: z.boolean().default(true).describe("train on data.epic too; the paper gives it to the dynamics model alone (A.8.2, A.8.3)"),
  temperature: z.number().min(0).default(1).describe("of the pictures"),
  ...FINE_TUNING,
});

const EXPORT = z.strictObject({
  validation: whole.default(500),
  bench: whole.default(250).describe("50 of each family"),
  videos: whole.default(50),
});

const PROBE = z.strictObject({
  adapter: z.string().default("").describe(
    "a stage, as train-cdm, its run's folder, or an adapter's in PEFT's layout; empty: the base alone",
  ),
  counterfactuals: LIST.default("").describe("AURORA's lists of contrary actions (disc_edit_data), one or several"),
  rewriter: z.string().default("").describe("a language model behind OPENAI_BASE_URL that contradicts the other actions; empty: none"),
  likelihood: LIKELIHOOD,
  head: HEAD,
});

const DATA_SET = z.strictObject({ videos: z.string(), clips: whole.default(0), hours: z.number().nonnegative().default(0) });

const ANNOTATE = z.strictObject({
  videos: z.string().default("").describe(
    "videos, a folder of them or of folders by class, Hugging Face's parquet, or Kinetics-700's CSV; empty: the tiny world's",
  ),
  clips: whole.default(0).describe("take so many of these videos at random; 0: all"),
  hours: z.number().nonnegative().default(0).describe("take so many hours of these videos at random; 0: all"),
  datasets: z.record(z.string().regex(/^[\w.-]+$/), DATA_SET).default({}).describe(
    "several data sets instead, each with videos, clips and hours of its own (paper §3.2: three, about 45 hours)",
  ),
  world: count.default(400).describe("videos of the tiny world"),
  lossless: z.boolean().default(false).describe("the tiny world's videos without H.264's loss"),
  from: z.string().default("").describe(
    "an earlier annotation, its trajectories.jsonl: another dynamics model says what is done in its key-frame pairs; no video is read",
  ),
  cdm: z.string().default("train-cdm").describe("the dynamics model: a stage, its run's folder, or an adapter's"),
  temperature: z.number().min(0).default(0).describe("of the actions; 0: the likeliest token each; 1: sampled, as in paper eq. 1"),
  oracle: z.boolean().default(false).describe(
    "what was done instead of what the model says, in the tiny world: the most that synthesis can give",
  ),
  videosAtOnce: count.default(16).describe("videos whose pairs go through the model together"),
  sheets: z.boolean().default(false).describe("a contact sheet of each video"),
  rate: z.number().positive().default(12).describe("frames looked at a second"),
  stride: z.number().positive().default(0.5).describe("seconds between the two frames of a flow"),
  side: count.default(160).describe("largest side of the frames that flow is computed on"),
  bursts: count.default(2).describe("bursts of motion a video at most: the paper's k (§3.2; Table 4 implies 3)"),
  interval: z.number().positive().default(1).describe("seconds between bursts at least (paper §3.2)"),
  least: z.number().nonnegative().default(0.003).describe("motion of a burst at least, as a share of annotate.side"),
  share: share.default(0.7).describe("and as a share of the strongest burst"),
  reach: z.number().positive().default(1.5).describe("seconds from a burst to its key-frames at most"),
  pairs: z.enum(["calm", "peaks"]).default("calm").describe(
    "calm: the stillest moments around a burst; peaks: neighbouring bursts, as in paper §3.2",
  ),
  steady: count.default(6).describe(
    "calm moments on either side of a burst among which the pair is taken that differs least, as if the camera stood still; 1: the calmest",
  ),
});

const FILTER = z.strictObject({
  trajectories: LIST.default("annotate").describe("annotated trajectories: the stage annotate, a run's folder of it, or files"),
  keep: whole.default(0).describe("trajectories to keep of each data set (paper A.8.3: 7K); 0: the share below"),
  share: share.default(0.5).describe("share of the trajectories to keep, in each class"),
  likelihood: LIKELIHOOD,
});

const CHOICE = {
  temperature: z.number().min(0).default(1).describe("low values copy the source (paper A.8.2); 0: the likeliest token each"),
  topK: whole.default(0).describe(
    'draw among so many of the likeliest tokens; 0: all; 1: the likeliest, "top-1" of paper A.8.2 to the letter',
  ),
  topP: z.number().positive().max(1).default(1).describe(
    'draw among the likeliest tokens with this probability together; 1: how we read "top-1"',
  ),
  guidanceText: z.number().nonnegative().default(1).describe("guidance: scale of the action; 1 and 1: none"),
  guidanceImage: z.number().nonnegative().default(1).describe("guidance: scale of the source image"),
  draft: z.enum(["none", "source"]).default("none").describe("source: all tokens in passes from the source, not one by one"),
};

const SAMPLE = z.strictObject({
  adapter: z.string().default("train-cwm").describe("a stage, its run's folder, or an adapter's; base: no adapter"),
  batch: count.default(32).describe("images drawn together"),
  ...CHOICE,
});

const VERIFY = z.strictObject({
  adapter: z.string().default("train-cwm").describe("the world model: a stage, its run's folder, or an adapter's"),
  cdm: z.string().default("train-cdm").describe("the dynamics model that verifies"),
  candidates: count.default(8).describe("images drawn of each trajectory"),
  repeats: count.default(3).describe("pools of candidates, each with a seed of its own"),
  together: count.default(8).describe("trajectories whose candidates are drawn together"),
  likelihood: LIKELIHOOD,
  ...CHOICE,
});

const DISTILL = z.strictObject({
  adapter: z.string().default("train-cwm").describe("the world model that draws: a stage, its run's folder, or an adapter's"),
  cdm: z.string().default("train-cdm").describe("the dynamics model that chooses"),
  sources: whole.default(800).describe("transitions of the training to draw for, at random, supervised and synthetic; 0: all"),
  candidates: count.default(8).describe("images drawn of each"),
  share: share.default(0.5).describe("share of the best candidates to keep, the likeliest in each subset"),
  together: count.default(8).describe("transitions whose candidates are drawn together"),
  likelihood: LIKELIHOOD,
  ...CHOICE,
});

const ROLLOUT = z.strictObject({
  adapter: z.string().default("train-cwm").describe("the world model: a stage, its run's folder, or an adapter's"),
  image: z.string().default("").describe("the first observation; empty: scenes of the tiny world"),
  actions: z.array(z.string()).default([]).describe("what is done, one after the other; empty: drawn in the tiny world"),
  length: count.default(6).describe("actions of a rollout in the tiny world"),
  rollouts: count.default(4).describe("rollouts in the tiny world"),
  alternatives: count.default(4).describe("other actions from the first observation, as a tree"),
  ...CHOICE,
});

const EVALUATE = z.strictObject({
  dynamics: z.array(z.string()).default(["base", "train-cdm"]).describe(
    "whose actions: base, stages, adapters' folders, NAME=one of these",
  ),
  actions: LIST.default("").describe("actions of other systems as text: NAME=FILE.jsonl, lines of id and action"),
  temperature: z.number().min(0).default(0).describe("of the actions; 0: the likeliest token each"),
  bertModel: z.string().default("").describe("BERTScore's model: a folder with onnx/model.onnx, tokenizer.json, baseline.tsv"),
  clip: z.string().default("").describe("CLIP-I and CLIP-T: a folder with ONNX models; empty: left out"),
  dino: z.string().default("").describe("DINO: a folder with an ONNX model; empty: left out"),
  captions: z.string().default("").describe("CLIP-T: a JSON file of captions by trajectory id"),
});

const JUDGE = z.strictObject({
  model: z.string().default("world").describe(
    "world: the tiny world's exact judge; otherwise a model's id at OPENAI_BASE_URL, as gpt-4o-2024-11-20",
  ),
  prompt: z.string().default("data/prompts/judge.md"),
  framing: z.enum(["paper", "aligned"]).default("paper").describe(
    "paper: source and prediction as they are; aligned: the middle square of both, as the model saw the source",
  ),
  detail: z.enum(["high", "low"]).default("high").describe("how closely the judge looks: in tiles of 512 pixels, or once at low cost"),
  prices: z.string().default("data/prices.json").describe("US dollars a million tokens, with their date"),
  maxCost: z.number().nonnegative().default(0).describe("US dollars after which no more is asked; 0: no limit"),
  batch: z.boolean().default(false).describe("by the provider's Batch API: cheaper, within a day"),
  concurrency: count.default(8).describe("questions in flight"),
  timeout: count.default(60).describe("seconds after which an attempt counts as failed"),
});

const HUMAN_EVAL = z.strictObject({
  protocol: z.enum(["paper", "spread"]).default("paper").describe(
    "paper: the same sampled items for every participant, so that agreement can be measured; spread: the whole bench over all of them",
  ),
  perSubset: count.default(5).describe("items of each subset that a participant sees"),
  participants: count.default(14).describe("invite links"),
  hostname: z.string().default("127.0.0.1").describe("where the server listens; 0.0.0.0: everywhere"),
  port: port.default(8000).describe("0: any that is free"),
});

const SERVE = z.strictObject({
  adapter: z.string().default("train-cwm").describe("the world model: a stage, its run's folder, or an adapter's; base: no adapter"),
  cdm: z.string().default("train-cdm").describe("the dynamics model, which ranks candidates and says what was done"),
  other: z.string().default("").describe("a second world model to compare with on the same seeds; empty: none"),
  candidates: count.max(16).default(4).describe("images drawn of each question"),
  together: count.max(64).default(8).describe("questions of several people that are drawn together"),
  links: count.max(1000).default(1).describe("links, each with a share of the queue of its own"),
  hostname: z.string().default("127.0.0.1").describe("where the server listens; 0.0.0.0: everywhere"),
  port: port.default(8001).describe("0: any that is free"),
  ...CHOICE,
});

const PLAN = z.strictObject({
  measure: z.boolean().default(false).describe("measure this device with a short probe instead of estimating an H100"),
  trajectories: whole.default(149180).describe("trajectories to assume where no list is given (AURORA, Kubric cut to 10,000)"),
  sources: count.default(3).describe("sources of synthetic trajectories, each of cwm.syntheticLimit"),
  pairs: whole.default(87000).describe("key-frame pairs to assume (paper §3.2: 20K + 46K + 21K)"),
  bench: count.default(250).describe("trajectories of the bench to assume where no list is given"),
  gpus: z.array(count).min(1).default([1, 4, 64]).describe("numbers of devices to plan for"),
  link: z.number().positive().default(50).describe("GB/s from each device to the next, one way; 50 is a network of 400 Gb/s a device"),
  videoHours: count.default(1_000_000).describe("hours of video to plan annotation for"),
  cores: count.default(8).describe("processor cores beside each device, which decode videos and measure their motion"),
});

const GATES = z.strictObject({
  bench: count.default(50).describe("trajectories of the bench in each family"),
  seeds: count.default(3).describe("seeds of the fine-tuned models"),
});

/** The schema of a configuration file. */
export const CONFIG = z.strictObject({
  experiment: z.string().regex(/^[\w.-]+$/).default("tiny").describe("names the folder in runs/"),
  seed: whole.default(1),
  data: DATA.prefault({}).describe("trajectories to train on"),
  bench: BENCH.prefault({}).describe("trajectories to measure on"),
  model: MODEL.prefault({}).describe("the base"),
  pretrain: PRETRAIN.prefault({}).describe("task pretrain-tiny"),
  cdm: CDM.prefault({}).describe("task train-cdm"),
  cwm: CWM.prefault({}).describe("task train-cwm"),
  export: EXPORT.prefault({}).describe("task export-world"),
  probe: PROBE.prefault({}).describe("task probe"),
  annotate: ANNOTATE.prefault({}).describe("task annotate"),
  filter: FILTER.prefault({}).describe("task filter"),
  sample: SAMPLE.prefault({}).describe("task sample"),
  verify: VERIFY.prefault({}).describe("task verify"),
  distill: DISTILL.prefault({}).describe("task distill"),
  rollout: ROLLOUT.prefault({}).describe("task rollout"),
  evaluate: EVALUATE.prefault({}).describe("task evaluate"),
  judge: JUDGE.prefault({}).describe("task judge"),
  humanEval: HUMAN_EVAL.prefault({}).describe("task human-eval"),
  serve: SERVE.prefault({}).describe("task serve"),
  plan: PLAN.prefault({}).describe("task plan"),
  gates: GATES.prefault({}).describe("task gates"),
});

/** A whole configuration. */
export type Config = z.infer<typeof CONFIG>;
