/**
 * Janus's picture tokenizer (Chen et al. 2025; LlamaGen's, Sun et al. 2024): a VQGAN with attention at its lowest level, whose decoder
 * takes code vectors of length 1. Weights go by their names on disk, without `model.vqmodel.`.
 *
 * Shapes: images are [B, h, w, 3] in −1 … 1 and become grids of g × g codes; C channels, E width of a code.
 *
 * @module
 */
import { compile, type Tensor, tf } from "../engine/mod.ts";
import { upsample2 } from "../nn/mod.ts";
import type { VqConfig } from "./config.ts";
import { attend, convolve, halve, middleOf, normalise, residualBlock, type Vqgan, vqShapes, type Weights } from "./vqgan.ts";

/** The tokenizer of some weights: what `encodeFeatures`, `nearestCodes` and `decodeCodes` of vqgan.ts take. */
export function janusPictures(config: VqConfig, weights: Weights): Vqgan {
  return {
    ...{ config, weights },
    encode: (images) => encodeCompiled(weights, config, images), // [B, g, g, E]
    ...("decoder.conv_in.weight" in weights && { decode: (vectors: Tensor) => decodeCompiled(weights, config, vectors) }), // [B, h, w, 3]
  };
}

const encodeCompiled: (weights: Weights, config: VqConfig, images: Tensor) => Tensor = compile(encode);
const decodeCompiled: (weights: Weights, config: VqConfig, vectors: Tensor) => Tensor = compile(decode);

function encode(weights: Weights, { channelMultiplier, resBlocks }: VqConfig, images: Tensor): Tensor {
  const lowest = channelMultiplier.length - 1;
  let x = convolve(weights, "encoder.conv_in", images); // [B, h, w, C]
  for (let level = 0; level <= lowest; level++) {
    x = blocks(weights, `encoder.down.${level}`, x, resBlocks, level === lowest); // [B, h, w, C]
    if (level < lowest) x = halve(weights, `encoder.down.${level}.downsample.conv`, x); // [B, h/2, w/2, C]
  }
  x = middleOf(weights, "encoder.mid", x); // [B, g, g, C]
  x = convolve(weights, "encoder.conv_out", normalise(weights, "encoder.norm_out", x, true)); // [B, g, g, latent]
  return convolve(weights, "quant_conv", x); // [B, g, g, E]
}

/** Levels go by their order here: the lowest is `decoder.up.0`. */
function decode(weights: Weights, { channelMultiplier, resBlocks }: VqConfig, vectors: Tensor): Tensor {
  const lowest = channelMultiplier.length - 1;
  const length = tf.maximum(tf.norm(vectors, 2, -1, true), 1e-12); // [B, g, g, 1]
  let x = convolve(weights, "decoder.conv_in", convolve(weights, "post_quant_conv", tf.div(vectors, length))); // [B, g, g, C]
  x = middleOf(weights, "decoder.mid", x); // [B, g, g, C]
  for (let i = 0; i <= lowest; i++) {
    x = blocks(weights, `decoder.up.${i}`, x, resBlocks + 1, i === 0); // [B, h, w, C]
    if (i < lowest) x = convolve(weights, `decoder.up.${i}.upsample.conv`, upsample2(x)); // [B, 2h, 2w, C]
  }
  return convolve(weights, "decoder.conv_out", normalise(weights, "decoder.norm_out", x, true)); // [B, h, w, 3]
}

/** The residual blocks of a level, each followed by attention or not. [B, h, w, in] → [B, h, w, out] */
function blocks(weights: Weights, name: string, x: Tensor, count: number, isAttended: boolean): Tensor {
  return [...Array(count).keys()].reduce((y, i) => {
    const next = residualBlock(weights, `${name}.block.${i}`, y);
    return isAttended ? attend(weights, `${name}.attn.${i}`, next) : next;
  }, x);
}

/** Names and shapes of the tokenizer's weights as they lie on disk: a VQGAN's, and those of attention at the lowest level. */
export function janusPictureShapes(config: VqConfig): Map<string, number[]> {
  const { baseChannels, channelMultiplier, resBlocks } = config;
  const lowest = channelMultiplier.length - 1;
  const top = baseChannels * channelMultiplier[lowest]!;
  const shapes = new Map([...vqShapes(config)].map(([name, shape]) => [
    name.replace(/^decoder\.up\.(\d+)/, (_, level) => `decoder.up.${lowest - Number(level)}`),
    shape,
  ]));
  const attention = (name: string) => {
    shapes.set(`${name}.norm.weight`, [top]).set(`${name}.norm.bias`, [top]);
    for (const part of ["q", "k", "v", "proj_out"]) {
      shapes.set(`${name}.${part}.weight`, [top, top, 1, 1]).set(`${name}.${part}.bias`, [top]);
    }
  };
  for (let i = 0; i < resBlocks; i++) attention(`encoder.down.${lowest}.attn.${i}`);
  for (let i = 0; i <= resBlocks; i++) attention(`decoder.up.0.attn.${i}`);
  return shapes;
}
