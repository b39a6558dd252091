/**
 * Batches of the world model's sequences. Which trajectories a batch holds depends on the seed and its number alone.
 *
 * @module
 */
import { permutation, randomStream, type Tensor, tf } from "../tensor/mod.ts";
import { padBatch, type Sequence, type Vocabulary, worldSequence } from "../tokens/mod.ts";
import type { EncodedTrajectory } from "./encode.ts";

/** A batch for the world model. */
export interface WorldBatch {
  /** Ids, padded on the left, [B, T]. */
  readonly tokens: Tensor;
  /** 0 at tokens, −1e9 at padding, [B, 1, 1, T]. */
  readonly padding: Tensor;
  /** Image codes that the last N positions must give, [B, N]. */
  readonly labels: Tensor;
  /** Loss weights of those, [B, N]. */
  readonly weights: Tensor;
}

/** How distances become loss weights. */
export interface WeightOptions {
  /** `l2` takes the distances, `none` weighs all tokens alike. */
  readonly weights: "l2" | "none";
  /** `mean` scales an image's weights to mean 1. */
  readonly normalise: "mean" | "none";
  /** Share that all tokens carry alike. */
  readonly floor: number;
}

/**
 * Recognition weights of one target image (paper §3.2, equation 2). The paper's normalisation is not stated; here it is
 * explicit. Without a floor, tokens that do not change get no gradient at all.
 *
 * @param distances squared L2 distance of features, by place
 * @param options normalisation and floor
 * @returns weights by place; all 1 when nothing changes
 *
 * @example Half of the loss falls on the place that changed
 * ```ts
 * import { recognitionWeights } from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const weights = recognitionWeights([0, 3], { weights: "l2", normalise: "mean", floor: 0.5 });
 * assertEquals([...weights], [0.5, 1.5]);
 * ```
 */
export function recognitionWeights(distances: ArrayLike<number>, { weights, normalise, floor }: WeightOptions): Float32Array {
  const mean = Array.from(distances).reduce((a, b) => a + b, 0) / distances.length;
  if (weights === "none" || mean === 0) return new Float32Array(distances.length).fill(1);
  const scale = normalise === "mean" ? 1 / mean : 1;
  return Float32Array.from(distances, (distance) => floor + (1 - floor) * distance * scale);
}

/**
 * The trajectories of a batch: epochs follow each other without a gap, each in an order of its own.
 *
 * @param items all trajectories
 * @param seed of the order
 * @param size trajectories a batch
 * @param number the batch, from 0
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

/** Lays trajectories in a batch of `positions` or more. */
export function worldBatch(
  items: readonly EncodedTrajectory[],
  vocabulary: Vocabulary,
  options: WeightOptions,
  limit: number,
  multiple: number,
): { tensors: WorldBatch; size: number } {
  const sequences = items.map(({ source, target, trajectory }) => worldSequence(vocabulary, source, trajectory.action, target));
  const batch = padBatch(sequences, vocabulary.pad, limit, multiple);
  const count = items.length;
  const weights = new Float32Array(count * batch.completions);
  items.forEach(({ distances }, i) => weights.set(recognitionWeights(distances, options), i * batch.completions));
  const tensors = {
    tokens: tf.tensor2d(batch.tokens, [count, batch.positions], "int32"),
    padding: tf.tensor4d(batch.isToken.map((is) => is ? 0 : -1e9), [count, 1, 1, batch.positions]),
    labels: tf.tensor2d(batch.labels.map((id) => id - vocabulary.firstImage), [count, batch.completions], "int32"),
    weights: tf.tensor2d(weights, [count, batch.completions]),
  };
  return { tensors, size: batch.isToken.reduce((a, b) => a + b, 0) };
}

/** Positions of the longest sequence. */
export function longestSequence(items: readonly EncodedTrajectory[], vocabulary: Vocabulary): number {
  const length = ({ prompt, completion }: Sequence) => prompt.length + completion.length - 1;
  return Math.max(...items.map((item) => length(worldSequence(vocabulary, item.source, item.trajectory.action, item.target))));
}
