/**
 * Chameleon in the layout that Meta published it in, and GAIR Anole: `models/7b/consolidated*.pth` with `params.json`, and
 * `tokenizer/` with the text tokenizer and the VQGAN. What differs from Hugging Face's layout is what transformers'
 * `convert_chameleon_weights_to_hf.py` (4.46.3) says; but the VQGAN's decoder stays, as images are drawn with it.
 *
 * @module
 */
import { parse } from "yaml";
import { z } from "zod";
import { printable, quoted, UserError } from "../errors.ts";
import { exists, LARGEST, readJson, readText } from "../files.ts";
import { weightShapes } from "../model/checkpoint.ts";
import { type ChameleonConfig, formatConfig, gridSide, parseConfig, type VqConfig } from "../model/config.ts";
import type { OutgoingTensor, StoredTensor } from "../model/safetensors.ts";
import { differences, listed } from "../model/stored_tensors.ts";
import { vqShapes } from "../model/vqgan.ts";
import { SPECIAL_TOKENS, vocabularyMap, vocabularyOf } from "../tokens/vocabulary.ts";
import { halvesOfPairs, joinedColumns, joinedRows, meanOf, partsOf, perHead } from "./sources.ts";
import { readTorchFile } from "./torch_file.ts";

/** A checkpoint in Hugging Face's layout, before it is written. */
export interface Conversion {
  /** The model's shape. */
  readonly config: ChameleonConfig;
  /** Its tensors, in the order in which they are written. */
  readonly tensors: readonly OutgoingTensor[];
  /** Its small files by name. */
  readonly files: Readonly<Record<string, string>>;
  /** The files that its weights come from. */
  readonly sources: readonly string[];
}

const size = z.number().int().positive().max(1 << 20);

const PARAMS = z.looseObject({
  dim: size,
  n_layers: size.max(1024),
  n_heads: size,
  n_kv_heads: size.nullish(),
  norm_eps: z.number().positive(),
  rope_theta: z.number().positive().default(10000),
  swin_norm: z.boolean().default(false),
  model_parallel_size: size.optional(),
});

const VQGAN = z.looseObject({
  embed_dim: size,
  n_embed: size,
  ddconfig: z.looseObject({
    double_z: z.literal(false),
    z_channels: size,
    resolution: size,
    in_channels: z.literal(3),
    out_ch: z.literal(3),
    ch: size,
    ch_mult: z.array(size).min(1).max(10),
    num_res_blocks: z.number().int().nonnegative().max(100),
    attn_resolutions: z.array(z.number()).default([]),
    attn_type: z.enum(["vanilla", "none"]).default("vanilla"),
  }),
});

/**
 * Reads a checkpoint's tables and works out what the converted one holds. No weights are read.
 *
 * @param from the folder with `models/` and `tokenizer/`
 * @param name the model in `models/`; may be left out where there is one
 * @returns the checkpoint in Hugging Face's layout; its tensors are read when they are written
 * @throws UserError when something is missing, refused, or of another shape than the parameters say
 */
export function planConversion(from: string, name?: string): Conversion {
  const folder = `${from}/models/${name ?? onlyModel(from)}`;
  const [first, ...others] = weightFiles(folder);
  const vqganFile = `${from}/tokenizer/vqgan.ckpt`;
  const shards: Shards = [readTorchFile(first), ...others.map(readTorchFile)];
  const config = configOf(folder, from, shards);
  const tensors = [...transformerTensors(config, shards), ...vqganTensors(config, readTorchFile(vqganFile))];
  const problems = [
    ...differences(new Map(tensors.map((tensor) => [tensor.name, tensor])), weightShapes(config)),
    ...leftOver(shards[0], config).map((key) => `${quoted(key)} of ${first} is not known`),
  ];
  if (problems.length > 0) throw new UserError(`Cannot convert ${from}: ${listed(problems)}`);
  return { config, tensors, files: smallFiles(from, config), sources: [first, ...others, vqganFile] };
}

type Shards = readonly [ReadonlyMap<string, StoredTensor>, ...ReadonlyMap<string, StoredTensor>[]];

function onlyModel(from: string): string {
  const folder = `${from}/models`;
  const names = exists(folder)
    ? [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => exists(`${folder}/${name}/params.json`))
    : [];
  if (names.length === 1) return names[0]!;
  if (names.length > 1) {
    throw new UserError(`Cannot choose among the models ${quoted(names.toSorted().join(", "))} of ${from}: give --size=NAME`);
  }
  throw new UserError(
    `Cannot convert ${from}: there is no models/NAME/params.json in it; give the folder that holds models/ and tokenizer/`,
  );
}

/** `consolidated.pth`, or a file for each model-parallel rank. */
function weightFiles(folder: string): [string, ...string[]] {
  if (exists(`${folder}/consolidated.pth`)) return [`${folder}/consolidated.pth`];
  const ranks = exists(folder) ? [...Deno.readDirSync(folder)].filter(({ name }) => /^consolidated\.\d\d\.pth$/.test(name)).length : 0;
  if (ranks === 0) throw new UserError(`Cannot convert ${folder}: it has neither consolidated.pth nor consolidated.00.pth`);
  const fileOf = (rank: number) => `${folder}/consolidated.${String(rank).padStart(2, "0")}.pth`;
  const files: [string, ...string[]] = [fileOf(0), ...Array.from({ length: ranks - 1 }, (_, rank) => fileOf(rank + 1))];
  const missing = files.find((file) => !exists(file));
  if (missing) throw new UserError(`Cannot convert ${folder}: of its ${ranks} parts ${missing} is missing; fetch it again`);
  return files;
}

/** The shape: from the parameters where they say it, from the weights where they do not. */
function configOf(folder: string, from: string, shards: Shards): ChameleonConfig {
  const params = readParams(folder);
  const { model_parallel_size: ranks = shards.length } = params;
  if (ranks !== shards.length) {
    throw new UserError(`Cannot convert ${folder}: its parameters speak of ${ranks} parts, there are ${shards.length}; fetch it again`);
  }
  const rowsOf = (name: string) => shards.reduce((sum, shard) => sum + (shard.get(name)?.shape[0] ?? 0), 0);
  const [vocabSize, intermediateSize] = [rowsOf("output.weight"), rowsOf("layers.0.feed_forward.w1.weight")];
  const config: ChameleonConfig = {
    ...{ vocabSize, intermediateSize, hiddenSize: params.dim, layers: params.n_layers, heads: params.n_heads },
    keyHeads: params.n_kv_heads ?? params.n_heads,
    maxPositions: params.rope_theta > 10000 ? 16384 : 4096,
    ...{ ropeTheta: params.rope_theta, rmsEpsilon: params.norm_eps, swinNorm: params.swin_norm, vq: readVqConfig(from) },
  };
  if (config.heads % shards.length !== 0 || config.keyHeads % shards.length !== 0) {
    throw new UserError(
      `Cannot convert ${folder}: ${config.heads} heads with ${config.keyHeads} keys do not divide into ${shards.length} parts`,
    );
  }
  return parseConfig(JSON.parse(formatConfig(config, {})), folder); // one place knows what a sound shape is
}

/** `params.json`, the part `model` of it, and over them what consolidating the ranks changed. */
function readParams(folder: string): z.infer<typeof PARAMS> {
  const path = `${folder}/params.json`;
  const [outer, consolidated] = [path, `${folder}/consolidate_params.json`].map((file) =>
    exists(file) || file === path ? readJson(file) : {}
  );
  const inner = typeof outer === "object" && outer !== null && "model" in outer ? outer.model : {};
  return parsed(PARAMS, { ...outer as object, ...inner as object, ...consolidated as object }, path);
}

function readVqConfig(from: string): VqConfig {
  const path = `${from}/tokenizer/vqgan.yaml`;
  const { embed_dim, n_embed, ddconfig } =
    parsed(z.looseObject({ model: z.looseObject({ params: VQGAN }) }), yamlOf(path), path).model.params;
  const vq: VqConfig = {
    ...{ embedDim: embed_dim, codes: n_embed, latentChannels: ddconfig.z_channels, resolution: ddconfig.resolution },
    ...{ baseChannels: ddconfig.ch, channelMultiplier: ddconfig.ch_mult, resBlocks: ddconfig.num_res_blocks },
    midAttention: ddconfig.attn_type === "vanilla",
  };
  const attended = ddconfig.attn_resolutions.find((side) => side >= gridSide(vq)); // sides below the grid's never come up
  if (attended !== undefined) {
    throw new UserError(`Cannot use ${path}: it has attention at a side of ${attended} pixels, which this version does not compute`);
  }
  return vq;
}

function yamlOf(path: string): unknown {
  const text = readText(path, LARGEST.config);
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new UserError(`Cannot read ${path} as YAML: ${quoted((error as Error).message)}`);
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(`Cannot use ${path}: ${quoted(issue?.path.join("."))}: ${printable(issue?.message ?? "")}`);
}

/** Meta's names of a block's matrices, by ours, and along which dimension the ranks split them. */
const MATRICES = [
  ["self_attn.q_proj", "attention.wq", "rows"],
  ["self_attn.k_proj", "attention.wk", "rows"],
  ["self_attn.v_proj", "attention.wv", "rows"],
  ["self_attn.o_proj", "attention.wo", "columns"],
  ["mlp.gate_proj", "feed_forward.w1", "rows"],
  ["mlp.up_proj", "feed_forward.w3", "rows"],
  ["mlp.down_proj", "feed_forward.w2", "columns"],
] as const;

function transformerTensors(config: ChameleonConfig, shards: Shards): OutgoingTensor[] {
  const tensors: OutgoingTensor[] = [];
  const add = (tensor: OutgoingTensor | undefined) => tensor && tensors.push(tensor);
  add(matrix("model.embed_tokens.weight", "tok_embeddings.weight", "columns", shards));
  for (let i = 0; i < config.layers; i++) {
    const [ours, metas] = [`model.layers.${i}`, `layers.${i}`];
    for (const [name, meta, split] of MATRICES) {
      const joined = matrix(`${ours}.${name}.weight`, `${metas}.${meta}.weight`, split, shards);
      add(joined && /[qk]_proj/.test(name) ? halvesOfPairs(joined, config.hiddenSize / config.heads) : joined);
    }
    for (const [name, heads] of [["q", config.heads], ["k", config.keyHeads]] as const) {
      for (const part of ["weight", "bias"]) {
        add(headNorm(`${ours}.self_attn.${name}_norm.${part}`, `${metas}.attention.${name}_normalization.${part}`, heads, config, shards));
      }
    }
    add(vector(`${ours}.input_layernorm.weight`, `${metas}.attention_norm.weight`, shards));
    add(vector(`${ours}.post_attention_layernorm.weight`, `${metas}.ffn_norm.weight`, shards));
  }
  add(vector("model.norm.weight", "norm.weight", shards));
  add(matrix("lm_head.weight", "output.weight", "rows", shards));
  return tensors;
}

/** A tensor of all ranks, or undefined when one of them lacks it: the comparison of shapes then says that it is missing. */
function find(meta: string, shards: Shards): [StoredTensor, ...StoredTensor[]] | undefined {
  const parts = shards.flatMap((shard) => shard.get(meta) ?? []);
  return parts.length === shards.length ? parts as [StoredTensor, ...StoredTensor[]] : undefined;
}

function matrix(name: string, meta: string, split: "rows" | "columns", shards: Shards): OutgoingTensor | undefined {
  const parts = find(meta, shards);
  if (!parts) return;
  return split === "rows" ? joinedRows(name, partsOf(meta, parts, 2, 0)) : joinedColumns(name, partsOf(meta, parts, 2, 1));
}

/** A norm's gains, which every rank has whole. */
function vector(name: string, meta: string, shards: Shards): OutgoingTensor | undefined {
  const parts = find(meta, shards);
  return parts && meanOf(name, partsOf(meta, parts, 1));
}

/** QK-norm: each rank has its own vector, which its heads share; they are repeated, never averaged. */
function headNorm(
  name: string,
  meta: string,
  heads: number,
  config: ChameleonConfig,
  shards: Shards,
): OutgoingTensor | undefined {
  const parts = find(meta, shards);
  if (!parts) return;
  const headDim = config.hiddenSize / config.heads;
  const vectors = joinedRows(name, partsOf(meta, parts, 1));
  if (parts[0].shape[0] !== headDim) {
    throw new UserError(`Cannot convert ${quoted(meta)}: it has shape ${quoted(parts[0].shape)}, wanted [${headDim}]`);
  }
  return perHead(halvesOfPairs(vectors, headDim), heads, headDim);
}

/** Encoder, codebook and decoder; the losses of its training stay behind. */
function vqganTensors({ vq }: ChameleonConfig, stored: ReadonlyMap<string, StoredTensor>): OutgoingTensor[] {
  return [...vqShapes(vq).keys()].flatMap((name) => {
    const part = stored.get(name);
    return part ? [joinedRows(`model.vqmodel.${name}`, partsOf(name, [part]))] : [];
  });
}

/** Names in a rank's file that no converted tensor comes from. */
function leftOver(shard: ReadonlyMap<string, StoredTensor>, { layers }: ChameleonConfig): string[] {
  const outer = ["tok_embeddings.weight", "norm.weight", "output.weight", "rope.freqs"]; // the frequencies follow from the shape
  const inner = [
    ...MATRICES.map(([, meta]) => `${meta}.weight`),
    ...["q", "k"].flatMap((name) => [`attention.${name}_normalization.weight`, `attention.${name}_normalization.bias`]),
    ...["attention_norm.weight", "ffn_norm.weight"],
  ];
  const known = new Set([...outer, ...Array.from({ length: layers }, (_, i) => inner.map((name) => `layers.${i}.${name}`)).flat()]);
  return [...shard.keys()].filter((name) => !known.has(name));
}

/** `config.json` and the tokenizer. `<reserved08707>` is called `<image>` there, as Hugging Face calls it. */
function smallFiles(from: string, config: ChameleonConfig): Record<string, string> {
  const path = `${from}/tokenizer/text_tokenizer.json`;
  const tokenizer = withImageToken(readJson(path));
  const vocabulary = vocabularyOf(tokenizer, path, config.vq.codes);
  if (vocabulary.size > config.vocabSize) {
    throw new UserError(`Cannot convert ${from}: its tokenizer has ${vocabulary.size} tokens, its weights ${config.vocabSize}`);
  }
  const { bos, eos, pad, endOfTurn } = SPECIAL_TOKENS;
  const named = { tokenizer_class: "PreTrainedTokenizerFast", bos_token: bos, eos_token: eos, pad_token: pad, sep_token: endOfTurn };
  return {
    "config.json": formatConfig(config, vocabularyMap(vocabulary)),
    "tokenizer.json": JSON.stringify(tokenizer) + "\n",
    "tokenizer_config.json": JSON.stringify({ ...named, model_max_length: config.maxPositions }, null, 2) + "\n",
  };
}

const PLACEHOLDER = { meta: "<reserved08707>", ours: "<image>" } as const;

/** The tokenizer with the placeholder renamed; what is no tokenizer stays as it is, and is refused by the vocabulary. */
function withImageToken(json: unknown): unknown {
  const { model, added_tokens: added } = (json ?? {}) as {
    model?: { vocab?: Record<string, number> };
    added_tokens?: { content?: unknown }[];
  };
  if (!Array.isArray(added) || typeof model?.vocab !== "object") return json;
  const renamed = (name: unknown) => name === PLACEHOLDER.meta ? PLACEHOLDER.ours : name;
  return {
    ...json as object,
    added_tokens: added.map((token) => ({ ...token, content: renamed(token?.content) })),
    model: { ...model, vocab: Object.fromEntries(Object.entries(model.vocab ?? {}).map(([name, id]) => [renamed(name), id])) },
  };
}
