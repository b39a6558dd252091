/**
 * How long the stages of a configuration take: what there is to compute and to read, over what a device does in a second, as it
 * is stated or as a short probe measures it.
 *
 * @module
 */
import { dispose, freeze, normal, type Precision, seedTensor, type Tensor, tf, tidy, toPrecision, valuesOf } from "../engine/mod.ts";
import { type Chameleon, type CheckpointPlan, createAdapter, hiddenStates, imageTokens } from "../model/mod.ts";
import { modelOf, weightShapes } from "../model/checkpoint.ts";
import { blockWeights, logitFlops, passFlops, pictureFlops, stepBytes, trainingFlops } from "../model/cost.ts";
import { adapterTensors } from "../model/lora.ts";
import { adapterBytes } from "../model/memory.ts";
import { generate } from "../sample/mod.ts";
import { LONGEST } from "../sample/predict_actions.ts";
import { completionGradients } from "../train/completion_loss.ts";
import { ACTION, type Device, QUESTION, rowsOf, stageMemory, workingBytes } from "./plan.ts";
import type { Config } from "./schema.ts";
import { stepsOf } from "./training_config.ts";

/** What a device does in a second, as this engine is thought or measured to reach it. */
export interface Rates {
  /** Operations of a training step. */
  readonly train: number;
  /** Operations of a forward pass. */
  readonly read: number;
  /** Bytes that a step of drawing reads. */
  readonly draw: number;
  /** Where the numbers come from. */
  readonly source: string;
}

/** An NVIDIA H100 SXM by its data sheet. */
export const H100 = { name: "H100", flops: 989e12, bandwidth: 3.35e12, memory: 79.6 * 2 ** 30 } as const;

/** An H100's rates, estimated: two fifths of its products, half of its bandwidth. Nothing here was run on one. */
export const H100_RATES: Rates = {
  ...{ train: 0.4 * H100.flops, read: 0.4 * H100.flops, draw: 0.5 * H100.bandwidth },
  source: "estimated: 40 % of 989 TFLOP/s and 50 % of 3.35 TB/s, an H100's data sheet",
};

/** How much a stage has to do. */
export interface Amounts {
  /** Trajectories to train on, synthetic ones not counted. */
  readonly trajectories: number;
  /** More trajectories for the dynamics model alone, EPIC-Kitchens' in the paper. */
  readonly epic: number;
  /** Synthetic trajectories. */
  readonly synthetic: number;
  /** Key-frame pairs to annotate. */
  readonly pairs: number;
  /** Trajectories of the bench. */
  readonly bench: number;
}

/** A stage's time on one device. */
export interface StageTime {
  /** The stage. */
  readonly stage: string;
  /** Hours on one device. */
  readonly hours: number;
  /** Into how many equal parts the work can be split: sequences of a step, or items. */
  readonly parts: number;
  /** What devices tell each other in a training: how often, and how many bytes each time. */
  readonly wire?: { readonly steps: number; readonly bytes: number };
}

/** What a message costs however short it is, in seconds: a guess, between NVLink's and a network's. */
const HOP = 20e-6;

/**
 * Seconds of a ring all-reduce: each device sends and receives 2 (n - 1) / n of the bytes, in 2 (n - 1) messages.
 *
 * @param bytes that are added up
 * @param devices in the ring
 * @param link bytes a second from each device to the next
 */
export function allReduceSeconds(bytes: number, devices: number, link: number): number {
  return 2 * (devices - 1) * (bytes / devices / link + HOP);
}

/** Hours on so many devices: parts are split whole, and gradients go over the link after each step, not beside its work. */
export function hoursOn({ hours, parts, wire }: StageTime, devices: number, link: number): number {
  const talk = wire ? wire.steps * allReduceSeconds(wire.bytes, devices, link) / 3600 : 0;
  return hours * Math.ceil(parts / devices) / parts + talk;
}

/** Key-frame pairs in an hour of the paper's videos: 87,000 of 45 hours (§3.2). */
const PAIRS_PER_HOUR = 87_000 / 45;

/** Hours of video that a core decodes and measures in an hour: half of what `deno task bench video` measured with two. */
const VIDEO_PER_CORE = 18;

/**
 * The time to annotate so many hours of video like the paper's: the slower of devices, which encode pairs and say actions, and of the
 * cores beside them, which decode and measure motion meanwhile.
 *
 * @param hours of video
 * @param perPair hours that a device takes for a pair
 * @param cores beside each device
 */
export function videoTime(hours: number, perPair: number, cores: number): StageTime & { readonly device: number; readonly cores: number } {
  const both = { device: hours * PAIRS_PER_HOUR * perPair, cores: hours / VIDEO_PER_CORE / cores };
  const parts = Math.round(hours * PAIRS_PER_HOUR);
  return { stage: `annotate ${hours.toLocaleString("en")} h of video`, hours: Math.max(both.device, both.cores), parts, ...both };
}

/**
 * The time of every stage that uses the model.
 *
 * @param config the configuration
 * @param checkpoint the base
 * @param amounts how much there is to do
 * @param rates of the device
 * @param device its memory, which says how many images are drawn at once
 * @returns a time for each stage, in the order of the paper
 */
export function stageTimes(config: Config, checkpoint: CheckpointPlan, amounts: Amounts, rates: Rates, device: Device): StageTime[] {
  const { config: shape } = checkpoint;
  const { cdm, cwm, verify, evaluate } = config;
  const { trajectories, epic, synthetic, pairs, bench } = amounts;
  const image = imageTokens(shape);
  const [codes, vocabulary] = [shape.vq.codes, shape.vocabSize];
  const encode = 2 * pictureFlops(shape, "encoder") / rates.read; // a pair
  const decode = pictureFlops(shape, "decoder") / rates.read;
  const read = (positions: number) => passFlops(shape, positions) / rates.read;
  const question = 2 * image + QUESTION;
  const scoreAction = read(question + LONGEST) + logitFlops(shape, LONGEST, vocabulary) / rates.read;
  const scoreImage = read(2 * image + ACTION) + logitFlops(shape, image, codes) / rates.read;
  const bytes = config.model.precision === "bfloat16" ? 2 : 4;
  const atOnce = (task: string, name: RegExp) => {
    const stage = stageMemory(task, config, checkpoint)!;
    return rowsOf(stage.work.find((work) => name.test(work.name))!, workingBytes(stage, device));
  };
  const drawn = (rows: number, each: number, positions: number, tokens: number, head: number) =>
    // seconds a row
    tokens * stepBytes(shape, { rows, prompts: Math.ceil(rows / each), positions, drawn: tokens / 2, head, bytes }) / rates.draw / rows;
  const say = read(question) + drawn(atOnce("annotate", /say/), 1, question, LONGEST / 2, vocabulary); // actions end sooner
  const imageOf = (task: string, each: number) =>
    read(image + ACTION) / each + drawn(atOnce(task, /draw/), each, image + ACTION, image, codes);

  const trained = (section: "cdm" | "cwm", items: number) => {
    const { batch, accumulate, checkpointing } = config[section];
    const sequences = stepsOf(config[section], items) * batch * accumulate;
    const loss = section === "cdm" ? { asked: LONGEST, head: vocabulary } : { asked: image, head: codes };
    return sequences * trainingFlops(shape, 2 * image + ACTION, loss, checkpointing) / rates.train + items * encode;
  };
  const [cdmParts, cwmParts] = [cdm.batch * cdm.accumulate, cwm.batch * cwm.accumulate];
  const perPool = verify.candidates * (imageOf("verify", verify.candidates) + scoreAction + decode);
  const seconds: [string, number, number][] = [
    ["train-cdm", trained("cdm", trajectories + epic), cdmParts],
    ["probe", bench * (encode + 5 * (scoreAction + scoreImage)), bench],
    ["evaluate-actions", bench * (encode + evaluate.dynamics.length * say), bench],
    ["annotate", pairs * (encode + say + scoreAction), pairs],
    ["train-cft", trained("cwm", trajectories), cwmParts],
    ["train-cwm", trained("cwm", trajectories + synthetic), cwmParts],
    ["sample", bench * (encode + imageOf("sample", 1) + scoreImage + decode), bench],
    ["verify", bench * (encode + verify.repeats * perPool), bench],
  ];
  return seconds.map(([stage, total, parts]) => {
    const wire = wireOf(stage, config, checkpoint, amounts);
    return { stage, hours: total / 3600, parts: Math.max(1, parts), ...(wire && { wire }) };
  });
}

/** What the devices of a training tell each other: its gradients, once a step. */
function wireOf(stage: string, config: Config, { config: shape }: CheckpointPlan, amounts: Amounts): StageTime["wire"] {
  const more = { "train-cdm": amounts.epic, "train-cft": 0, "train-cwm": amounts.synthetic }[stage];
  if (more === undefined) return;
  const options = stage === "train-cdm" ? config.cdm : config.cwm;
  return { steps: stepsOf(options, amounts.trajectories + more), bytes: adapterBytes(shape, options.lora) };
}

/**
 * Measures the rates on the device that is there: a training step, a forward pass and some steps of drawing with a block of the
 * base's shape and random weights. The engine must be open.
 *
 * @param config the configuration: its precision, adapter and batch
 * @param checkpoint the base
 * @returns rates
 */
export function measureRates(config: Config, checkpoint: CheckpointPlan): Rates {
  const { model: { precision }, cwm } = config;
  const image = imageTokens(checkpoint.config);
  const { shape, chameleon, weights } = randomBlock(checkpoint, precision);
  const adapter = createAdapter(shape, cwm.lora, 1);
  const positions = 2 * image + ACTION;
  const batch = {
    tokens: tf.zeros([cwm.batch, positions], "int32") as Tensor,
    padding: tf.zeros([1, 1, 1, positions]) as Tensor,
    labels: tf.zeros([cwm.batch, image], "int32") as Tensor,
    weights: tf.ones([cwm.batch, image]) as Tensor,
  };
  const gradients = completionGradients({ model: chameleon, head: chameleon.head, adapter, checkpointing: cwm.checkpointing });
  const loss = { asked: image, head: shape.vocabSize };
  const train = secondOf(() => {
    const { value, grads } = tidy(() => gradients([...adapterTensors(adapter).values()], batch, seedTensor(1)));
    valuesOf(value);
    dispose([value, grads]);
  });
  const read = secondOf(() => {
    const hidden = tidy(() => hiddenStates(chameleon, batch.tokens, { last: 1 }));
    valuesOf(hidden);
    hidden.dispose();
  });
  const draw = drawingRate(chameleon, Math.min(8, config.sample.batch), image, precision === "bfloat16" ? 2 : 4);
  dispose([batch, [...weights.values()], [...adapterTensors(adapter).values()]]);
  return {
    train: cwm.batch * trainingFlops(shape, positions, loss, cwm.checkpointing) / train,
    read: cwm.batch * passFlops(shape, positions) / read,
    draw,
    source: `measured here, ${(blockWeights(shape) / 1e6).toFixed(0)} M weights a block`,
  };
}

/** Seconds of the second run; the first compiles. */
function secondOf(work: () => void): number {
  work();
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** A block of the base's shape, with rows for image tokens alone. */
function randomBlock(checkpoint: CheckpointPlan, precision: Precision) {
  const shape = { ...checkpoint.config, layers: 1, vocabSize: checkpoint.config.vq.codes + 6 };
  const own = [...weightShapes(shape)].filter(([name]) => !name.startsWith("model.vqmodel."));
  const random = (name: string, dims: readonly number[]) =>
    tidy(() => toPrecision(tf.mul(normal(dims, seedTensor(name)), 0.02) as Tensor, precision));
  const weights = new Map(own.map(([name, dims]) => [name, freeze(random(name, dims))]));
  return { shape, weights, chameleon: modelOf("", shape, (name) => weights.get(name)).chameleon };
}

/** Bytes a second that a step of drawing reads. */
function drawingRate(model: Chameleon, rows: number, positions: number, bytes: number): number {
  const sampler = { model, head: model.head, firstId: 0, pad: 1 };
  const times: number[] = [];
  const prompts = Array<number[]>(rows).fill(Array<number>(positions).fill(2));
  generate(sampler, prompts, 12, { temperature: 1, seed: 1, onStep: () => times.push(performance.now()) });
  const step = Math.min(...times.slice(3).map((time, i) => time - times[i + 2]!)) / 1000; // the first ones compile
  const head = model.config.vocabSize;
  return stepBytes(model.config, { rows, prompts: 1, positions, drawn: 6, head, bytes }) / step;
}
