/**
 * Batches of both models' sequences. Which trajectories a batch holds depends on the seed and its number alone.
 *
 * @module
 */
import { permutation, randomStream, type Tensor, tf } from "../engine/mod.ts";
import { dynamicsSequence, type Sequence, type Vocabulary, worldSequence } from "../tokens/mod.ts";
import { padBatch } from "../tokens/sequences.ts";
import { recognitionWeights, type WeightOptions } from "./recognition_weights.ts";
import type { EncodedTrajectory } from "./token_cache.ts";

/** A batch of sequences whose completions are learnt. */
export interface CompletionBatch {
  /** Ids, padded on the left, [B, T]. */
  readonly tokens: Tensor;
  /** 0 at tokens, −1e9 at padding, [B, 1, 1, T]. */
  readonly padding: Tensor;
  /** What the last N positions must give, counted from the first row of the output matrix in use, [B, N]; less than 0: nothing. */
  readonly labels: Tensor;
  /** Loss weights of those; the loss is the mean over [B, N]. */
  readonly weights: Tensor;
  /** What is seen at the places of each row's pictures, whose ids follow all others, [B, m, D]; absent: pictures are codes. */
  readonly seen?: Tensor;
}

/**
 * The trajectories of a batch: epochs follow each other without a gap, each in an order of its own.
 *
 * @param items all trajectories
 * @param seed of the order
 * @param size trajectories a batch
 * @param number the batch, from 0
 * @returns the trajectories of the batch
 *
 * @example Every item once an epoch
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const epoch = [0, 1].flatMap((number) => ws.trajectories.batchItems(["a", "b", "c", "d"], 1, 2, number));
 * assertEquals(epoch.toSorted(), ["a", "b", "c", "d"]);
 * ```
 */
export function batchItems<T>(items: readonly T[], seed: number, size: number, number: number): T[] {
  const orders = new Map<number, number[]>();
  return Array.from({ length: size }, (_, j) => {
    const place = number * size + j;
    const epoch = Math.floor(place / items.length);
    if (!orders.has(epoch)) orders.set(epoch, permutation(randomStream("order", seed, epoch), items.length));
    return items[orders.get(epoch)![place % items.length]!]!;
  });
}

/** A batch and how many tokens are in it. */
export interface SizedBatch {
  /** The tensors. */
  readonly tensors: CompletionBatch;
  /** Tokens, padding not counted. */
  readonly size: number;
}

/** How sequences are laid in a batch. */
export interface BatchShape {
  /** Positions that the model has. */
  readonly limit: number;
  /** Lengths are rounded up to a multiple of this. */
  readonly multiple: number;
  /** Id of the first row of the output matrix in use, by which the world model's labels count: the first image token's when absent. */
  readonly firstId?: number;
  /** Positions of labels at least, so that fewer shapes are compiled. */
  readonly labels?: number;
}

/**
 * A batch for the world model: labels are the target's image tokens, weighted by recognition.
 *
 * @param items trajectories in tokens
 * @param vocabulary of the model
 * @param options of the weights
 * @param shape of the batch
 * @returns tokens [B, T], labels and weights [B, N], and how many tokens there are
 *
 * @example Weights have a mean of one
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const options = { weights: "l2", normalise: "mean", floor: 0.5 } as const;
 * const { tensors } = ws.trajectories.worldBatch(encoded, vocabulary, options, { limit: 1024, multiple: 16 });
 * assert(Math.abs(ws.engine.tf.mean(tensors.weights).dataSync()[0]! - 1) < 1e-4);
 * ```
 */
export function worldBatch(
  items: readonly EncodedTrajectory[],
  vocabulary: Vocabulary,
  options: WeightOptions,
  shape: BatchShape,
): SizedBatch {
  const sequences = items.map((item) => worldSequenceOf(item, vocabulary));
  const weights = items.map(({ distances }, i) => weightsOf(sequences[i]!.completion, recognitionWeights(distances, options), vocabulary));
  return completionBatch(sequences, vocabulary, shape, shape.firstId ?? vocabulary.firstImage, weights);
}

/**
 * A batch for the dynamics model: labels are ids of the action; every token of the batch weighs the same.
 *
 * @param items trajectories in tokens
 * @param vocabulary of the model
 * @param shape of the batch
 * @param rehearsed other sequences that are learnt beside them
 * @returns tokens [B, T], labels and weights [B, N], and how many tokens there are
 *
 * @example A row for each trajectory
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const { tensors } = ws.trajectories.dynamicsBatch(encoded, vocabulary, { limit: 1024, multiple: 16 });
 * assertEquals(tensors.labels.shape[0], 2);
 * ```
 */
export function dynamicsBatch(
  items: readonly EncodedTrajectory[],
  vocabulary: Vocabulary,
  shape: BatchShape,
  rehearsed: readonly Sequence[] = [],
): SizedBatch {
  const sequences = [...items.map((item) => dynamicsSequenceOf(item, vocabulary)), ...rehearsed];
  const lengths = sequences.map(({ completion }) => completion.length);
  const weight = Math.max(shape.labels ?? 0, ...lengths) * lengths.length / lengths.reduce((a, b) => a + b, 0); // the mean runs over padding too
  return completionBatch(sequences, vocabulary, shape, 0, lengths.map((length) => new Float32Array(length).fill(weight)));
}

/**
 * A trajectory as the world model's sequence.
 *
 * @param item a trajectory in tokens
 * @param vocabulary of the model
 * @returns prompt and completion
 *
 * @example 64 image tokens are learnt
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * assertEquals(ws.trajectories.worldSequenceOf(encoded[0]!, vocabulary).completion.length, 64);
 * ```
 */
export function worldSequenceOf({ source, target, trajectory }: EncodedTrajectory, vocabulary: Vocabulary): Sequence {
  return worldSequence(vocabulary, source, trajectory.action, target);
}

/**
 * A trajectory as the dynamics model's sequence.
 *
 * @param item a trajectory in tokens
 * @param vocabulary of the model
 * @returns prompt and completion
 *
 * @example The action and the end are learnt
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * assertEquals(ws.trajectories.dynamicsSequenceOf(encoded[0]!, vocabulary).completion.at(-1), vocabulary.eos);
 * ```
 */
export function dynamicsSequenceOf({ source, target, trajectory }: EncodedTrajectory, vocabulary: Vocabulary): Sequence {
  return dynamicsSequence(vocabulary, source, target, trajectory.action);
}

/**
 * Positions of the longest sequence.
 *
 * @param sequences any sequences
 * @returns positions; a completion's last token is only a label
 *
 * @example Three tokens need two positions
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.trajectories.longestSequence([{ prompt: [1], completion: [2, 3] }]), 2);
 * ```
 */
export function longestSequence(sequences: readonly Sequence[]): number {
  return Math.max(...sequences.map(({ prompt, completion }) => prompt.length + completion.length - 1));
}

/** Weights of an image's ids: those of its codes, and none for marks, scaled so that the mean over all is that over codes. */
function weightsOf(completion: readonly number[], ofCodes: Float32Array, { rows }: Vocabulary): Float32Array {
  if (!rows) return ofCodes;
  let next = 0;
  const scale = completion.length / ofCodes.length;
  return Float32Array.from(completion, (id) => id === rows.endOfRow ? 0 : scale * ofCodes[next++]!);
}

function completionBatch(
  sequences: readonly Sequence[],
  vocabulary: Vocabulary,
  { limit, multiple, labels: least }: BatchShape,
  firstLabel: number,
  weights: readonly Float32Array[],
): SizedBatch {
  const { tokens, isToken, labels, positions, completions } = padBatch(sequences, vocabulary.pad, limit, multiple, least);
  const count = sequences.length;
  const laid = new Float32Array(count * completions);
  weights.forEach((row, i) => laid.set(row, (i + 1) * completions - row.length));
  const tensors = {
    tokens: tf.tensor2d(tokens, [count, positions], "int32"),
    padding: tf.tensor4d(isToken.map((is) => is ? 0 : -1e9), [count, 1, 1, positions]),
    labels: tf.tensor2d(labels.map((id) => id - firstLabel), [count, completions], "int32"),
    weights: tf.tensor2d(laid, [count, completions]),
  };
  return { tensors, size: isToken.reduce((a, b) => a + b, 0) };
}
