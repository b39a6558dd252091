/**
 * Chameleon's image tokenizer: a VQGAN (Esser et al. 2021). Weights go by their names on disk, without `model.vqmodel.`.
 *
 * Shapes: images are [B, h, w, 3] in −1 … 1 and become grids of g × g codes; C channels, E width of a code, K codes. Filters
 * are [kh, kw, in, out] here and [out, in, kh, kw] on disk.
 *
 * @module
 */
import { compile, type Tensor, tf } from "../engine/mod.ts";
import { conv2d, groupNorm, upsample2 } from "../nn/mod.ts";
import type { VqConfig } from "./config.ts";

/** Weights by their names on disk. */
export type Weights = Readonly<Record<string, Tensor>>;

/** A picture tokenizer: Chameleon's VQGAN, or another backbone's with its own maths. */
export interface Vqgan {
  /** The shape. */
  readonly config: VqConfig;
  /** Weights by name; the codebook is `quantize.embedding.weight`, [K, E]. */
  readonly weights: Weights;
  /** Another tokenizer's encoder, [B, h, w, 3] → [B, g, g, E]; absent: the VQGAN's. */
  readonly encode?: (images: Tensor) => Tensor;
  /** Another tokenizer's decoder, [B, g, g, E] → [B, h, w, 3]; absent where the checkpoint brought none. */
  readonly decode?: (vectors: Tensor) => Tensor;
  /** What the model sees of pictures that it is asked about, a vector for each place, [B, h, w, 3] → [B, g·g, D]; absent: their codes. */
  readonly see?: (images: Tensor) => Tensor;
}

const GROUPS = 32;

/**
 * The encoder's features before quantisation, which recognition weights compare (paper §3.2).
 *
 * @param vq the VQGAN
 * @param images [B, h, w, 3] in −1 … 1
 * @returns [B, g, g, E]
 *
 * @example A vector for each of 64 places
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * assertEquals(ws.model.encodeFeatures(vqgan, tf.zeros([1, 64, 64, 3])).shape, [1, 8, 8, 4]);
 * ```
 */
export function encodeFeatures(vq: Vqgan, images: Tensor): Tensor {
  return vq.encode ? vq.encode(images) : encodeCompiled(vq.weights, vq.config, images); // [B, g, g, E]
}

/**
 * The nearest code of each feature vector.
 *
 * @param vq the VQGAN
 * @param features [B, g, g, E]
 * @returns codes row by row, [B, g·g] int32
 *
 * @example A code for each place
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const codes = ws.model.nearestCodes(vqgan, ws.model.encodeFeatures(vqgan, tf.zeros([1, 64, 64, 3])));
 * assertEquals(codes.shape, [1, 64]);
 * ```
 */
export function nearestCodes(vq: Vqgan, features: Tensor): Tensor {
  return nearestCompiled(vq.weights["quantize.embedding.weight"]!, features); // [B, g·g]
}

/**
 * Images of codes.
 *
 * @param vq the VQGAN, with its decoder
 * @param codes [B, g·g] int32
 * @returns [B, h, w, 3], about −1 … 1
 *
 * @example An image of 64 codes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const codes = tf.zeros([1, 64], "int32") as ws.Tensor;
 * assertEquals(ws.model.decodeCodes(vqgan, codes).shape, [1, 64, 64, 3]);
 * ```
 */
export function decodeCodes(vq: Vqgan, codes: Tensor): Tensor {
  return tf.tidy(() => {
    const side = Math.sqrt(codes.shape[1]!);
    const book = vq.weights["quantize.embedding.weight"]!; // [K, E]
    const flat = tf.gather(book, tf.reshape(codes, [-1])); // [B·g·g, E]
    return decodeVectors(vq, tf.reshape(flat, [-1, side, side, vq.config.embedDim])); // [B, h, w, 3]
  });
}

/** Images of code vectors. [B, g, g, E] → [B, h, w, 3] */
export function decodeVectors(vq: Vqgan, vectors: Tensor): Tensor {
  return vq.decode ? vq.decode(vectors) : decodeCompiled(vq.weights, vq.config, vectors); // [B, h, w, 3]
}

/** Whether the checkpoint brought a decoder: Hugging Face's conversion of Chameleon-7B leaves it out, Anole's keeps it. */
export function hasDecoder({ weights, encode, decode }: Vqgan): boolean {
  return encode ? decode !== undefined : "decoder.conv_in.weight" in weights;
}

/** Names and shapes of the VQGAN's weights as they lie on disk. */
export function vqShapes(config: VqConfig): Map<string, number[]> {
  const { baseChannels, channelMultiplier, resBlocks, latentChannels, embedDim, codes } = config;
  const shapes = new Map<string, number[]>();
  const conv = (name: string, from: number, to: number, size: number) => {
    shapes.set(`${name}.weight`, [to, from, size, size]).set(`${name}.bias`, [to]);
  };
  const norm = (name: string, channels: number) => shapes.set(`${name}.weight`, [channels]).set(`${name}.bias`, [channels]);
  const resBlock = (name: string, from: number, to: number) => {
    norm(`${name}.norm1`, from);
    conv(`${name}.conv1`, from, to, 3);
    norm(`${name}.norm2`, to);
    conv(`${name}.conv2`, to, to, 3);
    if (from !== to) conv(`${name}.nin_shortcut`, from, to, 1);
  };
  const middle = (name: string, channels: number) => {
    resBlock(`${name}.block_1`, channels, channels);
    resBlock(`${name}.block_2`, channels, channels);
    if (!config.midAttention) return;
    norm(`${name}.attn_1.norm`, channels);
    for (const part of ["q", "k", "v", "proj_out"]) conv(`${name}.attn_1.${part}`, channels, channels, 1);
  };
  const widths = channelMultiplier.map((m) => m * baseChannels);
  const top = widths.at(-1)!;

  conv("encoder.conv_in", 3, baseChannels, 3);
  let width = baseChannels;
  widths.forEach((to, level) => {
    for (let i = 0; i < resBlocks; i++) resBlock(`encoder.down.${level}.block.${i}`, i === 0 ? width : to, to);
    if (level < widths.length - 1) conv(`encoder.down.${level}.downsample.conv`, to, to, 3);
    width = to;
  });
  middle("encoder.mid", top);
  norm("encoder.norm_out", top);
  conv("encoder.conv_out", top, latentChannels, 3);
  conv("quant_conv", latentChannels, embedDim, 1);
  shapes.set("quantize.embedding.weight", [codes, embedDim]);
  conv("post_quant_conv", embedDim, latentChannels, 1);

  conv("decoder.conv_in", latentChannels, top, 3);
  middle("decoder.mid", top);
  for (let level = widths.length - 1; level >= 0; level--) {
    const to = widths[level]!;
    for (let i = 0; i <= resBlocks; i++) resBlock(`decoder.up.${level}.block.${i}`, i === 0 ? width : to, to);
    if (level > 0) conv(`decoder.up.${level}.upsample.conv`, to, to, 3);
    width = to;
  }
  norm("decoder.norm_out", width);
  conv("decoder.conv_out", width, 3, 3);
  return shapes;
}

const encodeCompiled: (weights: Weights, config: VqConfig, images: Tensor) => Tensor = compile(encode);
const nearestCompiled: (book: Tensor, features: Tensor) => Tensor = compile(nearest);
const decodeCompiled: (weights: Weights, config: VqConfig, vectors: Tensor) => Tensor = compile(decode);

function encode(weights: Weights, { channelMultiplier, resBlocks }: VqConfig, images: Tensor): Tensor {
  let x = convolve(weights, "encoder.conv_in", images); // [B, h, w, C]
  channelMultiplier.forEach((_, level) => {
    for (let i = 0; i < resBlocks; i++) x = residualBlock(weights, `encoder.down.${level}.block.${i}`, x); // [B, h, w, C]
    if (level < channelMultiplier.length - 1) x = halve(weights, `encoder.down.${level}.downsample.conv`, x); // [B, h/2, w/2, C]
  });
  return encodeAfterStrides(weights, x); // [B, g, g, E]
}

/** The encoder's part that works on the grid. [B, g, g, C] → [B, g, g, E] */
export function encodeAfterStrides(weights: Weights, grid: Tensor): Tensor {
  let x = middleOf(weights, "encoder.mid", grid); // [B, g, g, C]
  x = convolve(weights, "encoder.conv_out", normalise(weights, "encoder.norm_out", x, true)); // [B, g, g, latent]
  return convolve(weights, "quant_conv", x); // [B, g, g, E]
}

/** The smallest |c|² − 2 z·c, which is the distance less |z|²; as one product, [z, 1] · [−2c, |c|²]. book: [K, E] → [B, g·g] */
function nearest(book: Tensor, features: Tensor): Tensor {
  const flat = tf.reshape(features, [-1, book.shape[1]!]); // [B·g·g, E]
  const places = tf.concat([flat, tf.ones([flat.shape[0]!, 1])], 1); // [B·g·g, E + 1]
  const codes = tf.concat([tf.mul(book, -2), tf.sum(tf.square(book), 1, true)], 1); // [K, E + 1]
  const distances = tf.matMul(places, codes, false, true); // [B·g·g, K]
  return tf.reshape(tf.argMin(distances, -1), [features.shape[0]!, -1]); // [B, g·g]
}

function decode(weights: Weights, { channelMultiplier, resBlocks }: VqConfig, vectors: Tensor): Tensor {
  let x = convolve(weights, "decoder.conv_in", convolve(weights, "post_quant_conv", vectors)); // [B, g, g, C]
  x = middleOf(weights, "decoder.mid", x); // [B, g, g, C]
  for (let level = channelMultiplier.length - 1; level >= 0; level--) {
    for (let i = 0; i <= resBlocks; i++) x = residualBlock(weights, `decoder.up.${level}.block.${i}`, x); // [B, h, w, C]
    if (level > 0) x = convolve(weights, `decoder.up.${level}.upsample.conv`, upsample2(x)); // [B, 2h, 2w, C]
  }
  return convolve(weights, "decoder.conv_out", normalise(weights, "decoder.norm_out", x, true)); // [B, h, w, 3]
}

/** Two convolutions beside a shortcut. [B, h, w, in] → [B, h, w, out] */
export function residualBlock(weights: Weights, name: string, x: Tensor, norm: typeof normalise = normalise): Tensor {
  const first = convolve(weights, `${name}.conv1`, norm(weights, `${name}.norm1`, x, true)); // [B, h, w, out]
  const second = convolve(weights, `${name}.conv2`, norm(weights, `${name}.norm2`, first, true));
  return tf.add(`${name}.nin_shortcut.weight` in weights ? convolve(weights, `${name}.nin_shortcut`, x) : x, second);
}

/** Two residual blocks, with attention between them or not. [B, g, g, C] → [B, g, g, C] */
export function middleOf(weights: Weights, name: string, x: Tensor): Tensor {
  const y = residualBlock(weights, `${name}.block_1`, x);
  const attended = `${name}.attn_1.q.weight` in weights ? attend(weights, `${name}.attn_1`, y) : y;
  return residualBlock(weights, `${name}.block_2`, attended);
}

/** One head of attention over all places. [B, g, g, C] → [B, g, g, C] */
export function attend(weights: Weights, name: string, x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const normed = normalise(weights, `${name}.norm`, x, false);
  const [q, k, v] = ["q", "k", "v"].map((part) =>
    tf.reshape(convolve(weights, `${name}.${part}`, normed), [batch, height * width, channels])
  ) as [Tensor, Tensor, Tensor]; // [B, g·g, C] each
  const places = tf.softmax(tf.mul(tf.matMul(q, k, false, true), channels ** -0.5)); // [B, g·g, g·g]
  const mixed = tf.reshape(tf.matMul(places, v), [batch, height, width, channels]); // [B, g, g, C]
  return tf.add(x, convolve(weights, `${name}.proj_out`, mixed));
}

/** Halves height and width; like the reference, it pads on the right and below only. [B, h, w, C] → [B, h/2, w/2, C] */
export function halve(weights: Weights, name: string, x: Tensor): Tensor {
  const padded = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]]); // [B, h + 1, w + 1, C]
  return conv2d(padded, weights[`${name}.weight`]!, weights[`${name}.bias`]!, 2, "valid"); // [B, h/2, w/2, C]
}

/** The convolution of a name. */
export function convolve(weights: Weights, name: string, x: Tensor): Tensor {
  return conv2d(x, weights[`${name}.weight`]!, weights[`${name}.bias`]!);
}

/** The GroupNorm of a name. */
export function normalise(weights: Weights, name: string, x: Tensor, swish: boolean): Tensor {
  return groupNorm(x, weights[`${name}.weight`]!, weights[`${name}.bias`]!, GROUPS, swish);
}
