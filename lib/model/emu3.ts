/**
 * Emu3 (Wang et al. 2024), in the layout of transformers' `Emu3ForConditionalGeneration`: its shape, read from and written as
 * `config.json`, and the names of its weights. Its transformer is chameleon.ts without QK-norm, its picture tokenizer is in
 * emu3_vqvae.ts, how pictures lie among its ids in lib/tokens/vocabulary.ts.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { z } from "zod";
import {
  type ChameleonConfig,
  checkedShape,
  type FixedField,
  parsedAs,
  refuseOtherArithmetic,
  ROPE,
  size,
  transformerFields,
  transformerShape,
} from "./config.ts";

/** Side of the pictures where the folder does not say it: the smallest of the published models' processor. */
const RESOLUTION = 512;

const VQ = z.looseObject({
  codebook_size: size.default(32768),
  embed_dim: size.default(4),
  latent_channels: size.default(4),
  temporal_downsample_factor: size.max(64).default(4),
  base_channels: size.default(256),
  channel_multiplier: z.array(size).min(1).max(10).default([1, 2, 2, 4]),
  num_res_blocks: z.number().int().nonnegative().max(100).default(2),
  attn_resolutions: z.array(z.number().int().nonnegative()).default([3]),
  hidden_size: size.default(1024),
  num_attention_heads: size.default(1),
});

const TEXT = z.looseObject({
  vocab_size: size.default(184622),
  hidden_size: size.default(4096),
  intermediate_size: size.default(14336),
  num_hidden_layers: size.max(1024).default(32),
  num_attention_heads: size.default(32),
  num_key_value_heads: size.nullable().default(8),
  max_position_embeddings: size.default(9216),
  ...ROPE,
  rms_norm_eps: z.number().positive().default(1e-5),
});

const HF = z.looseObject({ model_type: z.literal("emu3"), text_config: TEXT.prefault({}), vq_config: VQ.prefault({}) });

const PROCESSOR = z.looseObject({ min_pixels: size.optional() });

const FIXED: readonly FixedField[] = [
  ["text_config.hidden_act", ["silu"], "silu"],
  ["text_config.attention_bias", [false], "false"],
  ["text_config.mlp_bias", [false], "false"],
  ["text_config.tie_word_embeddings", [false], "false"],
  ["tie_word_embeddings", [false], "false"],
  ["text_config.rope_scaling.rope_type", ["default"], "default"],
  ["text_config.rope_scaling.type", ["default"], "default"],
  ["text_config.rope_parameters.rope_type", ["default"], "default"],
  ["text_config.rope_parameters.partial_rotary_factor", [1], "1"],
  ["text_config.head_dim", [null], "null"],
  ["quantization_config", [null], "null"],
  ["vq_config.double_latent", [false], "false"],
  ["vq_config.in_channels", [3], "3"],
  ["vq_config.out_channels", [3], "3"],
];

/** What is asked of its processor: values from −1 to 1. */
const PIXELS: readonly FixedField[] = [0, 1, 2].flatMap((channel): FixedField[] => [
  [`image_mean.${channel}`, [0.5], "0.5"],
  [`image_std.${channel}`, [0.5], "0.5"],
]);

/**
 * Reads Emu3's `config.json`.
 *
 * @param json the parsed file
 * @param path its name, for errors
 * @param processor the parsed `preprocessor_config.json`, whose smallest picture is the one that is seen; undefined without one
 * @returns the model's shape
 * @throws UserError when a field is missing, not what it should be, or asks for arithmetic that is not implemented
 */
export function parseEmu3(json: unknown, path: string, processor: unknown): ChameleonConfig {
  const hf = parsedAs(HF, json, path, "an Emu3");
  refuseOtherArithmetic(json, path, FIXED);
  const { text_config: text, vq_config: vq } = hf;
  const config: ChameleonConfig = {
    ...{ backbone: "emu3", prefix: "model.text_model", qkNorm: false, swinNorm: false },
    ...transformerShape(text, 1e6),
    vq: {
      embedDim: vq.embed_dim,
      codes: vq.codebook_size,
      latentChannels: vq.latent_channels,
      resolution: resolutionOf(processor, path),
      baseChannels: vq.base_channels,
      channelMultiplier: vq.channel_multiplier,
      resBlocks: vq.num_res_blocks,
      midAttention: true,
      video: { frames: vq.temporal_downsample_factor, attendedLevels: vq.attn_resolutions, heads: vq.num_attention_heads },
    },
  };
  refuseUneven(vq, path);
  return checkedShape(config, path);
}

/** The side of the smallest picture that a processor makes. */
function resolutionOf(processor: unknown, path: string): number {
  if (processor === undefined) return RESOLUTION;
  const name = path.replace(/config\.json$/, "preprocessor_config.json");
  const parsed = PROCESSOR.safeParse(processor);
  const side = Math.sqrt(parsed.data?.min_pixels ?? RESOLUTION ** 2);
  if (!parsed.success || !Number.isInteger(side)) {
    throw new UserError(`Cannot use ${name}: "min_pixels" must be the square of a picture's side`);
  }
  refuseOtherArithmetic(processor, name, PIXELS);
  return side;
}

/** Refuses a tokenizer's numbers that do not go together. */
function refuseUneven(vq: z.infer<typeof VQ>, path: string): void {
  const { temporal_downsample_factor: frames, embed_dim, latent_channels, hidden_size, num_attention_heads, attn_resolutions } = vq;
  const refuse = (why: string): never => {
    throw new UserError(`Cannot use ${path}: ${why}`);
  };
  if (!Number.isInteger(Math.log2(frames))) refuse(`temporal_downsample_factor ${frames} must be a power of two`);
  if (embed_dim !== latent_channels) refuse(`embed_dim ${embed_dim} must be latent_channels ${latent_channels}`);
  const widths = vq.channel_multiplier.map((m) => m * vq.base_channels);
  if (widths.some((width) => width % 32 !== 0)) {
    refuse(`channels ${widths.join(", ")} must be multiples of the 32 groups that are normalised`);
  }
  if (vq.num_res_blocks === 0 && new Set(widths).size > 1) refuse("num_res_blocks 0 leaves channel_multiplier no block that could widen");
  const attended = [...attn_resolutions.map((level) => widths[level] ?? 0), widths.at(-1)!];
  if (hidden_size % num_attention_heads !== 0 || attended.some((width) => width !== hidden_size)) {
    refuse(`attention over ${attended.join(", ")} channels needs a hidden_size of as many and a multiple of num_attention_heads`);
  }
}

/** Writes a `config.json` that Python's transformers reads; `vocabularyMap` is its table of image tokens and marks. */
export function formatEmu3(config: ChameleonConfig, vocabularyMap: Readonly<Record<string, number>>): string {
  const { vq } = config;
  const text = {
    ...{ model_type: "emu3_text_model", hidden_act: "silu", tie_word_embeddings: false, attention_dropout: 0 },
    ...transformerFields(config),
    rope_parameters: { rope_type: "default", rope_theta: config.ropeTheta },
    rms_norm_eps: config.rmsEpsilon,
    pad_token_id: vocabularyMap["<|endoftext|>"],
    bos_token_id: vocabularyMap["<|extra_203|>"],
    eos_token_id: vocabularyMap["<|extra_204|>"],
  };
  const pictures = {
    ...{ model_type: "emu3_vqgan", double_latent: false, in_channels: 3, out_channels: 3 },
    codebook_size: vq.codes,
    embed_dim: vq.embedDim,
    latent_channels: vq.latentChannels,
    temporal_downsample_factor: vq.video?.frames,
    base_channels: vq.baseChannels,
    channel_multiplier: vq.channelMultiplier,
    num_res_blocks: vq.resBlocks,
    attn_resolutions: vq.video?.attendedLevels,
    hidden_size: vq.baseChannels * vq.channelMultiplier.at(-1)!,
    num_attention_heads: vq.video?.heads,
  };
  const head = { architectures: ["Emu3ForConditionalGeneration"], model_type: "emu3", tie_word_embeddings: false };
  return JSON.stringify({ ...head, text_config: text, vq_config: pictures, vocabulary_map: vocabularyMap }, null, 2) + "\n";
}

/** The `preprocessor_config.json` beside it: every picture becomes the model's square. */
export function formatEmu3Processor({ vq: { resolution, channelMultiplier } }: ChameleonConfig): string {
  const pixels = { min_pixels: resolution ** 2, max_pixels: resolution ** 2, spatial_factor: 2 ** (channelMultiplier.length - 1) };
  const values = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], rescale_factor: 1 / 255 };
  return JSON.stringify({ image_processor_type: "Emu3ImageProcessor", ...pixels, ...values }, null, 2) + "\n";
}

/** The name of a weight in transformers' layout of today; published checkpoints carry older ones. Undefined: not a weight. */
export function emu3WeightName(stored: string): string | undefined {
  if (stored.endsWith(".num_batches_tracked")) return undefined; // counts the batches of a training
  return stored.replace(/^text_model\.lm_head\./, "lm_head.").replace(/^text_model\.model\./, "model.text_model.").replace(
    /^vqmodel\./,
    "model.vqmodel.",
  );
}
