/**
 * The VQGAN's encoder for pictures by the thousand. Where nothing lies between its first convolution and its strided ones (no residual
 * blocks, as in the tiny VQGAN), together they are one linear map: a convolution with a larger filter and a larger stride, which takes a
 * fifteenth of the multiplications. Each strided one pads with zeros on the right and below, so that the last row and the last column have
 * filters of their own. Sums run in another order than in `encodeFeatures`, so that features differ in the last bits.
 *
 * Shapes: B pictures of h × w, g × g places of a stride of S pixels, C channels, E width of a code.
 *
 * @module
 */
import { compile, dispose, type Tensor, type Tensor4D, tf, tidy } from "../engine/mod.ts";
import { conv2d } from "../nn/mod.ts";
import { encodeAfterStrides, encodeFeatures, type Vqgan } from "./vqgan.ts";

/** An encoder in use. */
export interface PictureEncoder {
  /** Features before quantisation. images: [B, h, w, 3] in −1 … 1 → [B, g, g, E] */
  readonly features: (images: Tensor) => Tensor;
  /** Frees what it holds; the VQGAN's weights stay. */
  readonly [Symbol.dispose]: () => void;
}

/** A convolution. */
interface Convolution {
  readonly filter: Tensor; // [k, k, in, out]
  readonly bias: Tensor; // [out]
}

/** The same convolution for all places, and for those at the end of a row, of a column, of both. */
interface Ends {
  readonly inside: Convolution;
  readonly right: Convolution;
  readonly below: Convolution;
  readonly corner: Convolution;
}

/**
 * Opens the encoder of a VQGAN.
 *
 * @param vq the VQGAN
 * @returns an encoder; dispose of it
 *
 * @example Features as `encodeFeatures` gives them
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * using encoder = ws.model.openEncoder(vqgan);
 * assertEquals(encoder.features(ws.engine.tf.zeros([1, 64, 64, 3])).shape, [1, 8, 8, 4]);
 * ```
 */
export function openEncoder(vq: Vqgan): PictureEncoder {
  if (!isLinearBefore(vq)) return { features: (images) => encodeFeatures(vq, images), [Symbol.dispose]: () => {} };
  const ends = tidy(() => mergeStrides(vq));
  return { features: (images) => encodeMerged(vq.weights, vq.config, ends, images), [Symbol.dispose]: () => dispose(ends) };
}

/** Whether the strides of a VQGAN's encoder are one linear map. */
export function isLinearBefore({ config: { resBlocks, channelMultiplier, resolution }, encode }: Vqgan): boolean {
  return !encode && resBlocks === 0 && channelMultiplier.length > 1 && resolution > 2 ** (channelMultiplier.length - 1);
}

const encodeMerged: (weights: Vqgan["weights"], config: Vqgan["config"], ends: Ends, images: Tensor) => Tensor = compile(
  (weights: Vqgan["weights"], config: Vqgan["config"], ends: Ends, images: Tensor) =>
    encodeAfterStrides(weights, convolveEnds(ends, 2 ** (config.channelMultiplier.length - 1), images)),
);

/** The merged convolution. images: [B, h, w, 3] → [B, g, g, C] */
function convolveEnds({ inside, right, below, corner }: Ends, stride: number, images: Tensor): Tensor {
  const x = tf.pad(images, [[0, 0], [1, stride], [1, stride], [0, 0]]); // [B, h + 1 + S, w + 1 + S, 3]
  const last = images.shape[1]! / stride - 1;
  const part = ({ filter, bias }: Convolution, top: number, rows: number, left: number, columns: number) => {
    const size = [images.shape[0]!, stride * (rows + 1) + 1, stride * (columns + 1) + 1, 3];
    return conv2d(tf.slice(x, [0, stride * top, stride * left, 0], size), filter, bias, stride, "valid"); // [B, rows, columns, C]
  };
  const above = tf.concat([part(inside, 0, last, 0, last), part(right, 0, last, last, 1)], 2); // [B, g − 1, g, C]
  return tf.concat([above, tf.concat([part(below, last, 1, 0, last), part(corner, last, 1, last, 1)], 2)], 1); // [B, g, g, C]
}

/** The first convolution and the strided ones after it as one. */
function mergeStrides({ weights, config }: Vqgan): Ends {
  const named = (name: string) => ({ filter: weights[`${name}.weight`]!, bias: weights[`${name}.bias`]! });
  const first = named("encoder.conv_in");
  let ends: Ends = { inside: first, right: first, below: first, corner: first };
  for (let level = 0; level < config.channelMultiplier.length - 1; level++) {
    const next = named(`encoder.down.${level}.downsample.conv`);
    const merged = (atRight: boolean, atBottom: boolean) => mergeAt(ends, next, 2 ** level, atRight, atBottom);
    ends = { inside: merged(false, false), right: merged(true, false), below: merged(false, true), corner: merged(true, true) };
  }
  return ends;
}

/** `next` after `before`, whose places lie `stride` pixels apart; at an end its third tap falls on padding, and its second on an end. */
function mergeAt(before: Ends, next: Convolution, stride: number, atRight: boolean, atBottom: boolean): Convolution {
  const none = [0, 0, 0];
  const [columns, lastColumn] = atRight ? [[1, 0, 0], [0, 1, 0]] : [[1, 1, 1], none];
  const [rows, lastRow] = atBottom ? [[1, 0, 0], [0, 1, 0]] : [[1, 1, 1], none];
  const parts = [
    composed(before.inside, next, stride, rows!, columns!),
    ...(atRight ? [composed(before.right, next, stride, rows!, lastColumn!)] : []),
    ...(atBottom ? [composed(before.below, next, stride, lastRow!, columns!)] : []),
    ...(atRight && atBottom ? [composed(before.corner, next, stride, lastRow!, lastColumn!)] : []),
  ];
  return { filter: tf.addN(parts.map(({ filter }) => filter)), bias: tf.addN([next.bias, ...parts.map(({ bias }) => bias)]) };
}

/** Some taps of `outer` after `inner`, without the bias of `outer`: a filter after a filter is its transposed convolution. */
function composed(inner: Convolution, outer: Convolution, stride: number, rows: number[], columns: number[]): Convolution {
  const taps = tf.tensor4d(rows.flatMap((row) => columns.map((column) => row * column)), [3, 3, 1, 1]);
  const kept = tf.mul(outer.filter, taps) as Tensor4D; // [3, 3, C, C]
  const [size, , from] = inner.filter.shape as [number, number, number];
  const [side, to] = [size + 2 * stride, kept.shape[3]];
  const pictures = tf.transpose(kept, [3, 0, 1, 2]) as Tensor4D; // [C, 3, 3, C]: a picture for each channel that comes out
  const filters = tf.conv2dTranspose(pictures, inner.filter as Tensor4D, [to, side, side, from], stride, "valid"); // [C, k, k, in]
  const bias = tf.sum(tf.mul(kept, tf.reshape(inner.bias, [1, 1, -1, 1])), [0, 1, 2]); // [C]
  return { filter: tf.transpose(filters, [1, 2, 3, 0]), bias };
}
