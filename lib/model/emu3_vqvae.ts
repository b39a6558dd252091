/**
 * Emu3's picture tokenizer (Wang et al. 2024): a VQVAE of videos, whose decoder is modulated by the codes at every norm (Zheng et
 * al. 2022). A picture is a video of a few equal frames, which become one grid of codes; decoded, it is the first frame. Weights go
 * by their names on disk, without `model.vqmodel.`.
 *
 * Shapes: images are [B, h, w, 3] in −1 … 1 and become grids of g × g codes; C channels, E width of a code, H heads, n places.
 * Filters are [kh, kw, in, out] here, those over time [kt, kh, kw, in, out].
 *
 * @module
 */
import { compile, type Tensor, type Tensor4D, tf } from "../engine/mod.ts";
import { affine, groupNorm, joinHeads, splitHeads, upsample2 } from "../nn/mod.ts";
import type { VqConfig } from "./config.ts";
import { convolve, halve, normalise, residualBlock, type Vqgan, type Weights } from "./vqgan.ts";

const GROUPS = 32;
const BEFORE = 2; // frames of zeros before the first: a filter over time looks back alone

/** The tokenizer of some weights: what `encodeFeatures`, `nearestCodes` and `decodeCodes` of vqgan.ts take. */
export function emu3Pictures(config: VqConfig, weights: Weights): Vqgan {
  return {
    ...{ config, weights },
    encode: (images) => encodeCompiled(weights, config, images), // [B, g, g, E]
    ...("decoder.conv_in.weight" in weights && { decode: (vectors: Tensor) => decodeCompiled(weights, config, vectors) }), // [B, h, w, 3]
  };
}

const encodeCompiled: (weights: Weights, config: VqConfig, images: Tensor) => Tensor = compile(encode);
const decodeCompiled: (weights: Weights, config: VqConfig, vectors: Tensor) => Tensor = compile(decode);

/** Each frame by itself, then over time. All frames are alike until then, so that one is computed. */
function encode(weights: Weights, config: VqConfig, images: Tensor): Tensor {
  const { channelMultiplier, resBlocks } = config;
  const { frames, attendedLevels, heads } = config.video!;
  let x = convolve(weights, "encoder.conv_in", images); // [B, h, w, C]
  channelMultiplier.forEach((_, level) => {
    const down = `encoder.down_block.down.${level}`;
    for (let i = 0; i < resBlocks; i++) {
      x = residualBlock(weights, `${down}.block.${i}`, x); // [B, h, w, C]
      if (attendedLevels.includes(level)) {
        x = attend(weights, `${down}.attn.${i}`, x, normalise(weights, `${down}.attn_norms.${i}`, x, false), heads);
      }
    }
    if (level < channelMultiplier.length - 1) x = halve(weights, `${down}.downsample.conv`, x); // [B, h/2, w/2, C]
  });
  x = middleOf(weights, "encoder.middle_block", x, normalise, heads); // [B, g, g, C]
  x = convolve(weights, "encoder.conv_out", normalise(weights, "encoder.norm_out", x, true)); // [B, g, g, latent]

  let video: Tensor[] = Array<Tensor>(frames).fill(x); // [B, g, g, latent] each
  for (let i = 0; i < Math.log2(frames); i++) video = overTime(weights, `encoder.time_conv.${i}.conv`, video, 2).map(swish);
  for (let i = 0; i < resBlocks; i++) video = timeBlock(weights, `encoder.time_res_stack.${i}`, video);
  return overTime(weights, "quant_conv", video)[0]!; // [B, g, g, E]
}

/** Over time, then the frame by itself. Filters over time look back, so that the first frame needs no other. */
function decode(weights: Weights, config: VqConfig, vectors: Tensor): Tensor {
  const { channelMultiplier, resBlocks } = config;
  const { frames, attendedLevels, heads } = config.video!;
  const [latent] = overTime(weights, "post_quant_conv", [vectors]); // [B, g, g, latent]
  let video = [tf.concat([latent!, vectors], 0) as Tensor]; // [2B, g, g, latent]
  for (let i = 0; i < resBlocks; i++) video = timeBlock(weights, `decoder.time_res_stack.${i}`, video);
  for (let i = 0; i < Math.log2(frames); i++) video = overTime(weights, `decoder.time_conv.${i}.conv`, video).map(swish);

  let [x, codes] = tf.split(video[0]!, 2, 0) as [Tensor, Tensor]; // [B, g, g, latent] each
  const norm: typeof normalise = (weights, name, x, swished) => modulated(weights, name, x, codes, swished);
  x = middleOf(weights, "decoder.middle_block", convolve(weights, "decoder.conv_in", x), norm, heads); // [B, g, g, C]
  for (let level = channelMultiplier.length - 1; level >= 0; level--) {
    const up = `decoder.up_block.up.${level}`;
    for (let i = 0; i <= resBlocks; i++) {
      x = residualBlock(weights, `${up}.block.${i}`, x, norm); // [B, h, w, C]
      if (attendedLevels.includes(level)) {
        x = attend(weights, `${up}.attn.${i}`, x, norm(weights, `${up}.attn_norms.${i}`, x, false), heads);
      }
    }
    if (level === 0) break;
    x = convolve(weights, `${up}.upsample.conv`, upsample2(x)); // [B, 2h, 2w, C]
    codes = upsample2(codes); // [B, 2h, 2w, latent]
  }
  return convolve(weights, "decoder.conv_out", norm(weights, "decoder.norm_out", x, true)); // [B, h, w, 3]
}

/** GroupNorm whose gain and bias come from the codes at each place. x: [B, h, w, C], codes: [B, h, w, latent] → [B, h, w, C] */
function modulated(weights: Weights, name: string, x: Tensor, codes: Tensor, swished: boolean): Tensor {
  const normed = groupNorm(x, weights[`${name}.norm_layer.weight`]!, weights[`${name}.norm_layer.bias`]!, GROUPS, false);
  const y = tf.add(tf.mul(normed, convolve(weights, `${name}.conv_y`, codes)), convolve(weights, `${name}.conv_b`, codes));
  return swished ? swish(y) : y;
}

/** Two residual blocks with attention between them. [B, g, g, C] → [B, g, g, C] */
function middleOf(weights: Weights, name: string, x: Tensor, norm: typeof normalise, heads: number): Tensor {
  const y = residualBlock(weights, `${name}.block_1`, x, norm);
  const attended = attend(weights, `${name}.attn_1`, y, norm(weights, `${name}.attn_norm`, y, false), heads);
  return residualBlock(weights, `${name}.block_2`, attended, norm);
}

/** Attention over all places, beside a shortcut. x, normed: [B, g, g, C] → [B, g, g, C] */
function attend(weights: Weights, name: string, x: Tensor, normed: Tensor, heads: number): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const layer = (part: string, y: Tensor) => affine(y, weights[`${name}.${part}.weight`]!, weights[`${name}.${part}.bias`]!);
  const flat = tf.reshape(normed, [batch, height * width, channels]); // [B, n, C]
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) => splitHeads(layer(part, flat), heads)) as [Tensor, Tensor, Tensor]; // [B, H, n, d] each
  const places = tf.softmax(tf.mul(tf.matMul(q, k, false, true), (channels / heads) ** -0.5)); // [B, H, n, n]
  const mixed = layer("out_proj", joinHeads(tf.matMul(places, v))); // [B, n, C]
  return tf.add(x, tf.reshape(mixed, x.shape)); // [B, g, g, C]
}

/** A causal convolution over time: a filter's last tap falls on a frame, the others on those before it. [B, g, g, in] each → [B, g, g, out] each */
function overTime(weights: Weights, name: string, video: readonly Tensor[], stride = 1): Tensor[] {
  const taps = tf.unstack(weights[`${name}.conv.weight`]!, 0) as Tensor4D[]; // [kh, kw, in, out] each
  const count = Math.floor((video.length + BEFORE - taps.length) / stride) + 1;
  return Array.from({ length: count }, (_, at) => {
    const seen = taps.flatMap((tap, k) => {
      const frame = video[at * stride + k - BEFORE];
      return frame ? [tf.conv2d(frame as Tensor4D, tap, 1, "same")] : [];
    });
    return tf.add(seen.reduce((a, b) => tf.add(a, b)), weights[`${name}.conv.bias`]!); // [B, g, g, out]
  });
}

/** Two convolutions over time beside a shortcut. [B, g, g, C] each → [B, g, g, C] each */
function timeBlock(weights: Weights, name: string, video: readonly Tensor[]): Tensor[] {
  const first = overTime(weights, `${name}.conv1`, video.map((x) => swish(batchNorm(weights, `${name}.norm1`, x))));
  const second = overTime(weights, `${name}.conv2`, first.map((x) => swish(batchNorm(weights, `${name}.norm2`, x))));
  return second.map((x, i) => tf.add(video[i]!, x));
}

/** BatchNorm by its running statistics (Ioffe & Szegedy 2015). [B, g, g, C] → [B, g, g, C] */
function batchNorm(weights: Weights, name: string, x: Tensor): Tensor {
  const [mean, variance, gain, bias] = ["running_mean", "running_var", "weight", "bias"].map((part) => weights[`${name}.${part}`]!);
  const inverse = tf.rsqrt(tf.add(variance!, 1e-5)); // [C]
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean!), inverse), gain!), bias!);
}

function swish(x: Tensor): Tensor {
  return tf.mul(x, tf.sigmoid(x));
}

/** Names and shapes of the tokenizer's weights as they lie on disk. */
export function emu3PictureShapes(config: VqConfig): Map<string, number[]> {
  const { embedDim, latentChannels, codes } = config;
  return new Map([
    ...encoderShapes(config),
    ...overTimeShapes("encoder", 4, config),
    ...weightAndBias("quant_conv.conv", embedDim, latentChannels, 3, 1, 1),
    ["quantize.embedding.weight", [codes, embedDim]],
    ...weightAndBias("post_quant_conv.conv", latentChannels, embedDim, 3, 1, 1),
    ...overTimeShapes("decoder", 3, config),
    ...decoderShapes(config),
  ]);
}

type Shapes = [name: string, shape: number[]][];
type NormShapes = (name: string, channels: number) => Shapes;

/** A matrix or a filter with its bias, or a norm's gain and bias. */
function weightAndBias(name: string, ...shape: [to: number, ...rest: number[]]): Shapes {
  return [[`${name}.weight`, shape], [`${name}.bias`, [shape[0]]]];
}

function encoderShapes({ baseChannels, channelMultiplier, resBlocks, latentChannels, video }: VqConfig): Shapes {
  const widths = channelMultiplier.map((m) => m * baseChannels);
  const levels = widths.flatMap((to, level): Shapes => {
    const name = `encoder.down_block.down.${level}`;
    const blocks = {
      name,
      from: widths[level - 1] ?? baseChannels,
      to,
      count: resBlocks,
      isAttended: video!.attendedLevels.includes(level),
    };
    const last = level === widths.length - 1;
    return [...blockShapes(blocks, weightAndBias), ...(last ? [] : weightAndBias(`${name}.downsample.conv`, to, to, 3, 3))];
  });
  const top = widths.at(-1)!;
  return [
    ...weightAndBias("encoder.conv_in", baseChannels, 3, 3, 3),
    ...levels,
    ...middleShapes("encoder.middle_block", top, weightAndBias),
    ...weightAndBias("encoder.norm_out", top),
    ...weightAndBias("encoder.conv_out", latentChannels, top, 3, 3),
  ];
}

function decoderShapes({ baseChannels, channelMultiplier, resBlocks, latentChannels, embedDim, video }: VqConfig): Shapes {
  const norm: NormShapes = (name, channels) => [
    ...weightAndBias(`${name}.norm_layer`, channels),
    ...weightAndBias(`${name}.conv_y`, channels, embedDim, 1, 1),
    ...weightAndBias(`${name}.conv_b`, channels, embedDim, 1, 1),
  ];
  const widths = channelMultiplier.map((m) => m * baseChannels);
  const levels = widths.flatMap((to, level): Shapes => {
    const name = `decoder.up_block.up.${level}`;
    const blocks = { name, from: widths[level + 1] ?? to, to, count: resBlocks + 1, isAttended: video!.attendedLevels.includes(level) };
    return [...blockShapes(blocks, norm), ...(level === 0 ? [] : weightAndBias(`${name}.upsample.conv`, to, to, 3, 3))];
  });
  return [
    ...weightAndBias("decoder.conv_in", widths.at(-1)!, latentChannels, 3, 3),
    ...middleShapes("decoder.middle_block", widths.at(-1)!, norm),
    ...levels,
    ...norm("decoder.norm_out", widths[0]!),
    ...weightAndBias("decoder.conv_out", 3, widths[0]!, 3, 3),
  ];
}

interface Blocks {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly isAttended: boolean;
}

function blockShapes({ name, from, to, count, isAttended }: Blocks, norm: NormShapes): Shapes {
  return [...Array(count).keys()].flatMap((i) => [
    ...residualShapes(`${name}.block.${i}`, i === 0 ? from : to, to, norm),
    ...(isAttended ? [...attentionShapes(`${name}.attn.${i}`, to), ...norm(`${name}.attn_norms.${i}`, to)] : []),
  ]);
}

function middleShapes(name: string, channels: number, norm: NormShapes): Shapes {
  const blocks = ["block_1", "block_2"].flatMap((part) => residualShapes(`${name}.${part}`, channels, channels, norm));
  return [...blocks, ...attentionShapes(`${name}.attn_1`, channels), ...norm(`${name}.attn_norm`, channels)];
}

function residualShapes(name: string, from: number, to: number, norm: NormShapes): Shapes {
  return [
    ...norm(`${name}.norm1`, from),
    ...weightAndBias(`${name}.conv1`, to, from, 3, 3),
    ...norm(`${name}.norm2`, to),
    ...weightAndBias(`${name}.conv2`, to, to, 3, 3),
    ...(from === to ? [] : weightAndBias(`${name}.nin_shortcut`, to, from, 1, 1)),
  ];
}

function attentionShapes(name: string, channels: number): Shapes {
  return ["q_proj", "k_proj", "v_proj", "out_proj"].flatMap((part) => weightAndBias(`${name}.${part}`, channels, channels));
}

function overTimeShapes(half: string, taps: number, { video, resBlocks, latentChannels: channels }: VqConfig): Shapes {
  const convs = [...Array(Math.log2(video!.frames)).keys()].flatMap((i) =>
    weightAndBias(`${half}.time_conv.${i}.conv.conv`, channels, channels, taps, 3, 3)
  );
  const blocks = [...Array(resBlocks).keys()].flatMap((i) =>
    [1, 2].flatMap((part): Shapes => [
      ...weightAndBias(`${half}.time_res_stack.${i}.norm${part}`, channels),
      [`${half}.time_res_stack.${i}.norm${part}.running_mean`, [channels]],
      [`${half}.time_res_stack.${i}.norm${part}.running_var`, [channels]],
      ...weightAndBias(`${half}.time_res_stack.${i}.conv${part}.conv`, channels, channels, 3, 3, 3),
    ])
  );
  return [...convs, ...blocks];
}
