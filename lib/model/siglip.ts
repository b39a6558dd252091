/**
 * How Janus sees pictures that it is asked about: a SigLIP encoder (Zhai et al. 2023) and an aligner, whose vectors stand where
 * tokens would. Weights go by their names on disk, without `model.`.
 *
 * Shapes: B pictures of n places, W width of the encoder, H heads, d width of a head, D width of the transformer.
 *
 * @module
 */
import { compile, type Tensor, type Tensor4D, tf } from "../engine/mod.ts";
import { affine, gelu, joinHeads, layerNorm, splitHeads } from "../nn/mod.ts";
import type { SeeingConfig } from "./config.ts";
import type { Weights } from "./vqgan.ts";

/**
 * What is seen in pictures.
 *
 * @param config the encoder's shape
 * @param weights its weights and the aligner's
 * @param images [B, h, w, 3] in −1 … 1, of the encoder's side
 * @returns a vector for each place, [B, n, D]
 */
export function seePictures(config: SeeingConfig, weights: Weights, images: Tensor): Tensor {
  return seeCompiled(weights, config, images); // [B, n, D]
}

const seeCompiled: (weights: Weights, config: SeeingConfig, images: Tensor) => Tensor = compile(
  (weights: Weights, { patch, layers, heads, epsilon }: SeeingConfig, images: Tensor) => {
    const filter = weights["vision_model.embeddings.patch_embedding.weight"]!; // [p, p, 3, W]
    const patches = tf.conv2d(images as Tensor4D, filter as Tensor4D, patch, "valid"); // [B, h/p, w/p, W]
    const [batch, height, width, channels] = patches.shape;
    const flat = tf.reshape(tf.add(patches, weights["vision_model.embeddings.patch_embedding.bias"]!), [batch, height * width, channels]); // [B, n, W]
    let x: Tensor = tf.add(flat, weights["vision_model.embeddings.position_embedding.weight"]!); // [B, n, W]
    for (let i = 0; i < layers; i++) x = block(weights, `vision_model.encoder.layers.${i}`, x, heads, epsilon); // [B, n, W]
    return mlp(weights, "aligner", normed(weights, "vision_model.post_layernorm", x, epsilon)); // [B, n, D]
  },
);

/** One block: attention over all places and two layers, each beside a shortcut. [B, n, W] → [B, n, W] */
function block(weights: Weights, name: string, x: Tensor, heads: number, epsilon: number): Tensor {
  const y = normed(weights, `${name}.layer_norm1`, x, epsilon);
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) => splitHeads(layer(weights, `${name}.self_attn.${part}`, y), heads)) as [
    Tensor,
    Tensor,
    Tensor,
  ]; // [B, H, n, d] each
  const places = tf.softmax(tf.mul(tf.matMul(q, k, false, true), q.shape[3]! ** -0.5)); // [B, H, n, n]
  const mixed = tf.add(x, layer(weights, `${name}.self_attn.projection_layer`, joinHeads(tf.matMul(places, v))));
  const inner = gelu(layer(weights, `${name}.mlp.fc1`, normed(weights, `${name}.layer_norm2`, mixed, epsilon))); // [B, n, F]
  return tf.add(mixed, layer(weights, `${name}.mlp.fc2`, inner));
}

/** Layers with GELU between them, as many as there are: `fc1`, then `hidden_layers`. [..., in] → [..., out] */
export function mlp(weights: Weights, name: string, x: Tensor): Tensor {
  let y = layer(weights, `${name}.fc1`, x); // [..., out]
  for (let i = 0; `${name}.hidden_layers.${i}.weight` in weights; i++) y = layer(weights, `${name}.hidden_layers.${i}`, gelu(y)); // [..., out]
  return y;
}

function layer(weights: Weights, name: string, x: Tensor): Tensor {
  return affine(x, weights[`${name}.weight`]!, weights[`${name}.bias`]!);
}

function normed(weights: Weights, name: string, x: Tensor, epsilon: number): Tensor {
  return layerNorm(x, weights[`${name}.weight`]!, weights[`${name}.bias`]!, epsilon);
}
