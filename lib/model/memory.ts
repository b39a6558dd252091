/**
 * How much memory a training takes, worked out before anything is loaded.
 *
 * @module
 */
import type { CheckpointPlan } from "./checkpoint.ts";
import { type ChameleonConfig, type Projection, projectionShape } from "./config.ts";

/** A training's memory, in bytes. */
export interface MemoryPlan {
  /** Frozen weights. */
  readonly weights: number;
  /** LoRA factors, their gradients and AdamW's moments. */
  readonly adapter: number;
  /** Activations of one micro-batch. */
  readonly activations: number;
  /** The engine itself. */
  readonly engine: number;
  /** All together. */
  readonly total: number;
}

const ENGINE_BYTES = 750 * 2 ** 20; // libtensorflow, what XLA compiled, and Deno, measured

/** What the plan depends on beside the checkpoint. */
export interface TrainingSize {
  /** Rank of the adapter. */
  readonly rank: number;
  /** Adapted matrices. */
  readonly targets: readonly Projection[];
  /** Sequences a micro-batch. */
  readonly batch: number;
  /** Tokens a sequence. */
  readonly positions: number;
  /** Bytes of an activation. */
  readonly bytes: number;
  /** Whether blocks are recomputed. */
  readonly checkpointing: boolean;
}

/**
 * Works out a training's memory. Within a third of what `bench train` measured at d 256 and d 512.
 *
 * @param checkpoint what is trained
 * @param size of the training
 * @returns bytes, by what they are for
 *
 * @example More sequences take more
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const plan = ws.model.planCheckpoint("data/tiny", "bfloat16");
 * const size = { rank: 16, targets: ws.model.PROJECTIONS, positions: 176, bytes: 2, checkpointing: false };
 * const total = (batch: number) => ws.model.planMemory(plan, { ...size, batch }).total;
 * assert(total(64) > total(16));
 * ```
 */
export function planMemory({ config, bytes: weights }: CheckpointPlan, size: TrainingSize): MemoryPlan {
  const factors = size.targets.reduce((sum, name) => {
    const [out, input] = projectionShape(config, name);
    return sum + size.rank * (out + input);
  }, 0);
  const adapter = factors * config.layers * 4 * 4; // factors, gradients, two moments, float32
  const block = blockActivations(config, size);
  const stream = size.batch * size.positions * config.hiddenSize * 4; // a block's input, float32
  const activations = size.checkpointing ? config.layers * 2 * stream + block : config.layers * (block + stream);
  return { weights, adapter, activations, engine: ENGINE_BYTES, total: weights + adapter + activations + ENGINE_BYTES };
}

/** What a block keeps for its gradient: inputs of products with and without dropout, heads, attention weights. */
function blockActivations({ hiddenSize, intermediateSize, heads }: ChameleonConfig, { batch, positions, bytes }: TrainingSize): number {
  const tokens = batch * positions;
  const widths = 22 * hiddenSize + 8 * intermediateSize; // those kept, and those alive at once in the backward pass
  const attention = heads * positions;
  return tokens * (widths + attention) * bytes;
}

/** The plan in a line. */
export function memoryText({ parameters }: CheckpointPlan, plan: MemoryPlan, free: number): string {
  const parts = `weights ${mebibytes(plan.weights)}, adapter ${mebibytes(plan.adapter)}, activations ${mebibytes(plan.activations)}`;
  return `${(parameters / 1e6).toFixed(1)} M weights\nMemory: ${parts}, engine ${mebibytes(plan.engine)}: ${mebibytes(plan.total)} of ${
    mebibytes(free)
  } free`;
}

/**
 * Why a plan does not fit, and what makes it smaller; of a plan beyond any machine, which key is absurd.
 *
 * @param plan the memory
 * @param free bytes that are free
 * @param size what the plan was made for
 * @param section of the configuration that holds the keys, "cdm" or "cwm"
 * @returns one sentence
 */
export function tooLargeText(plan: MemoryPlan, free: number, { batch, rank }: TrainingSize, section: string): string {
  const taken = `Cannot train as it takes ${mebibytes(plan.total)} and ${mebibytes(free)} are free`;
  if (plan.total > ABSURD * free) {
    const [key, value] = plan.adapter > plan.activations ? ["lora.rank", rank] : ["batch", batch];
    return `${taken}: --${section}.${key}=${value} is far too large`;
  }
  return `${taken}: try --${section}.checkpointing=true, a smaller --${section}.batch with more --${section}.accumulate, or --model.precision=bfloat16`;
}

const ABSURD = 1000; // times the free memory: no saving helps then

/** Bytes as people say them. */
export function mebibytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
