/**
 * How far the VQGAN's features of two pictures lie apart, place by place: what recognition weights are made of (paper §3.2).
 *
 * Shapes: N pairs, g × g places, E width of a code.
 *
 * @module
 */
import { type Tensor, tf, tidy, valuesOf } from "../engine/mod.ts";
import { openEncoder, type PictureEncoder, type Vqgan } from "../model/mod.ts";
import { picturesAtOnce } from "../model/memory.ts";
import { imagesToTensor } from "../tokens/images.ts";
import { type RgbImage, squareCrop } from "../tokens/mod.ts";

/** Squared L2 distances of features before quantisation. [2N, g, g, E], sources and targets in turn → [N, g·g] */
export function pairDistances(features: Tensor): Tensor {
  const [twice, height, width, channels] = features.shape as [number, number, number, number];
  const pairs = tf.reshape(features, [twice / 2, 2, height * width, channels]);
  const [source, target] = tf.unstack(pairs, 1) as [Tensor, Tensor];
  return tf.sum(tf.square(tf.sub(source, target)), -1); // [N, g·g]
}

/**
 * Distances of the features of one source and several targets.
 *
 * @param vqgan encodes
 * @param source the picture before
 * @param targets pictures after
 * @param opened the VQGAN's encoder, where the caller keeps one open
 * @returns squared L2 distances by place, row by row, a list a target
 *
 * @example Nothing changes between a picture and itself
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
 * const [distances] = ws.trajectories.featureDistances(vqgan, grey, [grey]);
 * assert(distances!.length === 64 && Math.max(...distances!) < 1e-6); // of a batch, the last bits may depend on the place
 * ```
 */
export function featureDistances(vqgan: Vqgan, source: RgbImage, targets: readonly RgbImage[], opened?: PictureEncoder): Float32Array[] {
  using own = opened ? undefined : openEncoder(vqgan);
  const encoder = opened ?? own!;
  const [before, ...after] = [source, ...targets].map((picture) => squareCrop(picture, vqgan.config.resolution));
  const together = picturesAtOnce(vqgan.config, targets.length + 1) - 1;
  const found: Float32Array[] = [];
  for (let i = 0; i < after.length; i += together) {
    const distances = tidy(() => firstDistances(encoder.features(imagesToTensor([before!, ...after.slice(i, i + together)])))); // [N, g·g]
    const [values, each] = [valuesOf(distances) as Float32Array, distances.shape[1]!];
    distances.dispose();
    for (let start = 0; start < values.length; start += each) found.push(values.slice(start, start + each));
  }
  return found;
}

/** Distances of all but the first from the first. [1 + N, g, g, E] → [N, g·g] */
function firstDistances(features: Tensor): Tensor {
  const [count, height, width, channels] = features.shape as [number, number, number, number];
  const [source, targets] = tf.split(tf.reshape(features, [count, height * width, channels]), [1, count - 1]) as [Tensor, Tensor];
  return tf.sum(tf.square(tf.sub(targets, source)), -1); // [N, g·g]
}
