/**
 * One step of the transformer as the drawing loop runs it, inside a function that XLA compiles: what `decodeStep` of chameleon.ts
 * computes (a test holds the two equal), on weights and caches laid out for a few rows. Chameleon.ts is where the model is
 * explained; here is what differs.
 *
 * - An adapter is merged beforehand, queries and keys are normalised together.
 * - Keys and values are written in place. XLA does so only where the write comes after all reads; so a step reads the old slots,
 *   adds its own token apart, and the place of the write depends on what was read.
 *
 * Shapes: P prompts, N rows of a prompt, R = P·N rows, D width, F width of the feed-forward layer, H query heads, Hkv key heads,
 * G = H / Hkv query heads of a key head, d width of a head, S positions of a prompt, C slots after it, K rows of the head.
 *
 * @module
 */
import { compile, type Precision, precisionOf, type Tensor, tf, toPrecision } from "../engine/mod.ts";
import { computedOnce, fromStoredBits, product, productOfFewRows, storedBits, updateSlice } from "../engine/xla.ts";
import {
  type HeadNorm,
  type KeysValues,
  normaliseAndRotate,
  rmsNorm,
  type RopeTables,
  ropeTables,
  rotate,
  swiglu,
  withBeside,
} from "../nn/mod.ts";
import type { Chameleon } from "./chameleon.ts";
import type { Layer } from "./layer.ts";
import { type ChameleonConfig, type Projection, PROJECTIONS } from "./config.ts";
import { type Adapter, mergeAdapter } from "./lora.ts";

/** The transformer as a step reads it. */
export interface Decoder {
  /** The weights, an adapter merged into them. */
  readonly model: Chameleon;
  /** QK-norm of queries and keys together, by block, [H + Hkv, d]; null where the model has none. */
  readonly norms: readonly (HeadNorm | null)[];
  /** Output matrix, [K, D]. */
  readonly head: Tensor;
}

/** The matrices of all blocks with an adapter merged into them: a copy of those that it adapts. */
export const mergedMatrices: (model: Chameleon, adapter: Adapter) => readonly Readonly<Record<Projection, Tensor>>[] = compile(
  (model: Chameleon, adapter: Adapter) => {
    const { layers } = mergeAdapter(model, adapter);
    return layers.map((layer) => Object.fromEntries(PROJECTIONS.map((name) => [name, layer[name]])) as Record<Projection, Tensor>);
  },
);

/** A model as a step reads it. matrices: from {@linkcode mergedMatrices}, or null without an adapter; head: [K, D] */
export function decoderOf(model: Chameleon, matrices: readonly Readonly<Record<Projection, Tensor>>[] | null, head: Tensor): Decoder {
  const layers = model.layers.map((layer, i) => ({ ...layer, ...matrices?.[i] }));
  const both = (a: Tensor, b: Tensor) => tf.concat([a, b].map((x) => toPrecision(x, "float32")), 0); // [H + Hkv, d]
  const norms = layers.map(({ qNorm, kNorm }) =>
    qNorm && kNorm ? { gain: both(qNorm.gain, kNorm.gain), bias: both(qNorm.bias, kNorm.bias) } : null
  );
  return { model: { ...model, layers }, norms, head };
}

/** What all steps after the same prompts share. */
export interface DecodingContext extends RopeTables {
  /** Keys of the prompts, [P, Hkv, d, S], and values, [P, Hkv, S, d], by block. */
  readonly prompt: readonly KeysValues[];
  /** 0, or −1e9 at padding, [P, 1, 1, S]. */
  readonly padding: Tensor;
}

/** The context of prompts that were read, with room for `slots` more tokens. cache: [P, Hkv, S, d] by block; padding: [P, 1, 1, S] */
export function decodingContext(config: ChameleonConfig, cache: readonly KeysValues[], padding: Tensor, slots: number): DecodingContext {
  const prompt = cache.map(({ k, v }) => ({ k: tf.transpose(k, [0, 1, 3, 2]), v })); // k: [P, Hkv, d, S]
  return { prompt, padding, ...ropeTables(cache[0]!.k.shape[2]! + slots, config.hiddenSize / config.heads, config.ropeTheta) };
}

/** Keys, [R, Hkv, d, C], and values, [R, Hkv, C, d], of the rows' own tokens as stored bits, by block: free slots, or more of them. */
export function ownSlots(
  { model: { config, layers } }: Decoder,
  own: readonly KeysValues[] | null,
  rows: number,
  slots: number,
): KeysValues[] {
  const { hiddenSize, heads, keyHeads } = config;
  const free = (shape: number[]) => toPrecision(tf.fill(shape, 0), precisionOf(layers[0]!.q_proj));
  const longer = (axis: number, old: Tensor | undefined) => {
    const shape = [rows, keyHeads, hiddenSize / heads, hiddenSize / heads];
    shape[axis] = slots - (old?.shape[axis] ?? 0);
    if (shape[axis] === 0) return old!;
    return storedBits(old ? tf.concat([fromStoredBits(old), free(shape)], axis) : free(shape)); // [R, Hkv, d, C] or [R, Hkv, C, d]
  };
  return layers.map((_, i) => ({ k: longer(3, own?.[i]?.k), v: longer(2, own?.[i]?.v) }));
}

/**
 * One more token for each row.
 *
 * @param decoder the weights
 * @param context prompts and tables
 * @param tokens ids, the newest of each row, [R] int32; the rows of a prompt side by side
 * @param own keys and values of the rows' tokens so far, from {@linkcode ownSlots}
 * @param step how many slots are taken, a scalar int32
 * @returns scores of the head's rows, [R, K] float32, and the slots with the new keys and values in them
 */
export function decodeRows(
  decoder: Decoder,
  context: DecodingContext,
  tokens: Tensor,
  own: readonly KeysValues[],
  step: Tensor,
): { logits: Tensor; own: KeysValues[] } {
  const { model: { config, layers, embed, norm }, norms, head } = decoder;
  const { rmsEpsilon: epsilon, swinNorm } = config;
  const precision = precisionOf(layers[0]!.q_proj);
  const slots = own[0]!.k.shape[3]!;
  const isFree = tf.greaterEqual(tf.range(0, slots, 1, "int32"), step); // [C]
  const place: Place = { step, free: tf.mul(tf.cast(isFree, "float32"), -1e9), ...turnAt(context, step) };
  const before = (y: Tensor, gain: Tensor) => swinNorm ? toPrecision(y, precision) : rmsNorm(y, gain, epsilon, precision);
  const after = (y: Tensor, gain: Tensor) => swinNorm ? rmsNorm(y, gain, epsilon, "float32") : y;

  let x = toPrecision(tf.gather(embed, tokens), "float32"); // [R, D]
  const grown = layers.map((layer, i) => {
    const past = { config, context, prompt: context.prompt[i]!, own: own[i]!, place };
    const { y, kv } = attention(before(x, layer.inputNorm), layer, norms[i]!, past);
    x = tf.add(x, after(y, layer.inputNorm)); // [R, D]
    x = tf.add(x, after(feedForward(before(x, layer.postNorm), layer, precision), layer.postNorm)); // [R, D]
    return kv;
  });
  const hidden = withBeside(rmsNorm(x, norm, epsilon, precision), decoder.model.beside); // [R, D]
  return { logits: productOfFewRows(hidden, head), own: grown }; // [R, K]
}

/** Where a step stands. */
interface Place extends RopeTables { // [1, d] each
  readonly step: Tensor; // a scalar
  readonly free: Tensor; // 0 for a slot that is taken, −1e9 for a free one, [C]
}

/** The tables' row of a step. [S + C, d] → [1, d] */
function turnAt({ cos, sin, padding }: DecodingContext, step: Tensor): RopeTables {
  const at = tf.add(tf.reshape(step, [1]), tf.scalar(padding.shape[3]!, "int32")); // [1]
  return { cos: tf.gather(cos, at), sin: tf.gather(sin, at) }; // [1, d] each
}

/** What a block attends to. */
interface Past {
  readonly config: ChameleonConfig;
  readonly context: DecodingContext;
  readonly prompt: KeysValues; // k: [P, Hkv, d, S], v: [P, Hkv, S, d]
  readonly own: KeysValues; // k: [R, Hkv, d, C], v: [R, Hkv, C, d]
  readonly place: Place;
}

/** x: [R, D] → y: [R, D] float32, and the slots with the new token's keys and values */
function attention(x: Tensor, layer: Layer, norm: HeadNorm | null, past: Past): { y: Tensor; kv: KeysValues } {
  const { config: { heads, keyHeads, hiddenSize }, context, prompt, own, place } = past;
  const { q_proj, k_proj, v_proj, o_proj } = layer;
  const [dim, rows, group] = [hiddenSize / heads, x.shape[0]!, heads / keyHeads];
  const [qk, v] = tf.split(productOfFewRows(x, q_proj, k_proj, v_proj), [(heads + keyHeads) * dim, keyHeads * dim], 1) as [Tensor, Tensor];
  const both = tf.expandDims(qk, 1); // [R, 1, (H + Hkv)·d]
  const turned = norm ? normaliseAndRotate(both, norm, place, 1, "float32") : rotate(both, heads + keyHeads, place, 1, "float32"); // [R, H + Hkv, 1, d]
  const [q, key] = tf.split(turned, [heads, keyHeads], 1) as [Tensor, Tensor]; // key: [R, Hkv, 1, d]
  const scaled = computedOnce(tf.mul(q, dim ** -0.5), place.step); // [R, H, 1, d]
  const queries = tf.reshape(scaled, [rows, keyHeads, group, dim]); // [R, Hkv, G, d]
  const value = tf.reshape(v, [rows, keyHeads, 1, dim]); // [R, Hkv, 1, d]

  const toPrompt = tf.add(promptProduct(queries, prompt.k), context.padding); // [P, Hkv, N·G, S]
  const ofRows = apart(toPrompt, rows, group); // [R, Hkv, G, S]
  const toOwn = tf.add(slotProduct(queries, fromStoredBits(own.k)), place.free); // [R, Hkv, G, C]
  const toSelf = tf.sum(tf.mul(queries, key), -1, true); // [R, Hkv, G, 1]

  const scores = [ofRows, toOwn, toSelf];
  const top = scores.map((part) => tf.max(part, -1, true)).reduce((a, b) => tf.maximum(a, b)); // [R, Hkv, G, 1]
  const [a, b, c] = scores.map((part) => tf.exp(tf.sub(part, top))) as [Tensor, Tensor, Tensor];
  const total = tf.add(tf.add(tf.sum(a, -1, true), tf.sum(b, -1, true)), c); // [R, Hkv, G, 1]
  const fromPrompt = apart(promptProduct(a, prompt.v), rows, group); // [R, Hkv, G, d]
  const sum = tf.add(tf.add(fromPrompt, slotProduct(b, fromStoredBits(own.v))), tf.mul(c, value)); // [R, Hkv, G, d]

  const mixed = tf.reshape(tf.div(sum, total), [rows, heads * dim]); // [R, H·d]
  const y = productOfFewRows(toPrecision(mixed, precisionOf(o_proj)), o_proj); // [R, D]
  return { y, kv: written(own, key, value, place.step, sum) };
}

/** A product of rows with what the rows of their prompt share. x: [R, Hkv, G, m], shared: [P, Hkv, m, n] → [P, Hkv, N·G, n] */
function promptProduct(x: Tensor, shared: Tensor): Tensor {
  const [rows, keyHeads, group, width] = x.shape as [number, number, number, number];
  const prompts = shared.shape[0]!;
  const byPrompt = tf.transpose(tf.reshape(x, [prompts, rows / prompts, keyHeads, group, width]), [0, 2, 1, 3, 4]); // [P, Hkv, N, G, m]
  const together = tf.reshape(byPrompt, [prompts, keyHeads, rows / prompts * group, width]); // [P, Hkv, N·G, m]
  return product(toPrecision(together, precisionOf(shared)), shared);
}

/** Rows by themselves again. [P, Hkv, N·G, n] → [R, Hkv, G, n] */
function apart(x: Tensor, rows: number, group: number): Tensor {
  const [prompts, keyHeads, , width] = x.shape as [number, number, number, number];
  const split = tf.reshape(x, [prompts, keyHeads, rows / prompts, group, width]); // [P, Hkv, N, G, n]
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3, 4]), [rows, keyHeads, group, width]); // [R, Hkv, G, n]
}

const PIECE = 32; // terms of a sum: XLA writes out the products of longer ones before it sums them

/** A product of each row with its own matrix. x: [R, Hkv, G, m], own: [R, Hkv, m, n] → [R, Hkv, G, n] */
function slotProduct(x: Tensor, own: Tensor): Tensor {
  const [rows, keyHeads, terms, width] = own.shape as [number, number, number, number];
  const group = x.shape[2]!;
  const sums = Array.from({ length: Math.ceil(terms / PIECE) }, (_, piece) => {
    const [first, count] = [piece * PIECE, Math.min(PIECE, terms - piece * PIECE)];
    const factors = tf.reshape(tf.slice(x, [0, 0, 0, first], [-1, -1, -1, count]), [rows, keyHeads, group, count, 1]); // [R, Hkv, G, count, 1]
    const matrix = toPrecision(tf.slice(own, [0, 0, first, 0], [-1, -1, count, -1]), "float32"); // [R, Hkv, count, n]
    return tf.sum(tf.mul(factors, tf.reshape(matrix, [rows, keyHeads, 1, count, width])), 3); // [R, Hkv, G, n]
  });
  return sums.reduce((a, b) => tf.add(a, b));
}

/** The slots with a token's key and value at `step`. key, value: [R, Hkv, 1, d]; read: what all reads of the slots went into */
function written(own: KeysValues, key: Tensor, value: Tensor, step: Tensor, read: Tensor): KeysValues {
  const precision: Precision = precisionOf(fromStoredBits(own.k));
  const never = tf.cast(tf.less(tf.max(read), -1e30), "int32"); // 0, which is known after all reads alone
  const [at, zero] = [tf.add(step, never), tf.scalar(0, "int32")];
  const column = storedBits(toPrecision(tf.transpose(key, [0, 1, 3, 2]), precision)); // [R, Hkv, d, 1]
  const row = storedBits(toPrecision(value, precision)); // [R, Hkv, 1, d]
  return {
    k: updateSlice(own.k, column, tf.stack([zero, zero, zero, at])), // [R, Hkv, d, C]
    v: updateSlice(own.v, row, tf.stack([zero, zero, at, zero])), // [R, Hkv, C, d]
  };
}

/** SwiGLU: [R, D] → [R, D] float32 */
function feedForward(x: Tensor, { gate_proj, up_proj, down_proj }: Layer, precision: Precision): Tensor {
  const [gate, up] = tf.split(productOfFewRows(x, gate_proj, up_proj), 2, 1) as [Tensor, Tensor]; // [R, F] each
  return productOfFewRows(swiglu(gate, up, precision), down_proj); // [R, D]
}
