/**
 * The maths of a transformer and of a convolutional autoencoder. Shapes: B batch, T positions, D width, H heads,
 * d width of a head, V vocabulary; images are [B, height, width, channels].
 *
 * Element-wise chains are compiled by XLA where the engine can: one pass over memory each, whatever the formula. They
 * compute in float32 and give their result in the precision asked for.
 *
 * @module
 */
import { compile, type Precision, precisionOf, type Tensor, type Tensor4D, tf, toPrecision, uniform } from "../engine/mod.ts";

/** `x Wᵀ` for weights as they lie on disk. x: [B, T, in], weight: [out, in] → [B, T, out] */
export function linear(x: Tensor, weight: Tensor): Tensor {
  const width = x.shape.at(-1)!;
  const flat = tf.matMul(tf.reshape(x, [-1, width]) as never, weight as never, false, true); // [B·T, out]
  return tf.reshape(flat, [...x.shape.slice(0, -1), weight.shape[0]!]); // [B, T, out]
}

/** A low-rank adapter of one projection (LoRA, Hu et al. 2022): a: [rank, in], b: [out, rank]. */
export interface LowRank {
  /** The first factor, [rank, in]. */
  readonly a: Tensor;
  /** The second factor, [out, rank]. */
  readonly b: Tensor;
}

/** `x Wᵀ + scale · dropped Aᵀ Bᵀ`, where `dropped` is x after LoRA's dropout. */
export function adaptedLinear(x: Tensor, dropped: Tensor, weight: Tensor, lora: LowRank | undefined, scale: number): Tensor {
  if (!lora) return linear(x, weight);
  const { a, b } = castFactors(lora.a, lora.b, scale, precisionLabel(x, weight));
  return sum(linear(x, weight), linear(linear(dropped, a), b));
}

/** RMSNorm over the last axis (Zhang & Sennrich 2019). */
export const rmsNorm: (x: Tensor, gain: Tensor, epsilon: number, precision: Precision) => Tensor = compile(
  (x: Tensor, gain: Tensor, epsilon: number, precision: Precision) => {
    const unit = toUnitScale(toPrecision(x, "float32"), epsilon, false);
    return toPrecision(tf.mul(unit, toPrecision(gain, "float32")), precision);
  },
  { xla: true },
);

/** Rotary position tables: cosines and sines for the half-split layout, each [T, d] (Su et al. 2021). */
export function ropeTables(positions: number, headDim: number, theta: number): { cos: Tensor; sin: Tensor } {
  const half = headDim / 2;
  const frequency = Array.from({ length: headDim }, (_, i) => theta ** (-(i % half) / half));
  const angles = tf.mul(tf.reshape(tf.range(0, positions), [positions, 1]), tf.tensor2d(frequency, [1, headDim])); // [T, d]
  return { cos: tf.cos(angles), sin: tf.sin(angles) };
}

/** How queries and keys are normalised and rotated. */
export interface HeadNorm {
  /** LayerNorm's gain, [H, d]. */
  readonly gain: Tensor;
  /** LayerNorm's bias, [H, d]. */
  readonly bias: Tensor;
}

/** Chameleon's QK-norm (LayerNorm over each head) and then RoPE. x: [B, T, H·d] → [B, H, T, d], times `scale`. */
export const normaliseAndRotate: (
  x: Tensor,
  norm: HeadNorm,
  cos: Tensor,
  sin: Tensor,
  scale: number,
  precision: Precision,
) => Tensor = compile(
  (x: Tensor, { gain, bias }: HeadNorm, cos: Tensor, sin: Tensor, scale: number, precision: Precision) => {
    const [batch, positions] = x.shape as [number, number];
    const [heads, dim] = gain.shape as [number, number];
    const y = tf.reshape(toPrecision(x, "float32"), [batch, positions, heads, dim]); // [B, T, H, d]
    const unit = toUnitScale(y, 1e-5, true);
    const normed = tf.add(tf.mul(unit, toPrecision(gain, "float32")), toPrecision(bias, "float32"));
    const byHead = tf.transpose(normed, [0, 2, 1, 3]); // [B, H, T, d]
    const [first, second] = tf.split(byHead, 2, -1) as [Tensor, Tensor]; // [B, H, T, d/2] each
    const rotated = tf.concat([tf.neg(second), first], -1); // [B, H, T, d]
    return toPrecision(tf.mul(tf.add(tf.mul(byHead, cos), tf.mul(rotated, sin)), scale), precision);
  },
  { xla: true },
);

/** Splits values into heads. x: [B, T, H·d] → [B, H, T, d] */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, positions, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [batch, positions, heads, width / heads]), [0, 2, 1, 3]);
}

/** Joins heads again. x: [B, H, T, d] → [B, T, H·d] */
export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, positions, dim] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, positions, heads * dim]);
}

/**
 * Causal attention for the last Q of T positions. Queries go in chunks, each against the keys that it may see: of all
 * pairs little more than half. For the gradient the weights are kept, not the scores; the rest is written out.
 *
 * @param q [B, H, Q, d], scaled already
 * @param k [B, H, T, d]
 * @param v [B, H, T, d]
 * @param padding added to scores: 0, or −1e9 at left padding, [B, 1, 1, T]
 * @returns [B, H, Q, d]
 */
export function causalAttention(q: Tensor, k: Tensor, v: Tensor, padding: Tensor): Tensor {
  const precision = precisionOf(q);
  const chunks = queryChunks(q.shape[2]!, k.shape[2]!);
  return withGradient(
    (save) => {
      const weights = chunks.map(({ first, count, keys }) => {
        const scores = tf.matMul(rows(q, first, count), rows(k, 0, keys), false, true); // [B, H, q, t]
        return maskedSoftmax(scores, rows(padding, 0, keys, 3), keys - count, precision);
      });
      const y = concatRows(weights.map((p, i) => tf.matMul(p, rows(v, 0, chunks[i]!.keys)))); // [B, H, Q, d]
      save([q, k, v, y, ...weights]);
      return y;
    },
    (dy, saved) => attentionGradient(dy, saved, chunks),
    [q, k, v],
  );
}

interface QueryChunk {
  readonly first: number; // the first query, of Q
  readonly count: number;
  readonly keys: number; // how many keys its last query sees
}

function queryChunks(queries: number, positions: number): QueryChunk[] {
  const count = Math.ceil(queries / Math.ceil(queries / 160)); // chunks of about 160: smaller ones cost more calls than they save
  return Array.from({ length: Math.ceil(queries / count) }, (_, i) => {
    const last = Math.min(queries, (i + 1) * count);
    return { first: i * count, count: last - i * count, keys: positions - queries + last };
  });
}

function attentionGradient(dy: Tensor, saved: readonly Tensor[], chunks: readonly QueryChunk[]): Tensor[] {
  const [q, k, v, y, ...weights] = saved as [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
  const agreement = rowProducts(dy, y); // [B, H, Q, 1]: Σ over keys of weight · gradient, as in FlashAttention (Dao et al. 2022)
  const total = k.shape[2]!;
  const parts = chunks.map(({ first, count, keys }, i) => {
    const [qi, dyi] = [rows(q, first, count), rows(dy, first, count)];
    const dWeights = tf.matMul(dyi, rows(v, 0, keys), false, true); // [B, H, q, t]
    const dScores = softmaxGradient(weights[i]!, dWeights, rows(agreement, first, count)); // [B, H, q, t]
    return {
      dq: tf.matMul(dScores, rows(k, 0, keys)), // [B, H, q, d]
      dk: padRows(tf.matMul(dScores, qi, true, false), total), // [B, H, T, d]
      dv: padRows(tf.matMul(weights[i]!, dyi, true, false), total), // [B, H, T, d]
    };
  });
  const add = (tensors: Tensor[]) => tensors.reduce((a, b) => sum(a, b));
  return [concatRows(parts.map(({ dq }) => dq)), add(parts.map(({ dk }) => dk)), add(parts.map(({ dv }) => dv))];
}

/** Softmax over the last axis; query i sees the keys up to `offset` + i that padding does not hide. [B, H, q, t] */
export const maskedSoftmax: (scores: Tensor, padding: Tensor, offset: number, precision: Precision) => Tensor = compile(
  (scores: Tensor, padding: Tensor, offset: number, precision: Precision) => {
    const [queries, keys] = scores.shape.slice(-2) as [number, number];
    const causal = causalMask(queries, keys, offset);
    return toPrecision(tf.softmax(tf.add(tf.add(toPrecision(scores, "float32"), causal), padding)), precision);
  },
  { xla: true },
);

const softmaxGradient: (weights: Tensor, dWeights: Tensor, agreement: Tensor) => Tensor = compile(
  (weights: Tensor, dWeights: Tensor, agreement: Tensor) => {
    const wide = toPrecision(weights, "float32");
    return toPrecision(tf.mul(wide, tf.sub(toPrecision(dWeights, "float32"), agreement)), precisionOf(weights));
  },
  { xla: true },
);

const rowProducts: (a: Tensor, b: Tensor) => Tensor = compile(
  (a: Tensor, b: Tensor) => tf.sum(tf.mul(toPrecision(a, "float32"), toPrecision(b, "float32")), -1, true),
  { xla: true },
);

/** Rows `first` … of the second last axis (or of another one). */
function rows(x: Tensor, first: number, count: number, axis = x.rank - 2): Tensor {
  if (x.shape[axis] === count || x.rank === 1) return x;
  const begin = x.shape.map((_, i) => i === axis ? first : 0);
  return tf.slice(x, begin, x.shape.map((size, i) => i === axis ? count : size));
}

function concatRows(parts: readonly Tensor[]): Tensor {
  return parts.length === 1 ? parts[0]! : tf.concat([...parts], 2);
}

function padRows(x: Tensor, total: number): Tensor {
  const missing = total - x.shape[2]!;
  return missing === 0 ? x : tf.pad(x, [[0, 0], [0, 0], [0, missing], [0, 0]]);
}

/** Attention with few key heads: every query head of a group sees the same keys. x: [B, Hkv, T, d] → [B, H, T, d] */
export function repeatHeads(x: Tensor, times: number): Tensor {
  if (times === 1) return x;
  const [batch, heads, positions, dim] = x.shape as [number, number, number, number];
  const single = tf.reshape(x, [batch, heads, 1, positions * dim]);
  return tf.reshape(tf.concat(Array(times).fill(single), 2), [batch, heads * times, positions, dim]);
}

/** SwiGLU's gate (Shazeer 2020): silu(gate) · up. */
export const swiglu: (gate: Tensor, up: Tensor, precision: Precision) => Tensor = compile(
  (gate: Tensor, up: Tensor, precision: Precision) => {
    const g = toPrecision(gate, "float32");
    return toPrecision(tf.mul(tf.mul(g, tf.sigmoid(g)), toPrecision(up, "float32")), precision);
  },
  { xla: true },
);

/** The residual connection: x in float32 plus y in any precision. */
export const residual: (x: Tensor, y: Tensor) => Tensor = compile(
  (x: Tensor, y: Tensor) => tf.add(toPrecision(x, "float32"), toPrecision(y, "float32")),
  { xla: true },
);

/** Inverted dropout: zeroes a share `rate` of x, the rest grows to keep the mean. */
export const dropout: (x: Tensor, rate: number, seed: Tensor, precision: Precision) => Tensor = compile(
  (x: Tensor, rate: number, seed: Tensor, precision: Precision) => {
    const kept = tf.cast(tf.greaterEqual(uniform(x.shape, seed), rate), "float32");
    return toPrecision(tf.mul(toPrecision(x, "float32"), tf.mul(kept, 1 / (1 - rate))), precision);
  },
  { xla: true },
);

/**
 * Cross-entropy of each row, fused: neither probabilities nor one-hot labels are kept.
 *
 * @param logits [N, V] over the slice of the vocabulary that the softmax runs over
 * @param labels [N] int32, counted from the slice's first id; a label outside the slice costs 0
 * @returns −log p(label), [N] float32
 */
export const crossEntropy: (logits: Tensor, labels: Tensor) => Tensor = compile((logits: Tensor, labels: Tensor) => {
  const wide = toPrecision(logits, "float32");
  const picked = tf.mul(wide, oneHot(labels, wide.shape[1]!));
  const inside = tf.logicalAnd(tf.greaterEqual(labels, 0), tf.less(labels, wide.shape[1]!));
  return tf.mul(tf.sub(tf.logSumExp(wide, -1), tf.sum(picked, -1)), tf.cast(inside, "float32"));
}, { xla: true });

/**
 * GroupNorm over channels-last images, with swish behind it or not. Statistics are taken channel by channel, the order in
 * memory, and every pass over the image is a kernel of its own: as one kernel the gradient takes three times as long.
 *
 * @param x [B, h, w, C]
 * @param gain [C]
 * @param bias [C]
 * @returns [B, h, w, C]
 */
export function groupNorm(x: Tensor, gain: Tensor, bias: Tensor, groups: number, swish: boolean): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const x3 = tf.reshape(x, [batch, height * width, channels]); // [B, n, C]
  const y = withGradient(
    (save) => {
      const { mean, inverse } = groupStatistics(x3, groups);
      save([x3, gain, bias, mean, inverse]);
      return scaleAndShift(x3, mean, inverse, gain, bias, swish);
    },
    (dy, saved) => groupNormGradient(dy, saved, groups, swish),
    [x3, gain, bias],
  );
  return tf.reshape(y, x.shape);
}

/** A 3×3 or 1×1 convolution. x: [B, h, w, in], filter: [kh, kw, in, out], bias: [out] */
export function conv2d(x: Tensor, filter: Tensor, bias: Tensor, stride = 1, padding: "same" | "valid" = "same"): Tensor {
  return tf.add(tf.conv2d(x as Tensor4D, filter as Tensor4D, stride, padding), bias);
}

/** Doubles height and width by repeating pixels. */
export function upsample2(x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const wide = tf.reshape(tf.concat([x, x], 3), [batch, height, 1, 2 * width * channels]); // pixels twice, side by side
  return tf.reshape(tf.concat([wide, wide], 2), [batch, 2 * height, 2 * width, channels]);
}

/** Rows of ones and zeros by comparison, which gradients pass by. labels: [N] → [N, V] */
function oneHot(labels: Tensor, size: number): Tensor {
  return tf.cast(tf.equal(tf.expandDims(labels, 1), tf.expandDims(tf.range(0, size, 1, "int32"), 0)), "float32");
}

const sum: (x: Tensor, y: Tensor) => Tensor = compile((x: Tensor, y: Tensor) => tf.add(x, y), { xla: true });

/** The factors in the precision of the product, the scale folded into the second. */
function castFactors(a: Tensor, b: Tensor, scale: number, precision: Precision): { a: Tensor; b: Tensor } {
  return { a: toPrecision(a, precision), b: toPrecision(scale === 1 ? b : tf.mul(b, scale), precision) };
}

function precisionLabel(x: Tensor, weight: Tensor): Precision {
  return precisionOf(x) === "bfloat16" && precisionOf(weight) === "bfloat16" ? "bfloat16" : "float32";
}

/** 0 where a query may look, −1e9 where not: query i sees keys 0 … offset + i. [q, t] */
function causalMask(queries: number, keys: number, offset: number): Tensor {
  const query = tf.reshape(tf.range(offset, offset + queries), [queries, 1]);
  return tf.mul(tf.cast(tf.greater(tf.reshape(tf.range(0, keys), [1, keys]), query), "float32"), -1e9);
}

/** x over its root mean square along the last axis, or over its deviation when centred; the gradient is written out. */
function toUnitScale(x: Tensor, epsilon: number, centred: boolean): Tensor {
  return withGradient((save) => {
    const y = centred ? tf.sub(x, tf.mean(x, -1, true)) : x;
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(y), -1, true), epsilon));
    const unit = tf.mul(y, inverse);
    save([unit, inverse]);
    return unit;
  }, (dy, [unit, inverse]) => {
    const tangent = tf.sub(dy, tf.mul(unit!, tf.mean(tf.mul(dy, unit!), -1, true)));
    return [tf.mul(inverse!, centred ? tf.sub(tangent, tf.mean(dy, -1, true)) : tangent)];
  }, [x]);
}

/** Mean and inverse deviation of each group, repeated for its channels: [B, 1, C] each. x: [B, n, C] */
const groupStatistics: (x: Tensor, groups: number) => { mean: Tensor; inverse: Tensor } = compile(
  (x: Tensor, groups: number) => {
    const mean = groupMeans(tf.sum(x, 1, true), groups, x.shape[1]!);
    const square = groupMeans(tf.sum(tf.square(tf.sub(x, mean)), 1, true), groups, x.shape[1]!);
    return { mean, inverse: tf.rsqrt(tf.add(square, 1e-6)) };
  },
  { xla: true },
);

const scaleAndShift: (x: Tensor, mean: Tensor, inverse: Tensor, gain: Tensor, bias: Tensor, swish: boolean) => Tensor = compile(
  (x: Tensor, mean: Tensor, inverse: Tensor, gain: Tensor, bias: Tensor, swish: boolean) => {
    const y = tf.add(tf.mul(tf.mul(tf.sub(x, mean), inverse), gain), bias);
    return swish ? tf.mul(y, tf.sigmoid(y)) : y;
  },
  { xla: true },
);

function groupNormGradient(dy: Tensor, saved: readonly Tensor[], groups: number, swish: boolean): Tensor[] {
  const [x, gain, bias, mean, inverse] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const { dz, sums, products } = beforeSwish(dy, x, mean, inverse, gain, bias, swish);
  const towards = (channelSums: Tensor) => groupMeans(tf.mul(channelSums, gain), groups, x.shape[1]!); // [B, 1, C]
  const dx = groupNormInput(dz, x, mean, inverse, gain, towards(sums), towards(products));
  return [dx, tf.sum(products, [0, 1]), tf.sum(sums, [0, 1])];
}

/** The gradient before swish, its sum over places, and that of its product with the normalised x. */
const beforeSwish: (...args: [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, boolean]) => Record<"dz" | "sums" | "products", Tensor> =
  compile((dy: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, gain: Tensor, bias: Tensor, swish: boolean) => {
    const unit = tf.mul(tf.sub(x, mean), inverse);
    const z = tf.add(tf.mul(unit, gain), bias);
    const open = tf.sigmoid(z);
    const dz = swish ? tf.mul(dy, tf.mul(open, tf.add(1, tf.mul(z, tf.sub(1, open))))) : dy;
    return { dz: tf.mul(dz, 1), sums: tf.sum(dz, 1, true), products: tf.sum(tf.mul(dz, unit), 1, true) };
  }, { xla: true });

const groupNormInput: (...args: [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]) => Tensor = compile(
  (dz: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, gain: Tensor, level: Tensor, along: Tensor) => {
    const unit = tf.mul(tf.sub(x, mean), inverse);
    return tf.mul(inverse, tf.sub(tf.sub(tf.mul(dz, gain), level), tf.mul(unit, along)));
  },
  { xla: true },
);

/** Means over the places and channels of each group from sums over places. [B, 1, C] → [B, 1, C] */
function groupMeans(sums: Tensor, groups: number, places: number): Tensor {
  const [batch, , channels] = sums.shape as [number, number, number];
  const grouped = tf.reshape(sums, [batch, groups, channels / groups]);
  const means = tf.div(tf.sum(grouped, 2, true), places * channels / groups); // [B, G, 1]
  return tf.reshape(tf.mul(means, tf.onesLike(grouped)), [batch, 1, channels]);
}

/** A function of `inputs` with its gradient written out: what `forward` saves, `backward` gets. */
function withGradient(
  forward: (save: (tensors: Tensor[]) => void) => Tensor,
  backward: (dy: Tensor, saved: Tensor[]) => Tensor[],
  inputs: Tensor[],
): Tensor {
  const apply = tf.customGrad((...args) => ({
    value: forward(args.at(-1) as unknown as (tensors: Tensor[]) => void),
    gradFunc: (dy, saved) => backward(dy as Tensor, saved),
  }));
  return apply(...inputs);
}
