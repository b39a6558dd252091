/**
 * How much memory work takes, worked out from shapes before anything is loaded. `deno task bench plan` holds these numbers to
 * what is measured.
 *
 * Letters: B sequences, T positions, D width, F width of the feed-forward layer, H heads, K rows of the output matrix.
 *
 * @module
 */
import { CHUNK } from "../nn/attention.ts";
import type { CheckpointPlan } from "./checkpoint.ts";
import { type ChameleonConfig, type Projection, PROJECTIONS, projectionShape, type VqConfig } from "./config.ts";
import { partSize } from "./sharded.ts";

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

/** libtensorflow, what it compiled, and Deno, in bytes: measured. */
export const ENGINE_BYTES: number = 530 * 2 ** 20;

const TRAINING_ENGINE = ENGINE_BYTES + 90 * 2 ** 20; // the backward pass is compiled as well: measured

/** What a training's plan depends on beside the checkpoint. */
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
  /** Positions of a sequence that have a loss; a quarter of them when it is not said. */
  readonly completions?: number;
  /** Rows of the output matrix that the softmax runs over; image codes when it is not said. */
  readonly head?: number;
}

/**
 * Works out a training's memory.
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
  const adapter = TRAINED_COPIES * adapterBytes(config, size);
  const { batch, positions, checkpointing, completions = positions / 4, head = config.vq.codes } = size;
  const block = trainedBlock(config, size);
  const stream = batch * positions * config.hiddenSize * 4; // a block's input, float32
  const joined = batch * positions < config.hiddenSize ? 0 : matrixElements(config) * size.bytes; // a block's weights beside their updates
  const kept = checkpointing ? config.layers * stream + block : config.layers * (block + stream + joined);
  const activations = kept + BACKWARD * block + logitBytes(batch * completions, head, size.bytes);
  const engine = TRAINING_ENGINE;
  return { weights, adapter, activations, engine, total: weights + adapter + activations + engine };
}

const BACKWARD = 2.85; // times what a block keeps: what its backward pass has alive beside that, measured

const TRAINED_COPIES = 4; // factors, gradients, two moments

/** An adapter's factors, float32. */
export function adapterBytes(config: ChameleonConfig, { rank, targets }: Pick<TrainingSize, "rank" | "targets">): number {
  const factors = targets.reduce((sum, name) => {
    const [out, input] = projectionShape(config, name);
    return sum + rank * (out + input);
  }, 0);
  return factors * config.layers * 4;
}

/** What a block keeps for its gradient: inputs of products, heads, half of the attention weights, as they are causal. Counted by measuring. */
function trainedBlock({ hiddenSize, intermediateSize, heads }: ChameleonConfig, { batch, positions, bytes }: TrainingSize): number {
  const tokens = batch * positions;
  const widths = 9 * hiddenSize + 7 * intermediateSize;
  return tokens * (widths + heads * positions / 2) * bytes;
}

/** Keys and values of one position in all blocks. */
export function keyValueBytes({ hiddenSize, heads, keyHeads, layers }: ChameleonConfig, bytes: number): number {
  return 2 * layers * (hiddenSize / heads) * keyHeads * bytes;
}

/** Sequences that are drawn together. */
export interface DrawingSize {
  /** Sequences; with guidance two or three for each that is asked for. */
  readonly rows: number;
  /** Prompts among them that differ. */
  readonly prompts: number;
  /** Positions of a prompt. */
  readonly positions: number;
  /** Tokens that are drawn. */
  readonly tokens: number;
  /** Rows of the output matrix. */
  readonly head: number;
  /** Bytes of an activation. */
  readonly bytes: number;
}

const PROMPT_COPIES = 3.7; // as they are read, as the loop lays them out, and as XLA widens them: measured
const SLOT_COPIES = 4.5; // slots before and after a step, and the float32 copies in between: measured
const DRAWING_ENGINE = 30 * 2 ** 20; // a step is compiled as well: measured

/**
 * Memory of drawing: keys and values of prompts and of what is drawn, and the pass over the prompts.
 *
 * @param config the model's shape
 * @param size what is drawn
 * @returns bytes, weights not counted
 *
 * @example Twice the tokens take more
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { config } = ws.model.planCheckpoint("data/tiny", "bfloat16");
 * const size = { rows: 8, prompts: 1, positions: 80, head: 1000, bytes: 2 };
 * assert(ws.model.drawingBytes(config, { ...size, tokens: 64 }) > ws.model.drawingBytes(config, { ...size, tokens: 32 }));
 * ```
 */
export function drawingBytes(config: ChameleonConfig, { rows, prompts, positions, tokens, head, bytes }: DrawingSize): number {
  const held = keyValueBytes(config, bytes) * (PROMPT_COPIES * prompts * positions + SLOT_COPIES * rows * tokens);
  return DRAWING_ENGINE + held + Math.max(passBytes(config, prompts, positions, bytes), logitBytes(rows, head, bytes));
}

/**
 * What the drawing loop merges an adapter into: a copy of all matrices of the blocks.
 *
 * @param config the base
 * @param bytes of an element
 * @returns bytes
 */
export function mergedBytes(config: ChameleonConfig, bytes: number): number {
  return config.layers * matrixElements(config) * bytes;
}

/** Elements of a block's matrices. */
function matrixElements(config: ChameleonConfig): number {
  return PROJECTIONS.reduce((sum, name) => sum + projectionShape(config, name).reduce((a, b) => a * b), 0);
}

/**
 * Bytes of weights that one of several processes holds, whose blocks are spread over them: its parts, one block's matrices, and all else.
 *
 * @param config the base's shape
 * @param weights bytes of all of them
 * @param bytes of an element of a matrix
 * @param count of processes
 */
export function heldBytes(config: ChameleonConfig, weights: number, bytes: number, count: number): number {
  const elements = matrixElements(config);
  return weights + bytes * (elements - config.layers * (elements - partSize(elements, count)));
}

/** Whether such a copy is made: it may take half of what is free for work. */
export function copyFits(copy: number, budget: number): boolean {
  return copy <= budget / 2;
}

/** Sequences that are scored together. */
export interface ScoringSize {
  /** Sequences. */
  readonly rows: number;
  /** Families that they come in. */
  readonly families: number;
  /** Positions that the sequences of a family share. */
  readonly prefix: number;
  /** Positions after those. */
  readonly rest: number;
  /** Positions whose logits are asked for. */
  readonly asked: number;
  /** Rows of the output matrix. */
  readonly head: number;
  /** Bytes of an activation. */
  readonly bytes: number;
}

/**
 * Memory of likelihoods: keys and values of a few blocks, one block's inside, logits. What follows a prefix is computed as soon
 * as the prefix's block is, so that a block's keys and values do not live long.
 *
 * @param config the model's shape
 * @param size what is scored
 * @returns bytes, weights not counted
 *
 * @example More sequences take more
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { config } = ws.model.planCheckpoint("data/tiny", "bfloat16");
 * const size = { families: 8, prefix: 140, rest: 16, asked: 16, head: 1583, bytes: 2 };
 * assert(ws.model.scoringBytes(config, { ...size, rows: 32 }) > ws.model.scoringBytes(config, { ...size, rows: 8 }));
 * ```
 */
export function scoringBytes(config: ChameleonConfig, { rows, families, prefix, rest, asked, head, bytes }: ScoringSize): number {
  const held = BLOCKS_AHEAD / config.layers * (families + rows) * prefix * keyValueBytes(config, bytes);
  const passes = Math.max(passBytes(config, families, prefix, bytes), passBytes(config, rows, rest, bytes));
  return held + SCORING * passes + logitBytes(rows * asked, head, bytes);
}

const BLOCKS_AHEAD = 2; // by which a prefix is ahead of what follows it: measured
const SCORING = 0.4; // of a pass that gives keys and values to drawing: measured

/** What is alive at once in a block of a forward pass: the stream, a sublayer's inside, one chunk of attention. */
function passBytes({ hiddenSize, intermediateSize, heads }: ChameleonConfig, rows: number, positions: number, bytes: number): number {
  const stream = 2 * hiddenSize * 4; // float32
  const widths = 4 * hiddenSize + 2 * intermediateSize + heads * Math.min(positions, CHUNK);
  return rows * positions * (stream + widths * bytes);
}

/** Logits, and the float32 copies that a softmax makes. */
function logitBytes(places: number, head: number, bytes: number): number {
  return places * head * (bytes + 8);
}

/**
 * Memory of encoding or decoding pictures by the VQGAN, whose largest feature maps have the pictures' own resolution.
 *
 * @param vq the VQGAN's shape
 * @param pictures at once
 * @param half which half of it
 * @returns bytes, weights not counted
 */
export function pictureBytes({ resolution, baseChannels }: VqConfig, pictures: number, half: keyof typeof MAPS = "encoder"): number {
  return pictures * MAPS[half] * resolution ** 2 * baseChannels * 4;
}

const MAPS = { encoder: 4.7, decoder: 4 } as const; // feature maps of full resolution that are alive at once: measured

const PICTURE_BUDGET = 2 ** 31; // bytes: a set number, so that the same pictures give the same codes on every machine

/**
 * Pictures that go through the VQGAN together. It depends on the VQGAN's shape alone, since the last bits of a code's features
 * depend on how many are computed at once.
 *
 * @param vq the VQGAN's shape
 * @param wanted at most so many
 * @returns a power of two times the smallest, 2, or `wanted`
 */
export function picturesAtOnce(vq: VqConfig, wanted: number): number {
  return rowsThatFit(wanted, PICTURE_BUDGET, (pictures) => pictureBytes(vq, pictures), 2);
}

/**
 * The most rows that fit into a budget: as many as are wanted, or the largest power of two, so that a little more or less free
 * memory changes nothing.
 *
 * @param wanted rows
 * @param budget bytes
 * @param bytesOf rows, rising
 * @param least rows, whether they fit or not
 * @returns rows
 */
export function rowsThatFit(wanted: number, budget: number, bytesOf: (rows: number) => number, least = 1): number {
  if (bytesOf(wanted) <= budget) return wanted;
  let rows = least;
  while (2 * rows < wanted && bytesOf(2 * rows) <= budget) rows *= 2;
  return Math.min(rows, wanted);
}

/** Bytes as people say them. */
export function mebibytes(bytes: number): string {
  if (bytes >= 2 ** 40) return `${(bytes / 2 ** 40).toPrecision(3)} TiB`;
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
