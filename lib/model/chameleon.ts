/**
 * Chameleon's transformer (Chameleon Team 2024), all of it, as functions of its weights.
 *
 * Shapes: B batch, T positions, Q the last positions that are carried on, D width, H heads, d width of a head,
 * V vocabulary. The residual stream is float32; what goes into matrix products has the precision of the weights.
 *
 * @module
 */
import { compile, freeze, type Precision, precisionOf, type Tensor, tf, toPrecision } from "../engine/mod.ts";
import {
  adaptedLinear,
  causalAttention,
  dropout,
  type HeadNorm,
  joinHeads,
  linear,
  type LowRank,
  normaliseAndRotate,
  repeatHeads,
  residual,
  rmsNorm,
  ropeTables,
  sharedPromptAttention,
  splitHeads,
  swiglu,
} from "../nn/mod.ts";
import type { ChameleonConfig, Projection } from "./config.ts";

/** A block's weights; matrices are [out, in] as on disk. */
export interface Layer extends Record<Projection, Tensor> {
  /** RMSNorm's gain at attention, [D]. */
  readonly inputNorm: Tensor;
  /** RMSNorm's gain at the feed-forward layer, [D]. */
  readonly postNorm: Tensor;
  /** LayerNorm of queries. */
  readonly qNorm: HeadNorm;
  /** LayerNorm of keys. */
  readonly kNorm: HeadNorm;
}

/** The transformer: its shape and weights. */
export interface Chameleon {
  /** The shape. */
  readonly config: ChameleonConfig;
  /** Token embeddings, [V, D]. */
  readonly embed: Tensor;
  /** Blocks. */
  readonly layers: readonly Layer[];
  /** The last RMSNorm's gain, [D]. */
  readonly norm: Tensor;
  /** Output matrix, [V, D]. */
  readonly head: Tensor;
}

/** A LoRA adapter: one low-rank pair for each adapted matrix of each block. */
export interface Adapter {
  /** α / rank. */
  readonly scale: number;
  /** Share of a projection's input that is dropped while training. */
  readonly dropout: number;
  /** Low-rank pairs, by block. */
  readonly layers: readonly Partial<Record<Projection, LowRank>>[];
}

/** What a forward pass may be told beside the tokens. */
export interface ForwardOptions {
  /** An adapter to apply. */
  readonly adapter?: Adapter | undefined;
  /** Seed of LoRA's dropout, `[2]` int32; without it nothing is dropped. */
  readonly seed?: Tensor | undefined;
  /** Added to scores: 0 for tokens, −1e9 for left padding, [B, 1, 1, T]. */
  readonly padding?: Tensor | undefined;
  /** Give only the last so many positions; the last block computes no others. */
  readonly last?: number | undefined;
  /** Keep only each block's input for the gradient, and compute its inside again: less memory, more time. */
  readonly checkpoint?: boolean | undefined;
}

/** Tables that all blocks share. */
interface Geometry {
  readonly cos: Tensor; // [T, d]
  readonly sin: Tensor; // [T, d]
  readonly padding: Tensor; // [B or 1, 1, 1, T]
}

/** Numbers that all blocks share. */
interface Shape {
  readonly heads: number;
  readonly keyHeads: number;
  readonly epsilon: number;
  readonly swinNorm: boolean;
  readonly precision: Precision;
  readonly scale: number;
  readonly dropout: number;
}

/** Keys and values of a block, [B, Hkv, T, d]. */
export interface KeysValues {
  /** Keys, normalised and rotated. */
  readonly k: Tensor;
  /** Values. */
  readonly v: Tensor;
}

/**
 * The transformer up to its last norm.
 *
 * @param model the weights
 * @param tokens [B, T] int32
 * @param options adapter, padding, how many positions to give
 * @returns hidden states, [B, Q, D]
 */
export function hiddenStates(model: Chameleon, tokens: Tensor, options: ForwardOptions = {}): Tensor {
  const [batch, positions] = tokens.shape as [number, number];
  const { adapter, seed } = options;
  const queries = options.last ?? positions;
  const shape = shapeOf(model, adapter);
  const geometry = geometryOf(model.config, positions, options.padding);
  const run = options.checkpoint ? compiledBlock : block;
  let x = embedTokens(model, tokens); // [B, T, D]
  model.layers.forEach((layer, i) => {
    const isLast = i === model.layers.length - 1;
    const layerSeed = seed && adapter?.dropout ? tf.add(seed, tf.tensor1d([0, i], "int32")) : null;
    x = run(x, layer, adapter?.layers[i] ?? {}, geometry, shape, layerSeed, isLast ? queries : positions);
  });
  return rmsNorm(tf.reshape(x, [batch, queries, -1]), model.norm, model.config.rmsEpsilon, shape.precision); // [B, Q, D]
}

/**
 * Scores over the vocabulary, or over the rows of it that `head` holds.
 *
 * @param hidden [B, Q, D]
 * @param head [V, D] or some rows of it
 * @returns [B, Q, V] in the precision of the weights
 */
export function logitsOf(hidden: Tensor, head: Tensor): Tensor {
  return linear(hidden, head);
}

/** Rows of the output matrix for a range of ids, made once: image tokens need no text scores. [count, D] */
export function headRows(model: Chameleon, first: number, count: number): Tensor {
  return tf.slice(model.head, [first, 0], [count, model.config.hiddenSize]);
}

/** The rows for image tokens, frozen. [K, D] */
export function freezeHead(model: Chameleon, images: { readonly firstImage: number; readonly codes: number }): Tensor {
  return freeze(headRows(model, images.firstImage, images.codes));
}

/**
 * The forward pass that also gives every block's keys and values, for decoding to go on from.
 *
 * @param model the weights
 * @param tokens [B, T] int32
 * @param options adapter and padding
 * @returns the hidden state of the last position, [B, 1, D], and keys and values
 */
export function prefill(model: Chameleon, tokens: Tensor, options: ForwardOptions = {}): { hidden: Tensor; cache: KeysValues[] } {
  const [, positions] = tokens.shape as [number, number];
  const shape = shapeOf(model, options.adapter);
  const geometry = geometryOf(model.config, positions, options.padding);
  let x = embedTokens(model, tokens); // [B, T, D]
  const cache = model.layers.map((layer, i) => {
    const lora = options.adapter?.layers[i] ?? {};
    const result = blockWithCache(x, layer, lora, geometry, shape, null, positions);
    x = result.x;
    return { k: result.k, v: result.v };
  });
  const last = tf.slice(x, [0, positions - 1, 0], [-1, 1, -1]); // [B, 1, D]
  return { hidden: rmsNorm(last, model.norm, model.config.rmsEpsilon, shape.precision), cache };
}

/** What a decoding goes on from. */
export interface DecodingState {
  /** Keys and values of the P prompts, [P, Hkv, S, d]; the N sequences of a prompt share them. */
  readonly prompt: readonly KeysValues[];
  /** Keys and values of the P · N sequences after their prompts, with C slots, [P · N, Hkv, C, d]. */
  readonly own: readonly KeysValues[];
}

/**
 * One more token for each sequence, on keys and values in slots made beforehand.
 *
 * @param model the weights
 * @param tokens [P · N] int32, the newest tokens; the N sequences of a prompt side by side
 * @param step how many tokens came after the prompts before these, a scalar int32
 * @param state prompts and slots; slots from `step` on are free
 * @param options adapter, and padding [P, 1, 1, S] of the prompts
 * @returns the hidden state, [P · N, 1, D], and the slots with the new keys and values in them
 */
export function decodeStep(
  model: Chameleon,
  tokens: Tensor,
  step: Tensor,
  { prompt, own }: DecodingState,
  options: ForwardOptions = {},
): { hidden: Tensor; own: KeysValues[] } {
  const [batch, slots] = [tokens.shape[0]!, own[0]!.k.shape[2]!];
  const [prompts, , length] = prompt[0]!.k.shape as [number, number, number];
  const shape = shapeOf(model, options.adapter);
  const all = geometryOf(model.config, length + slots, undefined);
  const at = tf.add(tf.reshape(step, [1]), tf.scalar(length, "int32"));
  const places = tf.range(0, slots, 1, "int32");
  const slot = tf.reshape(tf.cast(tf.equal(places, step), "float32"), [1, 1, slots, 1]);
  const future = tf.reshape(tf.mul(tf.cast(tf.greater(places, step), "float32"), -1e9), [1, 1, 1, slots]);
  const padding = options.padding ?? tf.zeros([prompts, 1, 1, length]);
  const rows = tf.reshape(tf.tile(padding, [1, batch / prompts, 1, 1]), [batch, 1, 1, length]);
  const mask = tf.concat([rows, tf.tile(future, [batch, 1, 1, 1])], 3); // [B, 1, 1, S + C]
  const geometry = { cos: tf.gather(all.cos, at), sin: tf.gather(all.sin, at), padding: mask };
  let x = embedTokens(model, tf.expandDims(tokens, 1)); // [B, 1, D]
  const grown = model.layers.map((layer, i) => {
    const past = { ...own[i]!, prompt: prompt[i]!, slot };
    const result = blockWithCache(x, layer, options.adapter?.layers[i] ?? {}, geometry, shape, null, 1, past);
    x = result.x;
    return { k: result.k, v: result.v };
  });
  return { hidden: rmsNorm(x, model.norm, model.config.rmsEpsilon, shape.precision), own: grown };
}

/**
 * More tokens for each sequence after a prefix whose keys and values are known: what a whole forward pass gives for them.
 *
 * @param model the weights
 * @param tokens [B, Q] int32, what follows the prefix
 * @param cache keys and values of the prefix, [B, Hkv, S, d]
 * @param options adapter, and padding [B, 1, 1, S + Q] over prefix and tokens
 * @returns hidden states, [B, Q, D]
 */
export function continueFrom(model: Chameleon, tokens: Tensor, cache: readonly KeysValues[], options: ForwardOptions = {}): Tensor {
  const queries = tokens.shape[1]!;
  const before = cache[0]!.k.shape[2]!;
  const shape = shapeOf(model, options.adapter);
  const all = geometryOf(model.config, before + queries, options.padding);
  const rest = (table: Tensor) => tf.slice(table, [before, 0], [queries, -1]);
  const geometry = { cos: rest(all.cos), sin: rest(all.sin), padding: all.padding };
  let x = embedTokens(model, tokens); // [B, Q, D]
  model.layers.forEach((layer, i) => {
    x = blockWithCache(x, layer, options.adapter?.layers[i] ?? {}, geometry, shape, null, queries, cache[i]!).x;
  });
  return rmsNorm(x, model.norm, model.config.rmsEpsilon, shape.precision);
}

/** Keys and values that came before; new ones follow them, or are written where `slot` says, after a prompt's. */
interface Past extends KeysValues {
  readonly slot?: Tensor; // [1, 1, C, 1]
  readonly prompt?: KeysValues; // [P, Hkv, S, d]
}

type BlockArguments = [
  x: Tensor, // [B, T, D]
  layer: Layer,
  lora: Partial<Record<Projection, LowRank>>,
  geometry: Geometry,
  shape: Shape,
  seed: Tensor | null,
  queries: number,
];

/** One block; only the last `queries` positions are carried on. → [B, Q, D] */
function block(...args: BlockArguments): Tensor {
  return blockWithCache(...args).x;
}

const compiledBlock: (...args: BlockArguments) => Tensor = compile(block);

function blockWithCache(
  x: Tensor,
  layer: Layer,
  lora: Partial<Record<Projection, LowRank>>,
  geometry: Geometry,
  shape: Shape,
  seed: Tensor | null,
  queries: number,
  past?: Past,
): { x: Tensor } & KeysValues {
  const { epsilon, precision, swinNorm } = shape;
  const [batch, positions, width] = x.shape as [number, number, number];
  const carried = queries === positions ? x : tf.slice(x, [0, positions - queries, 0], [batch, queries, width]); // [B, Q, D]
  const before = (y: Tensor, gain: Tensor) => swinNorm ? toPrecision(y, precision) : rmsNorm(y, gain, epsilon, precision);
  const after = (y: Tensor, gain: Tensor) => swinNorm ? rmsNorm(y, gain, epsilon, precision) : y;

  const normed = before(x, layer.inputNorm); // [B, T, D]
  const { y, k, v } = attention(normed, layer, lora, geometry, shape, seed, queries, past);
  const mixed = residual(carried, after(y, layer.inputNorm)); // [B, Q, D]
  const fed = feedForward(before(mixed, layer.postNorm), layer, lora, shape, seed);
  return { x: residual(mixed, after(fed, layer.postNorm)), k, v };
}

function attention(
  x: Tensor, // [B, T, D]
  layer: Layer,
  lora: Partial<Record<Projection, LowRank>>,
  { cos, sin, padding }: Geometry,
  shape: Shape,
  seed: Tensor | null,
  queries: number,
  past?: Past,
): { y: Tensor } & KeysValues {
  const { heads, keyHeads, precision } = shape;
  const [batch, positions, width] = x.shape as [number, number, number];
  const headDim = cos.shape[1]!;
  const lastRows = (t: Tensor) => queries === positions ? t : tf.slice(t, [positions - queries, 0], [queries, headDim]);
  const dropped = dropInput(x, lora.q_proj ?? lora.k_proj ?? lora.v_proj, shape, seed, 0);
  const lastOf = (t: Tensor) => queries === positions ? t : tf.slice(t, [0, positions - queries, 0], [batch, queries, width]);

  const q = adaptedLinear(lastOf(x), lastOf(dropped), layer.q_proj, lora.q_proj, shape.scale); // [B, Q, H·d]
  const k = adaptedLinear(x, dropped, layer.k_proj, lora.k_proj, shape.scale); // [B, T, Hkv·d]
  const v = adaptedLinear(x, dropped, layer.v_proj, lora.v_proj, shape.scale); // [B, T, Hkv·d]
  const rotatedQ = normaliseAndRotate(q, layer.qNorm, lastRows(cos), lastRows(sin), headDim ** -0.5, precision); // [B, H, Q, d]
  const newK = normaliseAndRotate(k, layer.kNorm, cos, sin, 1, precision); // [B, Hkv, T, d]
  const newV = splitHeads(v, keyHeads); // [B, Hkv, T, d]
  const keys = past ? joined(past.k, newK, past.slot) : newK;
  const values = past ? joined(past.v, newV, past.slot) : newV;

  const group = heads / keyHeads;
  const forHeads = ({ k, v }: KeysValues): KeysValues => ({ k: repeatHeads(k, group), v: repeatHeads(v, group) });
  const own = forHeads({ k: keys, v: values });
  const mixed = joinHeads(
    past?.prompt ? sharedPromptAttention(rotatedQ, forHeads(past.prompt), own, padding) : causalAttention(rotatedQ, own.k, own.v, padding),
  ); // [B, Q, H·d]
  const y = adaptedLinear(mixed, dropInput(mixed, lora.o_proj, shape, seed, 1), layer.o_proj, lora.o_proj, shape.scale);
  return { y, k: keys, v: values };
}

function feedForward(
  x: Tensor, // [B, Q, D]
  layer: Layer,
  lora: Partial<Record<Projection, LowRank>>,
  shape: Shape,
  seed: Tensor | null,
): Tensor {
  const dropped = dropInput(x, lora.gate_proj ?? lora.up_proj, shape, seed, 2);
  const gate = adaptedLinear(x, dropped, layer.gate_proj, lora.gate_proj, shape.scale); // [B, Q, F]
  const up = adaptedLinear(x, dropped, layer.up_proj, lora.up_proj, shape.scale); // [B, Q, F]
  const inner = swiglu(gate, up, shape.precision); // [B, Q, F]
  const innerDropped = dropInput(inner, lora.down_proj, shape, seed, 3);
  return adaptedLinear(inner, innerDropped, layer.down_proj, lora.down_proj, shape.scale); // [B, Q, D]
}

/** LoRA's dropout. Projections of one input share its mask; PEFT draws one for each, which has the same distribution. */
function dropInput(x: Tensor, lora: LowRank | undefined, shape: Shape, seed: Tensor | null, site: number): Tensor {
  if (!lora || !seed || shape.dropout === 0) return x;
  return dropout(x, shape.dropout, tf.add(seed, tf.tensor1d([site << 16, 0], "int32")), shape.precision);
}

/** Old keys or values with the new ones in their slot, or behind them. old: [B, H, S, d], fresh: [B, H, T, d], slot: [1, 1, C, 1] */
function joined(old: Tensor, fresh: Tensor, slot: Tensor | undefined): Tensor {
  return slot ? blend(old, fresh, slot, precisionOf(old)) : tf.concat([old, fresh], 2);
}

const blend: (slots: Tensor, one: Tensor, slot: Tensor, precision: Precision) => Tensor = compile(
  (slots: Tensor, one: Tensor, slot: Tensor, precision: Precision) =>
    toPrecision(tf.add(tf.mul(slots, tf.sub(1, slot)), tf.mul(one, slot)), precision),
  { xla: true },
);

function embedTokens({ embed }: Chameleon, tokens: Tensor): Tensor {
  return toPrecision(tf.gather(embed, tokens as never), "float32"); // [B, T, D]
}

function shapeOf({ config, layers }: Chameleon, adapter: Adapter | undefined): Shape {
  return {
    heads: config.heads,
    keyHeads: config.keyHeads,
    epsilon: config.rmsEpsilon,
    swinNorm: config.swinNorm,
    precision: precisionOf(layers[0]!.q_proj),
    scale: adapter?.scale ?? 0,
    dropout: adapter?.dropout ?? 0,
  };
}

function geometryOf(config: ChameleonConfig, positions: number, padding: Tensor | undefined): Geometry {
  const tables = ropeTables(positions, config.hiddenSize / config.heads, config.ropeTheta);
  return { ...tables, padding: padding ?? tf.zeros([1, 1, 1, positions]) };
}
