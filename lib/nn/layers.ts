/**
 * Layers of a transformer and of a convolutional autoencoder. Shapes: B batch, T positions, D width, V vocabulary, N rows;
 * images are [B, h, w, C].
 *
 * Where the engine can, XLA compiles chains of element-wise maths: one pass over memory each, whatever the formula. They
 * compute in float32 and return the precision that is asked for.
 *
 * @module
 */
import { compile, type Precision, precisionOf, type Tensor, type Tensor4D, tf, toPrecision, uniform, withGradient } from "../engine/mod.ts";
import { isOnCpu } from "../engine/kernels.ts";

/** `x Wᵀ` for weights as they lie on disk. x: [B, T, in], weight: [out, in] → [B, T, out] */
export function linear(x: Tensor, weight: Tensor): Tensor {
  const flat = tf.reshape(x, [-1, x.shape.at(-1)!]); // [B·T, in]
  const product = tf.matMul(flat, weight, false, true); // [B·T, out]
  return tf.reshape(product, [...x.shape.slice(0, -1), weight.shape[0]!]); // [B, T, out]
}

/** `x Wᵀ + b`. x: [..., in], weight: [out, in], bias: [out] → [..., out] */
export function affine(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return tf.add(linear(x, weight), bias); // [..., out]
}

/** GELU (Hendrycks & Gimpel 2016), not its approximation. */
export function gelu(x: Tensor): Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
}

/** A layer with GELU beside its own input. */
export interface BesideLayer {
  /** Its weights, [P, D]. */
  readonly weight: Tensor;
  /** Its bias, [P]. */
  readonly bias: Tensor;
}

/** x with what a layer makes of it, and a 1 that a bias can be multiplied with; without a layer x. [..., D] → [..., D + P + 1] or [..., D] */
export function withBeside(x: Tensor, beside: BesideLayer | undefined): Tensor {
  if (!beside) return x;
  const precision = precisionOf(x);
  const inner = gelu(tf.add(toPrecision(linear(x, beside.weight), "float32"), beside.bias)); // [..., P]
  const one = tf.fill([...x.shape.slice(0, -1), 1], 1); // [..., 1]
  return toPrecision(tf.concat([toPrecision(x, "float32"), inner, one], -1), precision); // [..., D + P + 1]
}

/** LayerNorm over the last axis (Ba et al. 2016). x: [..., D], gain and bias: [D] → [..., D] */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor {
  return tf.add(tf.mul(toUnitScale(x, epsilon, true), gain), bias);
}

/** RMSNorm over the last axis (Zhang & Sennrich 2019). x: [..., D], gain: [D] → [..., D] */
export const rmsNorm: (x: Tensor, gain: Tensor, epsilon: number, precision: Precision) => Tensor = compile(
  (x: Tensor, gain: Tensor, epsilon: number, precision: Precision) => {
    const unit = toUnitScale(toPrecision(x, "float32"), epsilon, false);
    return toPrecision(tf.mul(unit, toPrecision(gain, "float32")), precision);
  },
  { xla: true },
);

/**
 * x over its root mean square along the last axis; centred, x minus its mean over its standard deviation. The gradient is
 * written out.
 *
 * @param x [..., D]
 * @param epsilon keeps the division finite
 * @param centred whether the mean is taken off first: LayerNorm rather than RMSNorm
 * @returns [..., D]
 */
export function toUnitScale(x: Tensor, epsilon: number, centred: boolean): Tensor {
  return withGradient([x], (save) => {
    const y = centred ? tf.sub(x, rowMeans(x)) : x;
    const inverse = tf.rsqrt(tf.add(rowMeans(tf.square(y)), epsilon)); // [..., 1]
    const unit = tf.mul(y, inverse); // [..., D]
    save([unit, inverse]);
    return unit;
  }, (dy, [unit, inverse]) => {
    const tangent = tf.sub(dy, tf.mul(unit!, rowMeans(tf.mul(dy, unit!)))); // [..., D]
    return [tf.mul(inverse!, centred ? tf.sub(tangent, rowMeans(dy)) : tangent)]; // [..., D]
  });
}

/**
 * Sums along the last axis in float32. On a CPU they are a product with ones, as XLA adds up rows without vector instructions
 * there: RMSNorm takes half the time.
 *
 * @param x [..., D] float32
 * @returns [..., 1]
 */
export function rowSums(x: Tensor): Tensor {
  if (!isOnCpu()) return tf.sum(x, -1, true);
  const width = x.shape.at(-1)!;
  const sums = tf.matMul(tf.reshape(x, [-1, width]), tf.fill([width, 1], 1)); // [N, 1]; filled in the graph, as a loop may capture nothing
  return tf.reshape(sums, [...x.shape.slice(0, -1), 1]);
}

function rowMeans(x: Tensor): Tensor {
  return tf.div(rowSums(x), x.shape.at(-1)!); // [..., 1]
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

/** x + y as one kernel, in their own precision. */
export const fusedAdd: (x: Tensor, y: Tensor) => Tensor = compile((x: Tensor, y: Tensor) => tf.add(x, y), { xla: true });

/** Inverted dropout: zeroes a share `rate` of x and scales up the rest, so that the mean stays. */
export const dropout: (x: Tensor, rate: number, seed: Tensor, precision: Precision) => Tensor = compile(
  (x: Tensor, rate: number, seed: Tensor, precision: Precision) => dropWhere(x, dropoutMask(x.shape, rate, seed), rate, precision),
  { xla: true },
);

/** What {@linkcode dropout} keeps: drawn once for value and gradient, as its random numbers cost more than all else in it. */
export const dropoutMask: (shape: readonly number[], rate: number, seed: Tensor) => Tensor = compile(
  (shape: readonly number[], rate: number, seed: Tensor) => tf.greaterEqual(uniform(shape, seed), rate),
  { xla: true },
);

/** Dropout by a mask of what is kept. */
export const dropWhere: (x: Tensor, kept: Tensor, rate: number, precision: Precision) => Tensor = compile(
  (x: Tensor, kept: Tensor, rate: number, precision: Precision) =>
    toPrecision(tf.mul(toPrecision(x, "float32"), tf.mul(tf.cast(kept, "float32"), 1 / (1 - rate))), precision),
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
  const picked = tf.mul(wide, oneHot(labels, wide.shape[1]!)); // [N, V]
  const inside = tf.logicalAnd(tf.greaterEqual(labels, 0), tf.less(labels, wide.shape[1]!)); // [N]
  return tf.mul(tf.sub(tf.logSumExp(wide, -1), tf.sum(picked, -1)), tf.cast(inside, "float32")); // [N]
}, { xla: true });

/** One-hot rows by comparison, which has no gradient to follow. labels: [N] → [N, V] */
function oneHot(labels: Tensor, size: number): Tensor {
  const ids = tf.expandDims(tf.range(0, size, 1, "int32"), 0); // [1, V]
  return tf.cast(tf.equal(tf.expandDims(labels, 1), ids), "float32"); // [N, V]
}

/**
 * GroupNorm over channels-last images (Wu & He 2018), followed by swish or not. Statistics are taken channel by channel,
 * the order in memory, and every pass over the image is a kernel of its own: as one kernel the gradient takes three times
 * as long.
 *
 * @param x [B, h, w, C]
 * @param gain [C]
 * @param bias [C]
 * @returns [B, h, w, C]
 */
export function groupNorm(x: Tensor, gain: Tensor, bias: Tensor, groups: number, swish: boolean): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const flat = tf.reshape(x, [batch, height * width, channels]); // [B, n, C]
  const y = withGradient([flat, gain, bias], (save) => {
    const { mean, inverse } = groupStatistics(flat, groups); // [B, 1, C] each
    save([flat, gain, bias, mean, inverse]);
    return scaleAndShift({ x: flat, gain, bias, mean, inverse }, swish);
  }, (dy, saved) => groupNormGradient(dy, saved, groups, swish));
  return tf.reshape(y, x.shape); // [B, h, w, C]
}

/** What GroupNorm computes with. */
interface Normalised {
  readonly x: Tensor; // [B, n, C]
  readonly gain: Tensor; // [C]
  readonly bias: Tensor; // [C]
  readonly mean: Tensor; // [B, 1, C]: each channel has its group's
  readonly inverse: Tensor; // [B, 1, C], of the standard deviation
}

/** Each group's mean and inverse deviation, repeated for its channels. [B, n, C] → [B, 1, C] each */
const groupStatistics: (x: Tensor, groups: number) => { mean: Tensor; inverse: Tensor } = compile(
  (x: Tensor, groups: number) => {
    const mean = groupMeans(tf.sum(x, 1, true), groups, x.shape[1]!); // [B, 1, C]
    const square = groupMeans(tf.sum(tf.square(tf.sub(x, mean)), 1, true), groups, x.shape[1]!); // [B, 1, C]
    return { mean, inverse: tf.rsqrt(tf.add(square, 1e-6)) };
  },
  { xla: true },
);

const scaleAndShift: (normalised: Normalised, swish: boolean) => Tensor = compile(
  ({ x, mean, inverse, gain, bias }: Normalised, swish: boolean) => {
    const y = tf.add(tf.mul(tf.mul(tf.sub(x, mean), inverse), gain), bias);
    return swish ? tf.mul(y, tf.sigmoid(y)) : y;
  },
  { xla: true },
);

function groupNormGradient(dy: Tensor, saved: readonly Tensor[], groups: number, swish: boolean): Tensor[] {
  const [x, gain, bias, mean, inverse] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const normalised = { x, gain, bias, mean, inverse };
  const { dz, sums, products } = beforeSwish(dy, normalised, swish);
  const ofGroups = (channelSums: Tensor) => groupMeans(tf.mul(channelSums, gain), groups, x.shape[1]!); // [B, 1, C]
  const dx = groupNormInput(dz, normalised, ofGroups(sums), ofGroups(products)); // [B, n, C]
  return [dx, tf.sum(products, [0, 1]), tf.sum(sums, [0, 1])]; // [B, n, C], [C], [C]
}

/** The gradient before swish, its sum over places, and that of its product with the normalised x. */
const beforeSwish: (dy: Tensor, normalised: Normalised, swish: boolean) => Record<"dz" | "sums" | "products", Tensor> = compile(
  (dy: Tensor, { x, mean, inverse, gain, bias }: Normalised, swish: boolean) => {
    const unit = tf.mul(tf.sub(x, mean), inverse);
    const z = tf.add(tf.mul(unit, gain), bias);
    const open = tf.sigmoid(z);
    const dz = swish ? tf.mul(dy, tf.mul(open, tf.add(1, tf.mul(z, tf.sub(1, open))))) : dy; // [B, n, C]
    return { dz: tf.mul(dz, 1), sums: tf.sum(dz, 1, true), products: tf.sum(tf.mul(dz, unit), 1, true) }; // sums: [B, 1, C]
  },
  { xla: true },
);

/** The gradient of x, from that before swish and its means over each group. */
const groupNormInput: (dz: Tensor, normalised: Normalised, level: Tensor, along: Tensor) => Tensor = compile(
  (dz: Tensor, { x, mean, inverse, gain }: Normalised, level: Tensor, along: Tensor) => {
    const unit = tf.mul(tf.sub(x, mean), inverse);
    return tf.mul(inverse, tf.sub(tf.sub(tf.mul(dz, gain), level), tf.mul(unit, along)));
  },
  { xla: true },
);

/** Means over the places and channels of each group, from sums over places. [B, 1, C] → [B, 1, C] */
function groupMeans(sums: Tensor, groups: number, places: number): Tensor {
  const [batch, , channels] = sums.shape as [number, number, number];
  const grouped = tf.reshape(sums, [batch, groups, channels / groups]); // [B, G, C/G]
  const means = tf.div(tf.sum(grouped, 2, true), places * channels / groups); // [B, G, 1]
  return tf.reshape(tf.mul(means, tf.onesLike(grouped)), [batch, 1, channels]); // [B, 1, C]
}

/** A convolution with its bias. x: [B, h, w, in], filter: [kh, kw, in, out], bias: [out] → [B, h/stride, w/stride, out] */
export function conv2d(x: Tensor, filter: Tensor, bias: Tensor, stride = 1, padding: "same" | "valid" = "same"): Tensor {
  return tf.add(tf.conv2d(x as Tensor4D, filter as Tensor4D, stride, padding), bias);
}

/** Doubles height and width by repeating pixels. [B, h, w, C] → [B, 2h, 2w, C] */
export function upsample2(x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const wide = tf.reshape(tf.concat([x, x], 3), [batch, height, 1, 2 * width * channels]); // [B, h, 1, 2w·C]
  return tf.reshape(tf.concat([wide, wide], 2), [batch, 2 * height, 2 * width, channels]); // [B, 2h, 2w, C]
}

/** The last positions, on the last axis but one. [B, T, D] → [B, count, D], or [T, d] → [count, d] */
export function lastPositions(x: Tensor, count: number): Tensor {
  const axis = x.rank - 2;
  const first = x.shape[axis]! - count;
  if (first === 0) return x;
  return tf.slice(x, x.shape.map((_, i) => i === axis ? first : 0), x.shape.map((size, i) => i === axis ? count : size));
}
