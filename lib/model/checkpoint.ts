/**
 * Checkpoints in Hugging Face's layout: `config.json`, `tokenizer.json`, safetensors in one file or in shards.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { createHash } from "node:crypto";
import { type Disk, writeFile } from "../files.ts";
import { dispose, freeze, type Precision, type Tensor, tf, toPrecision } from "../engine/mod.ts";
import { mapFile, type MappedFile } from "../engine/mapped.ts";
import { bytesOfTensor } from "../engine/storage.ts";
import type { Chameleon } from "./chameleon.ts";
import { configFiles, moduleShapes, pictureShapes, picturesOf, readConfig, weightName } from "./backbones.ts";
import { type ChameleonConfig, PROJECTIONS, projectionShape } from "./config.ts";
import type { BlockNorms, Layer, Matrices } from "./layer.ts";
import { differences, listed, readTensor } from "./stored_tensors.ts";
import { type OutgoingTensor, readInto, readModelHeaders, type StoredTensor } from "./safetensors.ts";
import { type Gathering, readPart, type ShardedBlocks, shardedBlocks } from "./sharded.ts";
import { seePictures } from "./siglip.ts";
import { writeShards } from "./shards.ts";
import { withCodes, withoutCodes } from "./janus.ts";
import type { Vqgan, Weights } from "./vqgan.ts";

/** A model: transformer and image tokenizer. */
export interface Model {
  /** The folder it came from. */
  readonly folder: string;
  /** The transformer. */
  readonly chameleon: Chameleon;
  /** The image tokenizer, always float32. */
  readonly vqgan: Vqgan;
  /** Weights beside the two, by name without `model.`, where there are some: Janus's; always float32. */
  readonly modules?: Weights;
}

/** What a checkpoint holds, known before any of it is loaded. */
export interface CheckpointPlan {
  /** The model's shape. */
  readonly config: ChameleonConfig;
  /** Its tensors on disk. */
  readonly stored: ReadonlyMap<string, StoredTensor>;
  /** Memory of the loaded weights, in bytes. */
  readonly bytes: number;
  /** How many weights there are. */
  readonly parameters: number;
}

const MAPPED_FROM = 2 ** 24; // bytes of a tensor: smaller ones are read, so that small models leave no mapping behind

/**
 * Reads a checkpoint's config and headers, checks them against each other, and works out its memory.
 *
 * @param folder the checkpoint
 * @param precision the precision wanted for the transformer's matrices
 * @returns its shape, its tensors on disk, and the memory that they take
 * @throws UserError listing every tensor that is missing, unknown, or of another shape
 *
 * @example Known before anything is loaded
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { parameters, bytes } = ws.model.planCheckpoint("data/tiny", "bfloat16");
 * assert(parameters > 3e6 && bytes < 4 * parameters);
 * ```
 */
export function planCheckpoint(folder: string, precision: Precision): CheckpointPlan {
  const config = readConfig(folder);
  const stored = renamed(config, readModelHeaders(folder));
  const wanted = weightShapes(config);
  const noDecoder = !stored.has("model.vqmodel.decoder.conv_in.weight"); // Hugging Face's conversions leave it out
  const problems = differences(stored, wanted, (name) => noDecoder && /decoder\./.test(name));
  if (problems.length > 0) throw new UserError(`Cannot load ${folder}: ${listed(problems)}`);
  const shapes = new Map(stored.entries().map(([name, { shape }]) => [name, shape]));
  return { config, stored, ...weightBytes(shapes, precision) };
}

/** Stored tensors by the names that we know them by. */
function renamed(config: ChameleonConfig, stored: ReadonlyMap<string, StoredTensor>): Map<string, StoredTensor> {
  return new Map([...stored].flatMap(([name, tensor]) => {
    const known = weightName(config, name);
    return known === undefined ? [] : [[known, tensor]];
  }));
}

/** Memory of loaded weights, and how many there are. */
export function weightBytes(
  shapes: ReadonlyMap<string, readonly number[]>,
  precision: Precision,
): Pick<CheckpointPlan, "bytes" | "parameters"> {
  let [bytes, parameters] = [0, 0];
  for (const [name, shape] of shapes) {
    const count = shape.reduce((a, b) => a * b, 1);
    parameters += count;
    bytes += count * (isMatrix(name) && precision === "bfloat16" ? 2 : 4);
  }
  return { bytes, parameters };
}

/** A digest of a checkpoint: its shape, and the first bytes of every tensor, so that 14 GB take no longer than 14 MB. */
export function checkpointDigest({ config, stored }: CheckpointPlan): string {
  const hash = createHash("sha256").update(JSON.stringify(config));
  for (const [name, tensor] of [...stored].sort(([a], [b]) => a < b ? -1 : 1)) {
    const head = new Uint8Array(Math.min(4096, tensor.size));
    readInto({ ...tensor, size: head.length }, head);
    hash.update(`${name} ${tensor.dtype} ${tensor.shape}`).update(head);
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * Loads a checkpoint, its weights frozen.
 *
 * @param folder the checkpoint
 * @param precision of the transformer's matrices; norms and the VQGAN are float32
 * @param others the processes that the blocks' matrices are spread over; each then reads its own part of them alone
 * @returns the model
 * @throws UserError when the folder is not a sound checkpoint
 *
 * @example The tiny checkpoint
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * assertEquals([chameleon.config.layers, chameleon.embed.shape], [4, [1583, 192]]);
 * ```
 */
export function loadModel(folder: string, precision: Precision, others?: Gathering): Model {
  const plan = planCheckpoint(folder, precision);
  const files = new Map<string, MappedFile | undefined>();
  const fileOf = ({ path, size }: StoredTensor) => {
    if (size < MAPPED_FROM) return;
    if (!files.has(path)) files.set(path, mapFile(path));
    return files.get(path);
  };
  const get = (name: string) => {
    const stored = plan.stored.get(name);
    return stored && freeze(loadTensor(name, stored, precision, fileOf(stored)));
  };
  return modelOf(
    folder,
    plan.config,
    get,
    others && {
      ...others,
      ...{ precision, partOf: (names) => freeze(readPart(names.map((name) => plan.stored.get(name)!), precision, others)) },
    },
  );
}

/** How blocks are spread. */
interface Sharding extends Gathering {
  readonly precision: Precision;
  readonly partOf: (matrices: readonly string[]) => Tensor; // [S]
}

/** Builds a model from tensors by their names on disk, filters already in this engine's layout. */
export function modelOf(folder: string, config: ChameleonConfig, get: (name: string) => Tensor | undefined, sharding?: Sharding): Model {
  const chameleon = transformerOf(config, get, sharding);
  const weights: Record<string, Tensor> = {};
  for (const name of pictureShapes(config).keys()) {
    const tensor = get(`model.vqmodel.${name}`);
    if (tensor) weights[name] = tensor;
  }
  const model = { folder, chameleon, vqgan: picturesOf(config, weights) };
  return config.backbone === "janus" ? joined(model, modulesOf(config, get)) : model;
}

/** The transformer alone, its tables those of text, of tensors by their names on disk. */
export function transformerOf(config: ChameleonConfig, get: (name: string) => Tensor | undefined, sharding?: Sharding): Chameleon {
  const need = (name: string) => get(name)!;
  const prefix = prefixOf(config);
  const names = Array.from({ length: config.layers }, (_, i) => `${prefix}.layers.${i}`);
  return {
    config,
    embed: need(`${prefix}.embed_tokens.weight`),
    layers: sharding ? [] : names.map((name) => layerOf(config, name, need)),
    norm: need(`${prefix}.norm.weight`),
    head: need("lm_head.weight"),
    ...(sharding && { sharded: shardedOf(config, names, need, sharding) }),
  };
}

function shardedOf(
  config: ChameleonConfig,
  names: readonly string[],
  need: (name: string) => Tensor,
  { precision, partOf, ...others }: Sharding,
): ShardedBlocks {
  const blocks = names.map((name) => ({
    ...normsOf(config, name, need),
    part: partOf(PROJECTIONS.map((projection) => matrixName(name, projection))),
  }));
  return shardedBlocks(config, precision, blocks, others);
}

/** Weights beside transformer and picture tokenizer, by name without `model.`. */
export function modulesOf(config: ChameleonConfig, get: (name: string) => Tensor | undefined): Weights {
  return Object.fromEntries([...moduleShapes(config).keys()].map((name) => [name.replace(/^model\./, ""), get(name)!]));
}

/** A model whose modules have become rows of the transformer's tables. They are kept, as a checkpoint is written from them. */
function joined(model: Model, modules: Weights): Model {
  const { chameleon: text } = model;
  const chameleon = freeze(withCodes(text, modules));
  dispose([text.embed, text.head]);
  const see = (images: Tensor) => seePictures(text.config.seeing!, modules, images); // [B, n, D]
  return { ...model, chameleon, modules, vqgan: { ...model.vqgan, see } };
}

/** Frees a model's weights. */
export function disposeModel({ chameleon, vqgan, modules }: Model): void {
  for (const tensor of namedTensors(chameleon, vqgan).values()) tensor.dispose();
  dispose([chameleon.beside ?? [], chameleon.sharded?.blocks ?? [], modules ?? []]);
}

/**
 * Writes a checkpoint that Python's transformers loads.
 *
 * @param folder where to
 * @param model the weights
 * @param files its vocabulary map of image tokens, and `tokenizer.json` with its config as they are
 * @param precision of the transformer's matrices on disk
 * @param disk where files are written, for tests
 *
 * @example Written and read again
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const folder = Deno.makeTempDirSync();
 * const tokenizer = Object.fromEntries(["tokenizer.json"].map((name) => [name, Deno.readTextFileSync(`data/tiny/${name}`)]));
 * ws.model.saveModel(folder, { chameleon, vqgan }, { vocabularyMap: {}, tokenizer });
 * assertEquals(ws.loadModel(folder, "float32").chameleon.config, chameleon.config);
 * ```
 */
export function saveModel(
  folder: string,
  model: Pick<Model, "chameleon" | "vqgan" | "modules">,
  files: { readonly vocabularyMap: Readonly<Record<string, number>>; readonly tokenizer: Readonly<Record<string, string>> },
  precision: "F32" | "BF16" = "BF16",
  disk?: Disk,
): void {
  const configs = configFiles(model.chameleon.config, files.vocabularyMap);
  const { chameleon, vqgan, modules } = model;
  const text = modules ? withoutCodes(chameleon) : chameleon;
  const named = namedTensors(text, vqgan);
  for (const [name, tensor] of Object.entries(modules ?? {})) named.set(`model.${name}`, tensor);
  const tensors = [...named].map(([name, tensor]) => outgoing(name, tensor, precision));
  try {
    writeShards(folder, tensors, { disk });
  } finally {
    if (modules) dispose([text.embed, text.head]);
  }
  for (const [name, text] of Object.entries(files.tokenizer)) writeFile(`${folder}/${name}`, text, disk);
  for (const [name, text] of Object.entries(configs)) writeFile(`${folder}/${name}`, text, disk);
}

/** Names and shapes of all weights on disk. */
export function weightShapes(config: ChameleonConfig): Map<string, number[]> {
  const { vocabSize, hiddenSize, heads, keyHeads, qkNorm = true } = config;
  const headDim = hiddenSize / heads;
  const prefix = prefixOf(config);
  const shapes = new Map([[`${prefix}.embed_tokens.weight`, [vocabSize, hiddenSize]]]);
  for (let i = 0; i < config.layers; i++) {
    const layer = `${prefix}.layers.${i}`;
    for (const projection of PROJECTIONS) shapes.set(matrixName(layer, projection), projectionShape(config, projection));
    for (const part of qkNorm ? ["weight", "bias"] : []) {
      shapes.set(`${layer}.self_attn.q_norm.${part}`, [heads, headDim]).set(`${layer}.self_attn.k_norm.${part}`, [keyHeads, headDim]);
    }
    shapes.set(`${layer}.input_layernorm.weight`, [hiddenSize]).set(`${layer}.post_attention_layernorm.weight`, [hiddenSize]);
  }
  shapes.set(`${prefix}.norm.weight`, [hiddenSize]).set("lm_head.weight", [vocabSize, hiddenSize]);
  for (const [name, shape] of pictureShapes(config)) shapes.set(`model.vqmodel.${name}`, shape);
  for (const [name, shape] of moduleShapes(config)) shapes.set(name, shape);
  return shapes;
}

/** A stored tensor in this engine's layout and precision. */
function loadTensor(name: string, stored: StoredTensor, precision: Precision, file: MappedFile | undefined): Tensor {
  return tf.tidy(() => {
    const raw = readTensor(stored, file);
    if (isFilter(raw.shape)) return tf.transpose(toPrecision(raw, "float32"), filterAxes(raw.rank)); // [kh, kw, in, out], [kt, …] over time
    return toPrecision(raw, isMatrix(name) ? precision : "float32");
  });
}

function layerOf(config: ChameleonConfig, name: string, need: (name: string) => Tensor): Layer {
  const matrices = PROJECTIONS.map((projection) => [projection, need(matrixName(name, projection))]);
  return { ...Object.fromEntries(matrices) as Matrices, ...normsOf(config, name, need) };
}

function normsOf({ qkNorm = true }: ChameleonConfig, name: string, need: (name: string) => Tensor): BlockNorms {
  const norm = (part: string) => ({ gain: need(`${name}.self_attn.${part}.weight`), bias: need(`${name}.self_attn.${part}.bias`) });
  return {
    inputNorm: need(`${name}.input_layernorm.weight`),
    postNorm: need(`${name}.post_attention_layernorm.weight`),
    ...(qkNorm && { qNorm: norm("q_norm"), kNorm: norm("k_norm") }),
  };
}

function namedTensors(chameleon: Chameleon, vqgan: Vqgan): Map<string, Tensor> {
  const prefix = prefixOf(chameleon.config);
  const named = new Map([[`${prefix}.embed_tokens.weight`, chameleon.embed]]);
  chameleon.layers.forEach((layer, i) => {
    const name = `${prefix}.layers.${i}`;
    for (const projection of PROJECTIONS) named.set(matrixName(name, projection), layer[projection]);
    for (const [part, norm] of [["q_norm", layer.qNorm], ["k_norm", layer.kNorm]] as const) {
      if (norm) named.set(`${name}.self_attn.${part}.weight`, norm.gain).set(`${name}.self_attn.${part}.bias`, norm.bias);
    }
    named.set(`${name}.input_layernorm.weight`, layer.inputNorm).set(`${name}.post_attention_layernorm.weight`, layer.postNorm);
  });
  named.set(`${prefix}.norm.weight`, chameleon.norm).set("lm_head.weight", chameleon.head);
  for (const [name, tensor] of Object.entries(vqgan.weights)) named.set(`model.vqmodel.${name}`, tensor);
  return named;
}

function outgoing(name: string, tensor: Tensor, precision: "F32" | "BF16"): OutgoingTensor {
  const filter = isFilter(tensor.shape);
  const axes = filter ? storedAxes(tensor.rank) : [];
  const shape = filter ? axes.map((axis) => tensor.shape[axis]!) : tensor.shape; // [out, in, kh, kw]
  const dtype = tensor.rank >= 2 && !name.includes("_norm.") ? precision : "F32";
  const bytes = () => {
    const onDisk = filter ? tf.transpose(tensor, axes) : tensor;
    const result = bytesOfTensor(onDisk, dtype);
    if (filter) onDisk.dispose();
    return result;
  };
  return { name, dtype, shape, bytes };
}

/** A projection's name on disk, below its block's. */
export function matrixName(layer: string, projection: string): string {
  return `${layer}.${["gate_proj", "up_proj", "down_proj"].includes(projection) ? "mlp" : "self_attn"}.${projection}.weight`;
}

/** Whether a weight is one of the transformer's matrices, which may be bfloat16. */
function isMatrix(name: string): boolean {
  return !/^model\.(vqmodel|vision_model|aligner|generation_\w+)\./.test(name) && !name.includes("norm");
}

function isFilter(shape: readonly number[]): boolean {
  return shape.length >= 4;
}

/** From a filter as it is stored, [out, in, …], to ours, […, in, out]. */
function filterAxes(rank: number): number[] {
  return [...Array(rank - 2).keys()].map((axis) => axis + 2).concat(1, 0);
}

/** And back. */
function storedAxes(rank: number): number[] {
  return [rank - 1, rank - 2, ...Array(rank - 2).keys()];
}

/** What the names of the transformer's weights begin with. */
function prefixOf({ prefix = "model" }: ChameleonConfig): string {
  return prefix;
}
