/**
 * Projections of one input beside their low-rank updates, as few products as there can be.
 *
 * Shapes: N rows (batch · positions), r rank, R all ranks of an input's projections, rounded up; "in" and "out" are widths.
 *
 * @module
 */
import { compile, type Precision, precisionOf, type Tensor, tf, toPrecision, withGradient } from "../engine/mod.ts";
import { dropoutMask, dropWhere, linear } from "../nn/mod.ts";
import type { Projection } from "./config.ts";
import { adaptedLinear, type BlockAdapter, dropInput, dropSeed, type LowRank, mergedWeight } from "./lora.ts";

const ROUND = 32; // columns: matrix units take a product's terms in groups of so many

/**
 * Projections of one input, `x Wᵀ + scale · dropped Aᵀ Bᵀ`. Where an adapter is trained on enough rows they become one product:
 * `[x, dropped Aᵀ] [W, scale · B]ᵀ`, or `x (W + scale · B A)ᵀ` where that takes fewer multiplications. The weights get no gradient then.
 *
 * @param x the input, [B, T, in]
 * @param weights by projection, [out, in]
 * @param projections those wanted
 * @param adapter the block's part of the adapter
 * @param site tells the inputs of one block apart
 * @returns a tensor for each of them, [B, T, out]
 */
export function project(
  x: Tensor,
  weights: Readonly<Record<Projection, Tensor>>,
  projections: readonly Projection[],
  adapter: BlockAdapter,
  site: number,
): Tensor[] {
  const [rows, width] = [x.size / x.shape.at(-1)!, x.shape.at(-1)!];
  const pays = adapter.training && rows >= width; // fewer rows do not pay for copying the weights
  if (pays && projections.some((name) => adapter.factors[name])) {
    const y = mergingPays(rows, weights, projections, adapter)
      ? mergedLinear(x, weights, projections, adapter)
      : joinedLinear(x, projections.map((name) => weights[name]), laidFactors(x, weights, projections, adapter), adapter, site);
    return projections.length === 1 ? [y] : tf.split(y, projections.map((name) => weights[name].shape[0]!), 2); // [B, T, out] each
  }
  const dropped = dropInput(x, adapter, projections, site); // [B, T, in]
  return projections.map((name) => adaptedLinear(x, dropped, weights[name], adapter.factors[name], adapter.scale)); // [B, T, out] each
}

/**
 * Whether a step takes fewer multiplications with the updates merged into the weights: a row then costs three products of the weights
 * (forward, and the gradients of both factors), and the merging and its gradients three of each update. Beside the weights it costs two of
 * them and three of each factor. LoRA's dropout is of the update's input alone, so it keeps both apart.
 */
function mergingPays(
  rows: number,
  weights: Readonly<Record<Projection, Tensor>>,
  projections: readonly Projection[],
  { factors, seed }: BlockAdapter,
): boolean {
  const width = weights[projections[0]!].shape[1]!;
  const [outOf, rankOf] = [(name: Projection) => weights[name].shape[0]!, (name: Projection) => factors[name]?.a.shape[0] ?? 0];
  const total = (of: (name: Projection) => number) => projections.reduce((sum, name) => sum + of(name), 0);
  const merging = 3 * width * total((name) => outOf(name) * rankOf(name));
  return !seed && rows * width * total(outOf) + merging < rows * 3 * total(rankOf) * (width + total(outOf));
}

/** One product with the weights that the updates are merged into. x: [B, T, in] → [B, T, Σ out] */
function mergedLinear(
  x: Tensor,
  weights: Readonly<Record<Projection, Tensor>>,
  projections: readonly Projection[],
  { factors, scale }: BlockAdapter,
): Tensor {
  const merged = projections.map((name) => factors[name] ? mergedWeight(weights[name], factors[name], scale) : weights[name]); // [out, in] each
  return linear(x, merged.length === 1 ? merged[0]! : tf.concat(merged, 0)); // [B, T, Σ out]
}

/** The factors of several projections, laid into two: a [R, in], b [Σ out, R] with the scale in it. */
function laidFactors(
  x: Tensor,
  weights: Readonly<Record<Projection, Tensor>>,
  projections: readonly Projection[],
  { factors, scale }: BlockAdapter,
): LowRank {
  const outs = projections.map((name) => weights[name].shape[0]!);
  return layFactors(projections.map((name) => factors[name] ?? null), outs, scale, precisionOf(x));
}

const layFactors: (factors: readonly (LowRank | null)[], outs: readonly number[], scale: number, precision: Precision) => LowRank = compile(
  (factors: readonly (LowRank | null)[], outs: readonly number[], scale: number, precision: Precision) => {
    const ranks = factors.map((pair) => pair?.a.shape[0] ?? 0);
    const used = ranks.reduce((sum, rank) => sum + rank, 0);
    const all = Math.ceil(used / ROUND) * ROUND; // R
    const seconds = factors.map((pair, i) => {
      const before = ranks.slice(0, i).reduce((sum, rank) => sum + rank, 0);
      return pair ? tf.pad(pair.b, [[0, 0], [before, all - before - ranks[i]!]]) : tf.zeros([outs[i]!, all]); // [out, R]
    });
    const first = tf.concat(factors.flatMap((pair) => pair ? [pair.a] : []), 0); // [Σ r, in]
    return {
      a: toPrecision(tf.pad(first, [[0, all - used], [0, 0]]), precision), // [R, in]
      b: toPrecision(tf.mul(tf.concat(seconds, 0), scale), precision), // [Σ out, R]
    };
  },
  { xla: true },
);

/** One product for weights and updates. x: [B, T, in] → [B, T, Σ out] */
function joinedLinear(x: Tensor, weights: readonly Tensor[], { a, b }: LowRank, adapter: BlockAdapter, site: number): Tensor {
  const [width, ranks] = [x.shape.at(-1)!, a.shape[0]!];
  const precision = precisionOf(x);
  const [rate, seed] = [adapter.dropout, adapter.seed && dropSeed(adapter.seed, site)];
  const flat = tf.reshape(x, [-1, width]); // [N, in]
  const y = withGradient([flat, a, b], (save) => {
    const kept = seed ? [dropoutMask(flat.shape, rate, seed)] : []; // [N, in]
    const dropped = seed ? dropWhere(flat, kept[0]!, rate, precision) : flat; // [N, in]
    const low = linear(dropped, a); // [N, R]
    const whole = tf.concat([weights.length === 1 ? weights[0]! : tf.concat([...weights], 0), b], 1); // [Σ out, in + R]
    save([dropped, low, whole, a, ...kept]);
    return tf.matMul(tf.concat([flat, low], 1), whole, false, true); // [N, Σ out]
  }, (dy, saved) => {
    const [dropped, low, whole, a, kept = null] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor?];
    const dJoined = tf.matMul(dy, whole); // [N, in + R]
    const dLow = tf.slice(dJoined, [0, width], [-1, ranks]); // [N, R]
    const dDropped = tf.matMul(dLow, a); // [N, in]
    return [inputGradient(dJoined, dDropped, kept, rate), tf.matMul(dLow, dropped, true), tf.matMul(dy, low, true)];
  });
  return tf.reshape(y, [...x.shape.slice(0, -1), -1]); // [B, T, Σ out]
}

/** The input's gradient: that of the weights' product plus that of the updates' through their dropout. [N, in + R], [N, in] → [N, in] */
const inputGradient: (dJoined: Tensor, dDropped: Tensor, kept: Tensor | null, rate: number) => Tensor = compile(
  (dJoined: Tensor, dDropped: Tensor, kept: Tensor | null, rate: number) => {
    const ofWeights = toPrecision(tf.slice(dJoined, [0, 0], [-1, dDropped.shape[1]!]), "float32"); // [N, in]
    const ofUpdates = kept ? dropWhere(dDropped, kept, rate, "float32") : toPrecision(dDropped, "float32"); // [N, in]
    return toPrecision(tf.add(ofWeights, ofUpdates), precisionOf(dDropped));
  },
  { xla: true },
);
