/**
 * The shape of a Chameleon model, read from and written as Hugging Face's `config.json`.
 *
 * @module
 */
import { printable, quoted, UserError } from "../errors.ts";
import { z } from "zod";

/** The seven matrices of a block that an adapter may change. */
export const PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] as const;

/** One of the seven matrices of a block. */
export type Projection = typeof PROJECTIONS[number];

/** The VQGAN's shape. */
export interface VqConfig {
  /** Width of a codebook vector. */
  readonly embedDim: number;
  /** Codes in the codebook. */
  readonly codes: number;
  /** Channels between encoder and codebook. */
  readonly latentChannels: number;
  /** Side of the square images, in pixels. */
  readonly resolution: number;
  /** Channels at full resolution. */
  readonly baseChannels: number;
  /** Channels of each level, as multiples of `baseChannels`; every level but the last halves the resolution. */
  readonly channelMultiplier: readonly number[];
  /** Residual blocks of a level. */
  readonly resBlocks: number;
  /** Whether the middle has an attention block. */
  readonly midAttention: boolean;
  /** What Emu3's has beside that; absent: a VQGAN. */
  readonly video?: VideoConfig;
}

/** What a VQVAE of videos has beside a VQGAN of pictures. */
export interface VideoConfig {
  /** Frames that become one grid of codes: a power of two. */
  readonly frames: number;
  /** Levels whose blocks are followed by attention. */
  readonly attendedLevels: readonly number[];
  /** Heads of its attention. */
  readonly heads: number;
}

/** The models whose checkpoints are read. */
export type Backbone = "chameleon" | "emu3" | "janus";

/** The transformer's shape. */
export interface ChameleonConfig {
  /** The backbone; absent: Chameleon. */
  readonly backbone?: Exclude<Backbone, "chameleon">;
  /** What the names of the transformer's weights begin with; absent: `model`. */
  readonly prefix?: string;
  /** Absent: queries and keys are normalised. */
  readonly qkNorm?: boolean;
  /** Ids in the vocabulary. */
  readonly vocabSize: number;
  /** Width of the residual stream, D. */
  readonly hiddenSize: number;
  /** Width of the feed-forward layer. */
  readonly intermediateSize: number;
  /** Blocks. */
  readonly layers: number;
  /** Query heads, H. */
  readonly heads: number;
  /** Key and value heads. */
  readonly keyHeads: number;
  /** Longest sequence. */
  readonly maxPositions: number;
  /** RoPE's base. */
  readonly ropeTheta: number;
  /** RMSNorm's epsilon. */
  readonly rmsEpsilon: number;
  /** Norms after the sublayers instead of before (Chameleon-34B). */
  readonly swinNorm: boolean;
  /** The VQGAN. */
  readonly vq: VqConfig;
  /** Janus's networks for codes: the width of the scores' hidden layer, and the layers of the embeddings' aligner. */
  readonly drawing?: { readonly width: number; readonly depth: number };
  /** The encoder of pictures that are asked about, where there is one beside the VQGAN. */
  readonly seeing?: SeeingConfig;
}

/** The shape of a SigLIP encoder and its aligner. */
export interface SeeingConfig {
  /** Width of the encoder. */
  readonly width: number;
  /** Width of its feed-forward layers. */
  readonly inner: number;
  /** Blocks. */
  readonly layers: number;
  /** Heads. */
  readonly heads: number;
  /** Side of its pictures, in pixels. */
  readonly side: number;
  /** Side of a place. */
  readonly patch: number;
  /** LayerNorm's epsilon. */
  readonly epsilon: number;
  /** Layers of the aligner. */
  readonly depth: number;
}

/** A size in a config. */
export const size = z.number().int().positive().max(1 << 20);

const HF_VQ = z.looseObject({
  embed_dim: size.default(256),
  num_embeddings: size.default(8192),
  latent_channels: size.default(256),
  resolution: size.default(512),
  base_channels: size.default(128),
  channel_multiplier: z.array(size).min(1).max(10).default([1, 1, 2, 2, 4]),
  num_res_blocks: z.number().int().nonnegative().max(100).default(2),
  attn_type: z.string().nullable().default("vanilla"),
});

/** Where transformers keeps the base of rotary positions: today's place, and the one before. */
export const ROPE = {
  rope_theta: z.number().positive().optional(),
  rope_parameters: z.looseObject({ rope_theta: z.number().positive().optional() }).nullish(),
};

const HF = z.looseObject({
  model_type: z.literal("chameleon"),
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(1024),
  num_attention_heads: size,
  num_key_value_heads: size.optional(),
  max_position_embeddings: size.default(4096),
  ...ROPE,
  rms_norm_eps: z.number().positive().default(1e-5),
  swin_norm: z.boolean().default(false),
  vq_config: HF_VQ.prefault({}),
});

/** A field that changes the arithmetic, with the values that are computed; absent it is fine. */
export type FixedField = readonly [field: string, allowed: readonly unknown[], means: string];

const FIXED: readonly FixedField[] = [
  ["hidden_act", ["silu"], "silu"],
  ["attention_bias", [false], "false"],
  ["mlp_bias", [false], "false"],
  ["tie_word_embeddings", [false], "false"],
  ["attention_dropout", [0], "0"],
  ["rope_scaling", [null], "null"],
  ["rope_parameters.rope_type", ["default"], "default"],
  ["rope_parameters.partial_rotary_factor", [1], "1"],
  ["quantization_config", [null], "null"],
  ["vq_config.double_latent", [false], "false"],
  ["vq_config.in_channels", [3], "3"],
  ["vq_config.out_channels", [3], "3"],
  ["vq_config.dropout", [0], "0"],
  ["vq_config.attn_resolutions", [null], "null"],
  ["vq_config.attn_type", ["vanilla", "none", null], "vanilla or none"],
];

/**
 * Refuses a config whose model would compute something else than ours: better no number than a wrong one.
 *
 * @param json the parsed file
 * @param path its name
 * @param fixed fields with the values that are computed
 */
export function refuseOtherArithmetic(json: unknown, path: string, fixed: readonly FixedField[]): void {
  const valueOf = (field: string) =>
    field.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], json);
  for (const [field, allowed, means] of fixed) {
    const found = valueOf(field);
    if (found === undefined || allowed.includes(found) || Array.isArray(found) && found.length === 0) continue;
    throw new UserError(
      `Cannot use ${path}: "${field}" is ${quoted(found)}, which this version does not compute; only ${means} is supported`,
    );
  }
}

/**
 * Reads a Hugging Face `config.json`.
 *
 * @param json the parsed file
 * @param path its name, for errors
 * @returns the model's shape
 * @throws UserError when a field is missing, not what it should be, or asks for arithmetic that is not implemented
 */
export function parseConfig(json: unknown, path: string): ChameleonConfig {
  const hf = parsedAs(HF, json, path, "a Chameleon");
  refuseOtherArithmetic(json, path, FIXED);
  const config: ChameleonConfig = {
    ...transformerShape(hf, 10000),
    swinNorm: hf.swin_norm,
    vq: {
      embedDim: hf.vq_config.embed_dim,
      codes: hf.vq_config.num_embeddings,
      latentChannels: hf.vq_config.latent_channels,
      resolution: hf.vq_config.resolution,
      baseChannels: hf.vq_config.base_channels,
      channelMultiplier: hf.vq_config.channel_multiplier,
      resBlocks: hf.vq_config.num_res_blocks,
      midAttention: hf.vq_config.attn_type === "vanilla",
    },
  };
  return checkedShape(config, path);
}

/** A config as its schema has it; what does not fit is refused in a sentence. */
export function parsedAs<T>(schema: z.ZodType<T>, json: unknown, path: string, whose: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(`Cannot use ${path} as ${whose} config: ${quoted(issue?.path.join("."))}: ${printable(issue?.message ?? "")}`);
}

/** A transformer's fields, as transformers names them. */
interface TransformerFields {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads?: number | null | undefined;
  readonly max_position_embeddings: number;
  readonly rope_theta?: number | undefined;
  readonly rope_parameters?: { readonly rope_theta?: number | undefined } | null | undefined;
  readonly rms_norm_eps: number;
}

/** A transformer's sizes by their names in transformers: what {@linkcode transformerShape} reads. */
export function transformerFields(config: ChameleonConfig) {
  return {
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyHeads,
    max_position_embeddings: config.maxPositions,
  };
}

/** A transformer's numbers by their names here; `theta` is the base of rotary positions where the file names none. */
export function transformerShape(hf: TransformerFields, theta: number) {
  return {
    vocabSize: hf.vocab_size,
    hiddenSize: hf.hidden_size,
    intermediateSize: hf.intermediate_size,
    layers: hf.num_hidden_layers,
    heads: hf.num_attention_heads,
    keyHeads: hf.num_key_value_heads ?? hf.num_attention_heads,
    maxPositions: hf.max_position_embeddings,
    ropeTheta: hf.rope_parameters?.rope_theta ?? hf.rope_theta ?? theta,
    rmsEpsilon: hf.rms_norm_eps,
  };
}

/** Writes a `config.json` that Python's transformers reads; `vocabularyMap` is its table of image tokens. */
export function formatConfig(config: ChameleonConfig, vocabularyMap: Readonly<Record<string, number>>): string {
  const { vq } = config;
  return JSON.stringify(
    {
      architectures: ["ChameleonForConditionalGeneration"],
      model_type: "chameleon",
      ...transformerFields(config),
      rope_theta: config.ropeTheta,
      rms_norm_eps: config.rmsEpsilon,
      swin_norm: config.swinNorm,
      hidden_act: "silu",
      tie_word_embeddings: false,
      bos_token_id: 0,
      pad_token_id: 1,
      eos_token_id: 2,
      vq_config: {
        embed_dim: vq.embedDim,
        num_embeddings: vq.codes,
        latent_channels: vq.latentChannels,
        resolution: vq.resolution,
        base_channels: vq.baseChannels,
        channel_multiplier: vq.channelMultiplier,
        num_res_blocks: vq.resBlocks,
        attn_type: vq.midAttention ? "vanilla" : "none",
        double_latent: false,
        in_channels: 3,
        attn_resolutions: null,
      },
      vocabulary_map: vocabularyMap,
    },
    null,
    2,
  ) + "\n";
}

/** A projection's output and input widths. */
export function projectionShape(config: ChameleonConfig, projection: Projection): [out: number, input: number] {
  const { hiddenSize, intermediateSize, heads, keyHeads } = config;
  const keyWidth = hiddenSize / heads * keyHeads;
  switch (projection) {
    case "q_proj":
    case "o_proj":
      return [hiddenSize, hiddenSize];
    case "k_proj":
    case "v_proj":
      return [keyWidth, hiddenSize];
    case "gate_proj":
    case "up_proj":
      return [intermediateSize, hiddenSize];
    case "down_proj":
      return [hiddenSize, intermediateSize];
  }
}

/**
 * Tokens of one image: the side of its grid, squared; Emu3 ends each row with one more.
 *
 * @param config the model's shape
 * @returns tokens
 *
 * @example Eight by eight
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * assertEquals(ws.model.imageTokens(chameleon.config), 64);
 * ```
 */
export function imageTokens({ vq, backbone }: Pick<ChameleonConfig, "vq" | "backbone">): number {
  const side = gridSide(vq);
  return side * (backbone === "emu3" ? side + 1 : side);
}

/** Side of an image's grid of tokens. */
export function gridSide(vq: VqConfig): number {
  return vq.resolution / 2 ** (vq.channelMultiplier.length - 1);
}

/** The same config, if its numbers go together. */
export function checkedShape(config: ChameleonConfig, path: string): ChameleonConfig {
  const { heads, keyHeads, hiddenSize, vq } = config;
  if (hiddenSize % heads !== 0 || (hiddenSize / heads) % 2 !== 0) {
    throw new UserError(
      `Cannot use ${path}: hidden_size ${hiddenSize} must be an even multiple of num_attention_heads ${heads}`,
    );
  }
  if (heads % keyHeads !== 0) {
    throw new UserError(`Cannot use ${path}: num_attention_heads ${heads} must be a multiple of num_key_value_heads ${keyHeads}`);
  }
  if (!Number.isInteger(gridSide(vq))) {
    throw new UserError(`Cannot use ${path}: resolution ${vq.resolution} must halve ${vq.channelMultiplier.length - 1} times`);
  }
  if (config.backbone !== "janus" && vq.codes + 6 > config.vocabSize) { // Janus's codes stand after the ids of text
    throw new UserError(`Cannot use ${path}: vocab_size ${config.vocabSize} must hold ${vq.codes} image tokens and 6 special ones`);
  }
  return config;
}
