/**
 * What a stage needs of the device's memory, known before it starts: what stays, what comes and goes, and how many rows of
 * each piece of work fit at once. Shown in the dry run and at the start; what cannot fit is refused with the flag that helps.
 *
 * @module
 */
import { gpuMemory, libtensorflowFolder } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { exists } from "../files.ts";
import { type CheckpointPlan, drawingBytes, imageTokens, planMemory, scoringBytes, type TrainingSize } from "../model/mod.ts";
import {
  adapterBytes,
  copyFits,
  ENGINE_BYTES,
  mebibytes,
  mergedBytes,
  pictureBytes,
  picturesAtOnce,
  rowsThatFit,
} from "../model/memory.ts";
import { promptsOfRow } from "../sample/draw.ts";
import { BATCH, LONGEST } from "../sample/predict_actions.ts";
import { SCORED_TOGETHER } from "../sample/likelihood.ts";
import { freeMemory } from "./memory.ts";
import type { Config } from "./schema.ts";

/** The memory that a stage works in. */
export interface Device {
  /** Its name. */
  readonly name: string;
  /** Bytes that are free for us. */
  readonly free: number;
}

/** A piece of work of a stage; pieces follow each other, so the largest counts. */
export interface Work {
  /** What is done. */
  readonly name: string;
  /** Of what. */
  readonly unit: string;
  /** Rows that are wanted at once. */
  readonly wanted: number;
  /** Whether fewer may be taken where memory is short: the result is the same but for rounding. */
  readonly flexible: boolean;
  /** The key that says how many, if one does. */
  readonly key?: string;
  /** Bytes of the matrices that a drawing merges an adapter into, where they take half of the budget at most. */
  readonly copy?: number;
  /** Bytes of so many rows. */
  bytes(rows: number): number;
}

/** A stage's memory: what stays, and its pieces of work. */
export interface StageMemory {
  /** Bytes that stay, by what they are for. */
  readonly fixed: Readonly<Record<string, number>>;
  /** Pieces of work. */
  readonly work: readonly Work[];
}

const SPARE = 0.9; // of the free memory is planned with: plans are right within a tenth
const ABSURD = 1000; // times the free memory: no saving helps then
/** Positions of an action and the marks around it. */
export const ACTION = 48;
/** Positions of the question to the dynamics model, with its marks. */
export const QUESTION = 32;

/**
 * The memory of the device that will hold a model: the GPU's where there is one, otherwise this machine's, or a worker's part of it. Before
 * the engine is open, as in a dry run, `nvidia-smi` says what a GPU has.
 *
 * @param workers on this machine, each of which holds a model
 * @returns its name and free bytes
 */
export function deviceMemory(workers = 1): Device {
  const gpu = gpuMemory() ?? (exists(`${libtensorflowFolder()}/../nvidia`) ? nvidiaMemory() : undefined);
  if (gpu !== undefined) return { name: "the GPU", free: gpu };
  return { name: workers === 1 ? "this machine" : `one of ${workers} workers on this machine`, free: freeMemory() / workers };
}

/** Free bytes of the first GPU as `nvidia-smi` tells; undefined where there is none. */
export function nvidiaMemory(): number | undefined {
  try {
    const args = ["--query-gpu=memory.free", "--format=csv,noheader,nounits"];
    const { success, stdout } = new Deno.Command("nvidia-smi", { args, stderr: "null" }).outputSync();
    const first = Number.parseInt(new TextDecoder().decode(stdout), 10); // MiB
    return success && Number.isSafeInteger(first) && first > 0 ? first * 2 ** 20 : undefined;
  } catch {
    return; // not installed, or not allowed to run
  }
}

/**
 * The memory of a stage.
 *
 * @param task the task's name
 * @param config its configuration
 * @param checkpoint the base
 * @returns what stays and what is done; undefined for a task that this says nothing of
 */
export function stageMemory(task: string, config: Config, checkpoint: CheckpointPlan): StageMemory | undefined {
  const shapes = workOf(config, checkpoint);
  const { encode, draw, say, score, decode } = shapes;
  const { sample, verify, rollout, serve, cdm, cwm } = config;
  const base = { weights: checkpoint.bytes, engine: ENGINE_BYTES };
  const adapted = (...loras: readonly TrainingLora[]) => ({
    ...base,
    adapters: loras.reduce((sum, lora) => sum + adapterBytes(checkpoint.config, lora), 0),
  });
  switch (task) {
    case "train-cdm":
      return { fixed: { ...base, ...trainedAdapter(checkpoint, cdm.lora) }, work: [encode, shapes.train("cdm"), say(cdm.samples)] };
    case "train-cwm":
      return {
        fixed: { ...base, ...trainedAdapter(checkpoint, cwm.lora) },
        work: [encode, shapes.train("cwm"), draw(cwm.samples, 1, {}), decode],
      };
    case "probe":
      return { fixed: adapted(cdm.lora), work: [encode, score("action", 5), score("observation", 5)] };
    case "annotate":
      return { fixed: adapted(cdm.lora), work: [encode, say(BATCH), score("action", 1)] };
    case "evaluate-actions":
      return { fixed: adapted(...config.evaluate.dynamics.map(() => cdm.lora)), work: [encode, say(BATCH)] };
    case "sample":
      return { fixed: adapted(cwm.lora), work: [encode, draw(sample.batch, 1, sample, "sample.batch"), score("observation", 1), decode] };
    case "verify": {
      const drawn = draw(verify.together * verify.candidates, verify.candidates, verify, "verify.candidates");
      return { fixed: adapted(cwm.lora, cdm.lora), work: [encode, drawn, score("action", verify.candidates), decode] };
    }
    case "serve": {
      const drawn = draw(serve.together * serve.candidates, serve.candidates, serve, "serve.together");
      const others = serve.other === "" ? [] : [cwm.lora];
      return { fixed: adapted(cwm.lora, cdm.lora, ...others), work: [encode, drawn, score("action", serve.candidates), say(1), decode] };
    }
    case "rollout":
      return {
        fixed: adapted(cwm.lora),
        work: [encode, draw(Math.max(rollout.rollouts, rollout.alternatives), 1, rollout, "rollout.rollouts"), decode],
      };
  }
}

type TrainingLora = Pick<TrainingSize, "rank" | "targets">;

function trainedAdapter(checkpoint: CheckpointPlan, lora: TrainingLora): Record<string, number> {
  const { adapter, engine } = planMemory(checkpoint, { ...lora, batch: 1, positions: 1, bytes: 2, checkpointing: true });
  return { "adapter and optimiser": adapter, engine };
}

/** Pieces of work in the shapes of a checkpoint. */
function workOf({ model, cdm, cwm }: Config, checkpoint: CheckpointPlan) {
  const { config } = checkpoint;
  const [image, codes, vocabulary] = [imageTokens(config), config.vq.codes, config.vocabSize];
  const bytes = model.precision === "bfloat16" ? 2 : 4;
  const pair = 2 * image + QUESTION; // positions of the question about two images
  const pictures = (name: string, half: "encoder" | "decoder"): Work => {
    const wanted = picturesAtOnce(config.vq, 32);
    return { name, unit: "pictures", wanted, flexible: false, bytes: (rows) => pictureBytes(config.vq, rows, half) };
  };
  const say = (wanted: number): Work => ({
    ...{ name: "say actions", unit: "pairs", wanted: Math.min(wanted, BATCH), flexible: true, copy: mergedBytes(config, bytes) },
    bytes: (rows) => drawingBytes(config, { rows, prompts: rows, positions: pair, tokens: LONGEST, head: vocabulary, bytes }),
  });
  const draw = (wanted: number, each: number, scales: { guidanceText?: number; guidanceImage?: number }, key?: string): Work => {
    const times = promptsOfRow({ text: scales.guidanceText ?? 1, image: scales.guidanceImage ?? 1 });
    const shape = { positions: image + ACTION, tokens: image, head: codes, bytes };
    return {
      ...{ name: times === 1 ? "draw" : "draw with guidance", unit: "images", wanted, flexible: true, ...(key !== undefined && { key }) },
      copy: mergedBytes(config, bytes),
      bytes: (rows) => drawingBytes(config, { ...shape, rows: times * rows, prompts: times * Math.ceil(rows / each) }),
    };
  };
  const score = (of: "action" | "observation", family: number): Work => {
    const candidates = family > 1 && of === "action"; // they share the source alone
    const prefix = of === "observation" ? image + ACTION : candidates ? image : pair;
    const rest = of === "observation" ? image : candidates ? pair - image + LONGEST : LONGEST;
    const shape = { prefix, rest, asked: of === "action" ? LONGEST : image, head: of === "action" ? vocabulary : codes, bytes };
    return {
      ...{ name: `score ${of}s`, unit: "sequences", wanted: SCORED_TOGETHER, flexible: true },
      bytes: (rows) => scoringBytes(config, { ...shape, rows: rows + Math.min(family, rows) - 1, families: Math.ceil(rows / family) }),
    };
  };
  const train = (section: "cdm" | "cwm") => trainingWork(section, { cdm, cwm }, checkpoint, bytes);
  return { encode: pictures("encode", "encoder"), decode: pictures("decode", "decoder"), say, draw, score, train };
}

/** A micro-batch of a training. */
function trainingWork(section: "cdm" | "cwm", options: Pick<Config, "cdm" | "cwm">, checkpoint: CheckpointPlan, bytes: number): Work {
  const { lora, batch, checkpointing } = options[section];
  const { config } = checkpoint;
  const image = imageTokens(config);
  const rows = options.cwm.head === "all" ? config.vocabSize : config.vq.codes;
  const loss = section === "cdm" ? { completions: LONGEST, head: config.vocabSize } : { completions: image, head: rows };
  const size = { ...lora, positions: 2 * image + ACTION, bytes, checkpointing, ...loss };
  return {
    ...{ name: checkpointing ? "train, recomputing blocks" : "train", unit: "sequences", wanted: batch },
    ...{ flexible: false, key: `${section}.batch` },
    bytes: (rows) => planMemory(checkpoint, { ...size, batch: rows }).activations,
  };
}

/** Bytes that a stage may use beside what stays. */
export function workingBytes({ fixed }: StageMemory, { free }: Device): number {
  return SPARE * free - Object.values(fixed).reduce((a, b) => a + b, 0);
}

/** The rows of a piece of work that are taken at once. */
export function rowsOf(work: Work, budget: number): number {
  return work.flexible ? rowsThatFit(work.wanted, budget - copied(work, budget), (rows) => work.bytes(rows)) : work.wanted;
}

function copied({ copy = 0 }: Work, budget: number): number {
  return copyFits(copy, budget) ? copy : 0;
}

/** What a piece of work takes beside what stays. */
function taken(work: Work, budget: number): number {
  return copied(work, budget) + work.bytes(rowsOf(work, budget));
}

/** The most that a stage takes, in bytes. */
export function peakOf(stage: StageMemory, device: Device): number {
  const budget = workingBytes(stage, device);
  const fixed = Object.values(stage.fixed).reduce((a, b) => a + b, 0);
  return fixed + Math.max(...stage.work.map((work) => taken(work, budget)));
}

/**
 * A stage's memory in words.
 *
 * @param stage its memory
 * @param device where it runs
 * @returns a line for what stays and one for each piece of work
 */
export function memoryText(stage: StageMemory, device: Device): string {
  const budget = workingBytes(stage, device);
  const fixed = Object.entries(stage.fixed).map(([name, bytes]) => `${name} ${mebibytes(bytes)}`).join(", ");
  const lines = stage.work.map((work) => {
    const rows = rowsOf(work, budget);
    const fewer = rows < work.wanted ? ` (${work.wanted} are wanted, fewer fit)` : "";
    return `  ${work.name}: ${rows} ${work.unit} at once, ${mebibytes(taken(work, budget))}${fewer}`;
  });
  const total = `${mebibytes(peakOf(stage, device))} of ${mebibytes(device.free)} free on ${device.name}`;
  return [`Memory: ${total}; ${fixed}, and the largest of`, ...lines].join("\n");
}

/**
 * Refuses a stage that cannot fit.
 *
 * @param stage its memory
 * @param device where it would run
 * @param task the task's name
 * @param config its configuration
 * @throws UserError naming the flag of this task that helps, or the key that is absurd
 */
export function requireFit(stage: StageMemory, device: Device, task: string, config: Config): void {
  const { free } = device;
  const verb = task.startsWith("train") ? "train" : task;
  const [most, bytes] = Object.entries(stage.fixed).reduce((a, b) => b[1] > a[1] ? b : a);
  const absurd = stage.work.find((work) => work.key !== undefined && work.bytes(work.wanted) > ABSURD * free);
  const tooMuch = (total: number) =>
    `Cannot ${verb} as it takes ${mebibytes(total)} and ${mebibytes(free)} are free${device.name === "the GPU" ? " on the GPU" : ""}`;
  if (absurd) {
    throw new UserError(`${tooMuch(absurd.bytes(absurd.wanted))}: --${absurd.key}=${valueOf(config, absurd.key!)} is far too large`);
  }
  if (bytes > ABSURD * free && most !== "weights") {
    const key = task === "train-cwm" || task === "sample" || task === "rollout" ? "cwm.lora.rank" : "cdm.lora.rank";
    throw new UserError(`${tooMuch(bytes)}: --${key}=${valueOf(config, key)} is far too large`);
  }
  const total = peakOf(stage, device);
  if (total > free) throw new UserError(`${tooMuch(total)}: try ${remedy(stage, device, task, config)}`);
}

/** What makes a stage of this task smaller. */
function remedy(stage: StageMemory, device: Device, task: string, config: Config): string {
  const section = task === "train-cdm" ? "cdm" : task === "train-cwm" ? "cwm" : undefined;
  const half = config.model.precision === "float32" ? ["--model.precision=bfloat16"] : [];
  if (section) {
    const recompute = config[section].checkpointing ? [] : [`--${section}.checkpointing=true`];
    const fewer = config[section].batch > 1 ? [`a smaller --${section}.batch with more --${section}.accumulate`] : [];
    const options = [...recompute, ...fewer, ...half];
    if (options.length > 0) return options.join(", or ");
  }
  const guided = stage.work.find(({ name }) => name === "draw with guidance");
  const plain = guided ? [`--${task}.guidanceText=1 --${task}.guidanceImage=1`] : [];
  const least = Object.values(stage.fixed).reduce((a, b) => a + b, 0) +
    Math.max(...stage.work.map((work) => work.bytes(work.flexible ? 1 : work.wanted)));
  const larger = `a device with ${mebibytes(least / SPARE)} or a smaller --model.path (${device.name} has ${mebibytes(device.free)})`;
  return [...plain, ...half, larger].join(", or ");
}

function valueOf(config: Config, key: string): unknown {
  return key.split(".").reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], config);
}

/**
 * Says what memory a stage takes, and refuses what cannot fit.
 *
 * @param task the task's name
 * @param config its configuration
 * @param checkpoint the base
 * @param workers on this machine
 * @throws UserError when it cannot fit
 */
export function announceMemory(task: string, config: Config, checkpoint: CheckpointPlan, workers = 1): void {
  const stage = stageMemory(task, config, checkpoint);
  if (!stage) return;
  const device = deviceMemory(workers);
  requireFit(stage, device, task, config);
  console.log(memoryText(stage, device));
}

/**
 * Bytes that samplers may use for what is drawn and scored together, beside two adapters; to be asked before the weights are
 * loaded.
 *
 * @param config the configuration
 * @param checkpoint the base
 * @param workers on this machine
 * @returns bytes
 */
export function freeForWork({ cdm, cwm }: Config, checkpoint: CheckpointPlan, workers = 1): number {
  const adapters = adapterBytes(checkpoint.config, cdm.lora) + adapterBytes(checkpoint.config, cwm.lora);
  return workingBytes({ fixed: { weights: checkpoint.bytes, engine: ENGINE_BYTES, adapters }, work: [] }, deviceMemory(workers));
}
