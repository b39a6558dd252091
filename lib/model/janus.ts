/**
 * Janus and Janus-Pro (Chen et al. 2025), in the layout of transformers' `JanusForConditionalGeneration`: its shape, the names of its
 * weights, and how its two more modules become tables. Its transformer is chameleon.ts without QK-norm; pictures are drawn as codes
 * of janus_vq.ts, and those that it is asked about are seen by siglip.ts.
 *
 * Its shape is read from and written as `config.json`. Codes have embeddings and scores of their own, by small networks: the embeddings
 * become rows after those of text, so that code k is id V + k; the scores' hidden layer stands beside the last hidden state, so that their
 * last layer becomes rows of the output matrix.
 *
 * Shapes: V ids of text, K codes, D width, P width of the scores' hidden layer, T positions.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { z } from "zod";
import { precisionOf, type Tensor, tf, tidy, toPrecision } from "../engine/mod.ts";
import type { Chameleon } from "./chameleon.ts";
import {
  type ChameleonConfig,
  checkedShape,
  type FixedField,
  gridSide,
  parsedAs,
  refuseOtherArithmetic,
  ROPE,
  size,
  transformerFields,
  transformerShape,
} from "./config.ts";
import { mlp } from "./siglip.ts";
import type { Weights } from "./vqgan.ts";

const depth = z.number().int().positive().max(64);

const TEXT = z.looseObject({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(1024),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  max_position_embeddings: size.default(2048),
  ...ROPE,
  rms_norm_eps: z.number().positive().default(1e-6),
});

const VISION = z.looseObject({
  hidden_size: size.default(1024),
  num_hidden_layers: depth.default(24),
  num_attention_heads: size.default(16),
  image_size: size.default(384),
  patch_size: size.default(16),
  mlp_ratio: z.number().positive().max(64).default(4),
  layer_norm_eps: z.number().positive().default(1e-6),
  projection_dim: size.default(2048),
  depth: depth.default(2),
});

const VQ = z.looseObject({
  embed_dim: size.default(8),
  num_embeddings: size.default(16384),
  latent_channels: size.default(256),
  base_channels: size.default(128),
  channel_multiplier: z.array(size).min(1).max(10).default([1, 1, 2, 2, 4]),
  num_res_blocks: z.number().int().nonnegative().max(100).default(2),
  projection_dim: size.default(2048),
  num_hidden_layers: depth.default(2),
});

const HF = z.looseObject({
  model_type: z.literal("janus"),
  text_config: TEXT,
  vision_config: VISION.prefault({}),
  vq_config: VQ.prefault({}),
});

const FIXED: readonly FixedField[] = [
  ["text_config.model_type", ["llama"], "llama"],
  ["text_config.hidden_act", ["silu"], "silu"],
  ["text_config.attention_bias", [false], "false"],
  ["text_config.mlp_bias", [false], "false"],
  ["text_config.tie_word_embeddings", [false], "false"],
  ["text_config.rope_scaling.rope_type", ["default"], "default"],
  ["text_config.rope_scaling.type", ["default"], "default"],
  ["text_config.rope_parameters.rope_type", ["default"], "default"],
  ["text_config.rope_parameters.partial_rotary_factor", [1], "1"],
  ["vision_config.hidden_act", ["gelu"], "gelu"],
  ["vision_config.attention_bias", [true], "true"],
  ["vision_config.use_qk_norm", [false], "false"],
  ["vision_config.num_channels", [3], "3"],
  ["vq_config.hidden_act", ["gelu"], "gelu"],
  ["vq_config.double_latent", [false], "false"],
  ["vq_config.in_channels", [3], "3"],
  ["vq_config.out_channels", [3], "3"],
  ["quantization_config", [null], "null"],
];

/**
 * Reads Janus's `config.json`.
 *
 * @param json the parsed file
 * @param path its name, for errors
 * @returns the model's shape
 * @throws UserError when a field is missing, not what it should be, or asks for arithmetic that is not implemented
 */
export function parseJanus(json: unknown, path: string): ChameleonConfig {
  const hf = parsedAs(HF, json, path, "a Janus");
  refuseOtherArithmetic(json, path, FIXED);
  const { text_config: text, vision_config: vision, vq_config: vq } = hf;
  const config: ChameleonConfig = {
    ...{ backbone: "janus", prefix: "model.language_model", qkNorm: false, swinNorm: false },
    ...transformerShape(text, 10000),
    vq: {
      embedDim: vq.embed_dim,
      codes: vq.num_embeddings,
      latentChannels: vq.latent_channels,
      resolution: vision.image_size,
      baseChannels: vq.base_channels,
      channelMultiplier: vq.channel_multiplier,
      resBlocks: vq.num_res_blocks,
      midAttention: true,
    },
    drawing: { width: vq.projection_dim, depth: vq.num_hidden_layers },
    seeing: {
      width: vision.hidden_size,
      inner: Math.floor(vision.hidden_size * vision.mlp_ratio),
      layers: vision.num_hidden_layers,
      heads: vision.num_attention_heads,
      side: vision.image_size,
      patch: vision.patch_size,
      epsilon: vision.layer_norm_eps,
      depth: vision.depth,
    },
  };
  refuseUneven(config, [vision.projection_dim, vq.projection_dim], path);
  return checkedShape(config, path);
}

/** Refuses modules whose widths do not meet. */
function refuseUneven({ hiddenSize, seeing, vq }: ChameleonConfig, widths: readonly number[], path: string): void {
  const { width, heads, side, patch } = seeing!;
  const places = side / patch;
  if (width % heads !== 0 || places !== gridSide(vq)) {
    throw new UserError(
      `Cannot use ${path}: vision_config must have a hidden_size of its heads and as many patches as the picture has codes`,
    );
  }
  if (widths.some((one) => one !== hiddenSize)) {
    throw new UserError(
      `Cannot use ${path}: projection_dim of vision_config and vq_config must be hidden_size ${hiddenSize}, found ${widths.join(", ")}`,
    );
  }
}

/**
 * Writes a `config.json` that Python's transformers reads.
 *
 * @param config the model's shape
 * @param ids of its special tokens, by name
 * @returns the file's text
 */
export function formatJanus(config: ChameleonConfig, ids: Readonly<Record<string, number>>): string {
  const text = {
    ...{ model_type: "llama", hidden_act: "silu", tie_word_embeddings: false },
    ...transformerFields(config),
    rope_parameters: { rope_type: "default", rope_theta: config.ropeTheta },
    rms_norm_eps: config.rmsEpsilon,
    pad_token_id: ids["<｜▁pad▁｜>"],
    bos_token_id: ids["<｜begin▁of▁sentence｜>"],
    eos_token_id: ids["<｜end▁of▁sentence｜>"],
  };
  const head = { architectures: ["JanusForConditionalGeneration"], model_type: "janus", tie_word_embeddings: false };
  const parts = { text_config: text, vision_config: visionOf(config), vq_config: vqOf(config) };
  return JSON.stringify({ ...head, ...parts, image_token_id: ids["<image_placeholder>"] }, null, 2) + "\n";
}

function visionOf({ hiddenSize, seeing }: ChameleonConfig) {
  const { width, inner, layers, heads, side, patch, epsilon, depth } = seeing!;
  return {
    ...{ model_type: "janus_vision_model", hidden_act: "gelu", attention_bias: true, use_qk_norm: false, num_channels: 3 },
    ...{ hidden_size: width, mlp_ratio: inner / width, num_hidden_layers: layers, num_attention_heads: heads },
    ...{ image_size: side, patch_size: patch, num_image_tokens: (side / patch) ** 2, layer_norm_eps: epsilon },
    ...{ projection_dim: hiddenSize, depth },
  };
}

function vqOf({ hiddenSize, vq, drawing }: ChameleonConfig) {
  return {
    ...{ model_type: "janus_vqgan", hidden_act: "gelu", double_latent: false, in_channels: 3, out_channels: 3 },
    ...{ embed_dim: vq.embedDim, num_embeddings: vq.codes, latent_channels: vq.latentChannels, num_patches: gridSide(vq) },
    ...{ base_channels: vq.baseChannels, channel_multiplier: vq.channelMultiplier, num_res_blocks: vq.resBlocks },
    ...{ projection_dim: drawing!.width, image_token_embed_dim: hiddenSize, num_hidden_layers: drawing!.depth },
  };
}

/** The `preprocessor_config.json` beside it: pictures of the encoder's side, with values from −1 to 1. */
export function formatJanusProcessor({ seeing }: ChameleonConfig): string {
  const values = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], rescale_factor: 1 / 255 };
  const size = { height: seeing!.side, width: seeing!.side };
  return JSON.stringify({ image_processor_type: "JanusImageProcessor", size, min_size: 14, ...values }, null, 2) + "\n";
}

/** Names and shapes of what Janus has beside transformer and picture tokenizer. */
export function janusShapes({ hiddenSize, vq, drawing, seeing }: ChameleonConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const layer = (name: string, to: number, from: number) => shapes.set(`model.${name}.weight`, [to, from]).set(`model.${name}.bias`, [to]);
  const norm = (name: string, width: number) => shapes.set(`model.${name}.weight`, [width]).set(`model.${name}.bias`, [width]);
  const layers = (name: string, from: number, to: number, depth: number) => {
    layer(`${name}.fc1`, to, from);
    for (let i = 0; i < depth - 1; i++) layer(`${name}.hidden_layers.${i}`, to, to);
  };
  const { width, inner, side, patch } = seeing!;
  shapes.set("model.generation_embeddings.weight", [vq.codes, vq.embedDim]);
  layers("generation_aligner", vq.embedDim, hiddenSize, drawing!.depth);
  layer("generation_head.proj_out", drawing!.width, hiddenSize);
  layer("generation_head.vision_head", vq.codes, drawing!.width);
  layers("aligner", width, hiddenSize, seeing!.depth);
  shapes.set("model.vision_model.embeddings.patch_embedding.weight", [width, 3, patch, patch]);
  shapes.set("model.vision_model.embeddings.patch_embedding.bias", [width]);
  shapes.set("model.vision_model.embeddings.position_embedding.weight", [(side / patch) ** 2, width]);
  for (let i = 0; i < seeing!.layers; i++) {
    const name = `vision_model.encoder.layers.${i}`;
    for (const part of ["q_proj", "k_proj", "v_proj", "projection_layer"]) layer(`${name}.self_attn.${part}`, width, width);
    for (const part of ["layer_norm1", "layer_norm2"]) norm(`${name}.${part}`, width);
    layer(`${name}.mlp.fc1`, inner, width);
    layer(`${name}.mlp.fc2`, width, inner);
  }
  norm("vision_model.post_layernorm", width);
  return shapes;
}

/**
 * The transformer with rows for codes: embeddings [V + K, D], output matrix [V + K, D + P + 1].
 *
 * @param text the transformer with rows for text alone
 * @param weights of the modules, by name without `model.`
 * @returns the transformer with new tables; those of text are not freed
 */
export function withCodes(text: Chameleon, weights: Weights): Chameleon {
  return tidy(() => {
    const precision = precisionOf(text.embed);
    const wide = (x: Tensor) => toPrecision(x, "float32");
    const codes = mlp(weights, "generation_aligner", weights["generation_embeddings.weight"]!); // [K, D]
    const out = weights["generation_head.vision_head.weight"]!; // [K, P]
    const [count, width] = out.shape as [number, number];
    const ofText = tf.pad(wide(text.head), [[0, 0], [0, width + 1]]); // [V, D + P + 1]
    const bias = tf.reshape(weights["generation_head.vision_head.bias"]!, [count, 1]); // [K, 1]
    const ofCodes = tf.concat([tf.zeros([count, text.embed.shape[1]!]), out, bias], 1); // [K, D + P + 1]
    const side = { weight: weights["generation_head.proj_out.weight"]!, bias: weights["generation_head.proj_out.bias"]! };
    return {
      ...text,
      embed: toPrecision(tf.concat([wide(text.embed), codes], 0), precision), // [V + K, D]
      head: toPrecision(tf.concat([ofText, ofCodes], 0), precision), // [V + K, D + P + 1]
      beside: { weight: tf.clone(toPrecision(side.weight, precision)), bias: tf.clone(side.bias) },
    };
  });
}

/** The transformer with tables of text alone, as it was before {@linkcode withCodes}; the caller frees the two tables. */
export function withoutCodes(model: Chameleon): Chameleon {
  const { vocabSize, hiddenSize } = model.config;
  const { beside: _, ...rest } = model;
  return {
    ...rest,
    embed: tf.slice(model.embed, [0, 0], [vocabSize, -1]), // [V, D]
    head: tf.slice(model.head, [0, 0], [vocabSize, hiddenSize]), // [V, D]
  };
}
