/**
 * The configuration of an experiment: typed, with defaults; a YAML file over them, `--key=value` over that. Each section
 * belongs to one task.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { parseDocument } from "@std/yaml";
import { z } from "zod";
import { PROJECTIONS } from "../model/config.ts";

const count = z.number().int().positive();
const whole = z.number().int().nonnegative();
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

const DIFFICULTY = z.enum(["easy", "default", "hard"]).default("default").describe("the tiny world's dial");

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
});

const MODEL = z.strictObject({
  path: z.string().default("data/tiny").describe("the base checkpoint's folder, in Hugging Face's layout"),
  precision: z.enum(["bfloat16", "float32"]).default("bfloat16").describe("of frozen weights and activations"),
  backend: z.enum(["auto", "tensorflow", "wasm"]).default("auto"),
});

const PRETRAIN = z.strictObject({
  out: z.string().default("").describe("where the checkpoint goes; empty: the run's folder"),
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
  ...ADAMW,
};

const CDM = z.strictObject(FINE_TUNING);

const CWM = z.strictObject({
  synthetic: LIST.default("").describe("filtered trajectories to train on beside the others: files of task filter, or the stage filter"),
  syntheticLimit: whole.default(7000).describe("take so many of each file, the likeliest in each class; 0: all (paper A.8.3: 7K)"),
  weights: z.enum(["l2", "none"]).default("l2").describe("recognition weights of the loss (paper §3.2); none: C-FT"),
  normalise: z.enum(["mean", "none"]).default("mean").describe("scale the weights of an image to mean 1"),
  floor: share.default(0.1).describe("share of the loss that all tokens carry alike"),
  temperature: z.number().min(0).default(1).describe("of the pictures"),
  ...FINE_TUNING,
});

const EXPORT = z.strictObject({
  validation: whole.default(500),
  bench: whole.default(250).describe("50 of each family"),
  videos: whole.default(50),
});

const PROBE = z.strictObject({
  adapter: z.string().default("").describe("a stage, as train-cdm, or an adapter's folder in PEFT's layout; empty: the base alone"),
  bench: count.default(250).describe("trajectories of the tiny world's bench"),
  counterfactuals: LIST.default("").describe("AURORA's lists of contrary actions (disc_edit_data), one or several"),
  rewriter: z.string().default("").describe("a language model behind OPENAI_BASE_URL that contradicts the other actions; empty: none"),
});

const ANNOTATE = z.strictObject({
  videos: z.string().default("").describe("a folder of videos, of folders by class, or Kinetics-700's CSV; empty: the tiny world's"),
  world: count.default(400).describe("videos of the tiny world"),
  cdm: z.string().default("train-cdm").describe("the dynamics model: a stage, or an adapter's folder"),
  temperature: z.number().min(0).default(0).describe("of the actions; 0: the likeliest token each"),
  videosAtOnce: count.default(16).describe("videos whose pairs go through the model together"),
  sheets: z.boolean().default(false).describe("a contact sheet of each video"),
  rate: z.number().positive().default(12).describe("frames looked at a second"),
  stride: z.number().positive().default(0.5).describe("seconds between the two frames of a flow"),
  side: count.default(160).describe("largest side of the frames that flow is computed on"),
  bursts: count.default(2).describe("bursts of motion a video at most"),
  interval: z.number().positive().default(1).describe("seconds between bursts at least"),
  least: z.number().nonnegative().default(0.003).describe("motion of a burst at least, as a share of the picture's side"),
  share: share.default(0.7).describe("and as a share of the strongest burst"),
  reach: z.number().positive().default(1.5).describe("seconds from a burst to its key-frames at most"),
  pairs: z.enum(["calm", "peaks"]).default("calm").describe("calm: the stillest moments around a burst; peaks: the paper's"),
});

const FILTER = z.strictObject({
  trajectories: LIST.default("annotate").describe("annotated trajectories: files of task annotate, or the stage annotate"),
  keep: whole.default(0).describe("trajectories to keep; 0: the share below"),
  share: share.default(0.5).describe("share of the trajectories to keep, in each class"),
});

const CHOICE = {
  temperature: z.number().positive().default(1).describe("low values copy the source (paper A.8.2)"),
  topK: whole.default(0).describe("draw among so many of the likeliest tokens; 0: all"),
  topP: share.default(1).describe("draw among the likeliest tokens with this probability together"),
  guidanceText: z.number().nonnegative().default(1).describe("guidance: scale of the action; 1 and 1: none"),
  guidanceImage: z.number().nonnegative().default(1).describe("guidance: scale of the source image"),
  draft: z.enum(["none", "source"]).default("none").describe("source: all tokens in passes from the source, not one by one"),
};

const SAMPLE = z.strictObject({
  adapter: z.string().default("train-cwm").describe("a stage, or an adapter's folder; base: no adapter"),
  bench: count.default(250).describe("trajectories of the tiny world's bench"),
  batch: count.default(32).describe("images drawn together"),
  ...CHOICE,
});

const VERIFY = z.strictObject({
  adapter: z.string().default("train-cwm").describe("the world model: a stage, or an adapter's folder"),
  cdm: z.string().default("train-cdm").describe("the dynamics model that verifies"),
  candidates: count.default(8).describe("images drawn of each trajectory"),
  repeats: count.default(3).describe("pools of candidates, each with a seed of its own"),
  bench: count.default(250).describe("trajectories of the tiny world's bench"),
  together: count.default(8).describe("trajectories whose candidates are drawn together"),
  ...CHOICE,
});

const ROLLOUT = z.strictObject({
  adapter: z.string().default("train-cwm").describe("the world model: a stage, or an adapter's folder"),
  image: z.string().default("").describe("the first observation; empty: scenes of the tiny world"),
  actions: z.array(z.string()).default([]).describe("what is done, one after the other; empty: drawn in the tiny world"),
  length: count.default(6).describe("actions of a rollout in the tiny world"),
  rollouts: count.default(4).describe("rollouts in the tiny world"),
  alternatives: count.default(4).describe("other actions from the first observation, as a tree"),
  ...CHOICE,
});

const EVALUATE = z.strictObject({
  dynamics: z.array(z.string()).default(["base", "train-cdm"]).describe("whose actions: base, stages, adapters' folders"),
  temperature: z.number().min(0).default(0).describe("of the actions; 0: the likeliest token each"),
  bench: count.default(250).describe("trajectories of the tiny world's bench"),
  bertModel: z.string().default("").describe("BERTScore's model: a folder with onnx/model.onnx, tokenizer.json, baseline.tsv"),
  clip: z.string().default("").describe("CLIP-I and CLIP-T: a folder with ONNX models; empty: left out"),
  dino: z.string().default("").describe("DINO: a folder with an ONNX model; empty: left out"),
  captions: z.string().default("").describe("CLIP-T: a JSON file of captions by trajectory id"),
});

const JUDGE = z.strictObject({
  model: z.string().default("world").describe(
    "world: the tiny world's exact judge; otherwise a model's id at OPENAI_BASE_URL, as gpt-4o-2024-11-20",
  ),
  bench: count.default(250).describe("trajectories of the tiny world's bench"),
  prompt: z.string().default("data/prompts/judge.md"),
  prices: z.string().default("data/prices.json").describe("US dollars a million tokens, with their date"),
  maxCost: z.number().nonnegative().default(0).describe("US dollars after which no more is asked; 0: no limit"),
  batch: z.boolean().default(false).describe("by the provider's Batch API: cheaper, within a day"),
  concurrency: count.default(8).describe("questions in flight"),
});

const HUMAN_EVAL = z.strictObject({
  bench: count.default(250).describe("trajectories of the tiny world's bench"),
  perSubset: count.default(5).describe("items of each subset that a participant sees"),
  participants: count.default(14).describe("invite links"),
  hostname: z.string().default("127.0.0.1").describe("where the server listens; 0.0.0.0: everywhere"),
  port: whole.default(8000).describe("0: any that is free"),
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
  rollout: ROLLOUT.prefault({}).describe("task rollout"),
  evaluate: EVALUATE.prefault({}).describe("task evaluate"),
  judge: JUDGE.prefault({}).describe("task judge"),
  humanEval: HUMAN_EVAL.prefault({}).describe("task human-eval"),
  gates: GATES.prefault({}).describe("task gates"),
});

/** A whole configuration. */
export type Config = z.infer<typeof CONFIG>;

/** A `--key=value` of the command line. */
export interface Override {
  /** The key, dotted. */
  readonly key: string;
  /** Its value as text. */
  readonly value: string;
}

/**
 * Resolves a configuration.
 *
 * @param file a YAML file, or undefined for the defaults
 * @param overrides what the command line sets
 * @returns every key with its value
 * @throws UserError naming file, line, key and the nearest key, when a key is unknown or a value is of another type
 *
 * @example Defaults with one key changed
 * ```ts
 * import { resolveConfig } from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const config = resolveConfig(undefined, [{ key: "cwm.lr", value: "1e-4" }]);
 * assertEquals(config.cwm.lr, 1e-4);
 * ```
 */
export function resolveConfig(file: string | undefined, overrides: readonly Override[]): Config {
  const { values, lineOf } = file === undefined ? { values: {}, lineOf: () => undefined } : readYaml(file);
  for (const { key, value } of overrides) set(values, key, value);
  const parsed = CONFIG.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...issue.path.map(String), ...(unknown === undefined ? [] : [unknown])];
  const where = placeOf(path.join("."), file, overrides, lineOf);
  if (unknown === undefined) throw new UserError(`${where}: "${path.join(".")}": ${plain(issue.message)}`);
  const [near, section] = nearestKey(path);
  throw new UserError(`${where}: there is no key "${path.join(".")}"; the nearest is "${near}"${section}`);
}

/** All keys of the configuration with their defaults and what they are for. */
export function describeConfig(sections: readonly string[]): string {
  const defaults = CONFIG.parse({}) as Record<string, unknown>;
  const lines: string[] = [];
  const walk = (schema: unknown, value: unknown, path: string) => {
    const shape = shapeOf(schema);
    if (!shape) {
      const text = (schema as { description?: string }).description;
      lines.push(`  --${path}=${JSON.stringify(value)}${text ? `  ${text}` : ""}`);
      return;
    }
    for (const [key, inner] of Object.entries(shape)) walk(inner, (value as Record<string, unknown>)[key], path ? `${path}.${key}` : key);
  };
  for (const section of sections) walk(CONFIG.shape[section as "seed"], defaults[section], section);
  return lines.join("\n");
}

/** All dotted keys. */
export function configKeys(): string[] {
  const keys: string[] = [];
  const walk = (schema: unknown, path: string) => {
    const shape = shapeOf(schema);
    if (!shape) return void keys.push(path);
    for (const [key, inner] of Object.entries(shape)) walk(inner, path ? `${path}.${key}` : key);
  };
  walk(CONFIG, "");
  return keys;
}

function readYaml(file: string): { values: Record<string, unknown>; lineOf: (key: string) => number | undefined } {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch {
    throw new UserError(`Cannot read the config ${file}: give the path of a YAML file, such as data/configs/tiny.yaml`);
  }
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw new UserError(`${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split("\n")[0]}`);
  const values = document.toJS() ?? {};
  if (typeof values !== "object" || Array.isArray(values)) throw new UserError(`${file}:1: the file must hold keys and values`);
  const lineOf = (key: string) => {
    const last = key.split(".").at(-1)!;
    const index = text.split("\n").findIndex((line) => line.trimStart().startsWith(`${last}:`));
    return index < 0 ? undefined : index + 1;
  };
  return { values, lineOf };
}

function set(values: Record<string, unknown>, key: string, text: string): void {
  const parts = key.split(".");
  let at = values;
  for (const part of parts.slice(0, -1)) {
    const next = Object.hasOwn(at, part) ? at[part] : undefined;
    at = (Object.hasOwn(at, part) && typeof next === "object" && next !== null ? next : at[part] = {}) as Record<string, unknown>;
  }
  at[parts.at(-1)!] = valueOf(text);
}

function valueOf(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 || text === "" ? text : document.toJS();
}

function placeOf(
  key: string,
  file: string | undefined,
  overrides: readonly Override[],
  lineOf: (key: string) => number | undefined,
): string {
  const override = overrides.find((override) =>
    override.key === key || key.startsWith(`${override.key}.`) || override.key.startsWith(`${key}.`)
  );
  if (override || !file) return `--${override?.key ?? key}`;
  const line = lineOf(key);
  return line ? `${file}:${line}` : file;
}

function nearestKey(path: readonly string[]): [key: string, section: string] {
  const wanted = path.at(-1)!;
  const keys = configKeys();
  const names = [...new Set(keys.flatMap((key) => key.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."))))];
  const own = path.slice(0, -1).join(".");
  const cost = (key: string) => {
    const parts = key.split(".");
    return editDistance(parts.at(-1)!, wanted) + (parts.slice(0, -1).join(".") === own ? 0 : key.startsWith(`${own}.`) ? 0.25 : 0.5);
  };
  const near = names.reduce((best, key) => cost(key) < cost(best) ? key : best);
  const section = near.split(".").slice(0, -1).join(".");
  return [near, section === "" ? "" : ` in section "${section}"`];
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let at = schema;
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault) at = at.unwrap();
  return at instanceof z.ZodObject ? at.shape : undefined;
}

function plain(message: string): string {
  return message.replace("Invalid input: e", "e");
}
