/**
 * Attention: rotary positions, with QK-norm before them or without, causal attention over a sequence, and attention of many
 * sequences over prompts that they share.
 *
 * Shapes: B batch, T positions, Q queries (the last Q of T positions), H heads, d width of a head.
 *
 * @module
 */
import { compile, type Precision, precisionOf, type Tensor, tf, toPrecision, withGradient } from "../engine/mod.ts";
import { isOnCpu } from "../engine/kernels.ts";
import { rowSums, toUnitScale } from "./layers.ts";

/** Rotary position tables (Su et al. 2021). */
export interface RopeTables {
  /** Cosines, [T, d]. */
  readonly cos: Tensor;
  /** Sines, [T, d]. */
  readonly sin: Tensor;
}

/** Rotary tables for the half-split layout: dimension i of a head turns with dimension i + d/2. */
export function ropeTables(positions: number, headDim: number, theta: number): RopeTables {
  const half = headDim / 2;
  const frequency = Array.from({ length: headDim }, (_, i) => theta ** (-(i % half) / half));
  const position = tf.reshape(tf.range(0, positions), [positions, 1]); // [T, 1]
  const angles = tf.mul(position, tf.tensor2d(frequency, [1, headDim])); // [T, d]
  return { cos: tf.cos(angles), sin: tf.sin(angles) };
}

/** Gain and bias of QK-norm. */
export interface HeadNorm {
  /** LayerNorm's gain, [H, d]. */
  readonly gain: Tensor;
  /** LayerNorm's bias, [H, d]. */
  readonly bias: Tensor;
}

/**
 * Chameleon's QK-norm, a LayerNorm over each head, and then RoPE.
 *
 * @param x queries or keys, [B, T, H·d]
 * @param norm QK-norm's gain and bias
 * @param rope tables of the T positions
 * @param scale factor of the result: d^−½ for queries
 * @param precision of the result
 * @returns [B, H, T, d]
 */
export const normaliseAndRotate: (x: Tensor, norm: HeadNorm, rope: RopeTables, scale: number, precision: Precision) => Tensor = compile(
  (x: Tensor, { gain, bias }: HeadNorm, rope: RopeTables, scale: number, precision: Precision) => {
    const [batch, positions] = x.shape as [number, number];
    const [heads, dim] = gain.shape as [number, number];
    const y = tf.reshape(toPrecision(x, "float32"), [batch, positions, heads, dim]); // [B, T, H, d]
    const unit = toUnitScale(y, 1e-5, true);
    const normed = tf.add(tf.mul(unit, toPrecision(gain, "float32")), toPrecision(bias, "float32"));
    const byHead = tf.transpose(normed, [0, 2, 1, 3]); // [B, H, T, d]
    return toPrecision(tf.mul(turn(byHead, rope), scale), precision);
  },
  { xla: true },
);

/**
 * RoPE alone, for models without QK-norm (Llama, Emu3).
 *
 * @param x queries or keys, [B, T, H·d]
 * @param heads how many, H
 * @param rope tables of the T positions
 * @param scale factor of the result: d^−½ for queries
 * @param precision of the result
 * @returns [B, H, T, d]
 */
export const rotate: (x: Tensor, heads: number, rope: RopeTables, scale: number, precision: Precision) => Tensor = compile(
  (x: Tensor, heads: number, rope: RopeTables, scale: number, precision: Precision) => {
    const byHead = splitHeads(toPrecision(x, "float32"), heads); // [B, H, T, d]
    return toPrecision(tf.mul(turn(byHead, rope), scale), precision);
  },
  { xla: true },
);

/** Turns each pair of dimensions by its position's angle. [B, H, T, d] → [B, H, T, d] */
function turn(x: Tensor, { cos, sin }: RopeTables): Tensor {
  const [first, second] = tf.split(x, 2, -1) as [Tensor, Tensor]; // [B, H, T, d/2] each
  const turned = tf.concat([tf.neg(second), first], -1); // [B, H, T, d]
  return tf.add(tf.mul(x, cos), tf.mul(turned, sin));
}

/** Splits values into heads. [B, T, H·d] → [B, H, T, d] */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, positions, width] = x.shape as [number, number, number];
  const split = tf.reshape(x, [batch, positions, heads, width / heads]); // [B, T, H, d]
  return tf.transpose(split, [0, 2, 1, 3]); // [B, H, T, d]
}

/** Joins heads again. [B, H, T, d] → [B, T, H·d] */
export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, positions, dim] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, positions, heads * dim]); // [B, T, H·d]
}

/** Grouped-query attention: the query heads of a group see the same keys. [B, Hkv, T, d] → [B, Hkv · times, T, d] */
export function repeatHeads(x: Tensor, times: number): Tensor {
  if (times === 1) return x;
  const [batch, heads, positions, dim] = x.shape as [number, number, number, number];
  const single = tf.reshape(x, [batch, heads, 1, positions * dim]); // [B, Hkv, 1, T·d]
  const repeated = tf.concat(Array<Tensor>(times).fill(single), 2); // [B, Hkv, times, T·d]
  return tf.reshape(repeated, [batch, heads * times, positions, dim]); // [B, Hkv·times, T, d]
}

/**
 * Causal attention for the last Q of T positions. Queries go in chunks, each against the keys that it may see: little more
 * than half of all pairs. For the gradient, which is written out, the weights are kept and not the scores.
 *
 * @param q [B, H, Q, d], scaled already
 * @param k [B, H, T, d]
 * @param v [B, H, T, d]
 * @param padding added to scores: 0, or −1e9 at left padding, [B, 1, 1, T]
 * @returns [B, H, Q, d]
 */
export function causalAttention(q: Tensor, k: Tensor, v: Tensor, padding: Tensor): Tensor {
  const precision = precisionOf(q);
  const chunks = queryChunks(q.shape[2]!, k.shape[2]!);
  return withGradient([q, k, v], (save) => {
    const weights = chunks.map(({ first, count, keys }) => {
      const scores = tf.matMul(rows(q, first, count), rows(k, 0, keys), false, true); // [B, H, q, t]
      return maskedSoftmax(scores, rows(padding, 0, keys, 3), keys - count, precision); // [B, H, q, t]
    });
    const y = concatRows(weights.map((p, i) => tf.matMul(p, rows(v, 0, chunks[i]!.keys)))); // [B, H, Q, d]
    save([q, k, v, y, ...weights]);
    return y;
  }, (dy, saved) => attentionGradient(dy, saved, chunks));
}

interface QueryChunk {
  readonly first: number; // the first query, of Q
  readonly count: number;
  readonly keys: number; // how many keys its last query sees
}

/** Queries of a chunk: smaller ones cost more in calls than they save. */
export const CHUNK = 160;

function queryChunks(queries: number, positions: number): QueryChunk[] {
  const count = Math.ceil(queries / Math.ceil(queries / CHUNK));
  return Array.from({ length: Math.ceil(queries / count) }, (_, i) => {
    const last = Math.min(queries, (i + 1) * count);
    return { first: i * count, count: last - i * count, keys: positions - queries + last };
  });
}

function attentionGradient(dy: Tensor, saved: readonly Tensor[], chunks: readonly QueryChunk[]): Tensor[] {
  const [q, k, v, y, ...weights] = saved as [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
  const agreement = rowProducts(dy, y); // [B, H, Q, 1]: Σ over keys of weight · gradient, as in FlashAttention (Dao et al. 2022)
  const total = k.shape[2]!; // T
  const parts = chunks.map(({ first, count, keys }, i) => {
    const [qi, dyi] = [rows(q, first, count), rows(dy, first, count)]; // [B, H, q, d] each
    const dWeights = tf.matMul(dyi, rows(v, 0, keys), false, true); // [B, H, q, t]
    const dScores = softmaxGradient(weights[i]!, dWeights, rows(agreement, first, count)); // [B, H, q, t]
    return {
      dq: tf.matMul(dScores, rows(k, 0, keys)), // [B, H, q, d]
      dk: tf.matMul(dScores, qi, true, false), // [B, H, t, d]
      dv: tf.matMul(weights[i]!, dyi, true, false), // [B, H, t, d]
    };
  });
  return [concatRows(parts.map(({ dq }) => dq)), sumRows(parts.map(({ dk }) => dk), total), sumRows(parts.map(({ dv }) => dv), total)];
}

/**
 * Softmax over the keys that a query may see: query i sees keys 0 … `offset` + i, less those that padding hides. TensorFlow's own
 * softmax of bfloat16 takes half the time of XLA's on a CPU.
 *
 * @param scores [B, H, q, t]
 * @param padding [B, 1, 1, t]
 * @returns [B, H, q, t]
 */
export function maskedSoftmax(scores: Tensor, padding: Tensor, offset: number, precision: Precision): Tensor {
  const ownSoftmax = isOnCpu() && precision === "bfloat16" && precisionOf(scores) === "bfloat16";
  return ownSoftmax ? tf.softmax(masked(scores, padding, offset)) : fusedSoftmax(scores, padding, offset, precision); // [B, H, q, t]
}

const fusedSoftmax: typeof maskedSoftmax = compile(
  (scores: Tensor, padding: Tensor, offset: number, precision: Precision) =>
    toPrecision(tf.softmax(masked(toPrecision(scores, "float32"), padding, offset)), precision),
  { xla: true },
);

/** Scores, and −1e9 or less where a query may not look, in the precision of the scores. [B, H, q, t] */
const masked: (scores: Tensor, padding: Tensor, offset: number) => Tensor = compile(
  (scores: Tensor, padding: Tensor, offset: number) => {
    const [queries, keys] = scores.shape.slice(-2) as [number, number];
    const causal = causalMask(queries, keys, offset); // [q, t]
    return toPrecision(tf.add(tf.add(toPrecision(scores, "float32"), causal), padding), precisionOf(scores));
  },
  { xla: true },
);

/** 0 where a query may look, −1e9 where not: query i sees keys 0 … offset + i. [q, t] */
function causalMask(queries: number, keys: number, offset: number): Tensor {
  const query = tf.reshape(tf.range(offset, offset + queries), [queries, 1]); // [q, 1]
  const key = tf.reshape(tf.range(0, keys), [1, keys]); // [1, t]
  return tf.mul(tf.cast(tf.greater(key, query), "float32"), -1e9); // [q, t]
}

const softmaxGradient: (weights: Tensor, dWeights: Tensor, agreement: Tensor) => Tensor = compile(
  (weights: Tensor, dWeights: Tensor, agreement: Tensor) => {
    const wide = toPrecision(weights, "float32"); // [B, H, q, t]
    return toPrecision(tf.mul(wide, tf.sub(toPrecision(dWeights, "float32"), agreement)), precisionOf(weights));
  },
  { xla: true },
);

/** Products of rows with rows. [B, H, Q, d] each → [B, H, Q, 1] */
const rowProducts: (a: Tensor, b: Tensor) => Tensor = compile(
  (a: Tensor, b: Tensor) => rowSums(tf.mul(toPrecision(a, "float32"), toPrecision(b, "float32"))),
  { xla: true },
);

/** `count` rows from `first` of the last axis but one, or of another axis. */
function rows(x: Tensor, first: number, count: number, axis = x.rank - 2): Tensor {
  if (x.shape[axis] === count || x.rank === 1) return x;
  const begin = x.shape.map((_, i) => i === axis ? first : 0);
  return tf.slice(x, begin, x.shape.map((size, i) => i === axis ? count : size));
}

function concatRows(parts: readonly Tensor[]): Tensor {
  return parts.length === 1 ? parts[0]! : tf.concat([...parts], 2); // [B, H, Q, d]
}

/** The sum of tensors that have only the first rows, rounded once. [B, H, t, d] each → [B, H, T, d] */
const sumRows: (parts: readonly Tensor[], total: number) => Tensor = compile(
  (parts: readonly Tensor[], total: number) => {
    const whole = parts.map((part) => tf.pad(toPrecision(part, "float32"), [[0, 0], [0, 0], [0, total - part.shape[2]!], [0, 0]])); // [B, H, T, d]
    return toPrecision(whole.reduce((a, b) => tf.add(a, b)), precisionOf(parts[0]!));
  },
  { xla: true },
);

/** Keys and values of one block. */
export interface KeysValues {
  /** Keys, normalised and rotated, [B, H, T, d]. */
  readonly k: Tensor;
  /** Values, [B, H, T, d]. */
  readonly v: Tensor;
}

/**
 * Attention of one new query a sequence over its prompt and its own slots. The sequences of a prompt share its keys and
 * values, which are read once for all of them: N queries are N rows of one product.
 *
 * @param q the queries, [P·N, H, 1, d]; the N sequences of a prompt side by side
 * @param prompt keys and values of the prompts, [P, H, S, d]
 * @param own keys and values of each sequence, [P·N, H, C, d]
 * @param mask 0 where there is a token, −1e9 elsewhere, [P·N, 1, 1, S + C]
 * @returns [P·N, H, 1, d]
 */
export function sharedPromptAttention(q: Tensor, prompt: KeysValues, own: KeysValues, mask: Tensor): Tensor {
  const [batch, heads, , width] = q.shape as [number, number, number, number];
  const [prompts, , length] = prompt.k.shape as [number, number, number];
  const slots = own.k.shape[2]!;
  const together = (t: Tensor, last: number) => {
    const byPrompt = tf.reshape(t, [prompts, batch / prompts, heads, last]); // [P, N, H, ·]
    return tf.transpose(byPrompt, [0, 2, 1, 3]); // [P, H, N, ·]
  };
  const apart = (t: Tensor, last: number) => tf.reshape(tf.transpose(t, [0, 2, 1, 3]), [batch, heads, 1, last]); // [P·N, H, 1, ·]
  const toPrompt = apart(tf.matMul(together(q, width), prompt.k, false, true), length); // [P·N, H, 1, S]
  const toOwn = tf.matMul(q, own.k, false, true); // [P·N, H, 1, C]
  const scores = tf.concat([toPrompt, toOwn], 3); // [P·N, H, 1, S + C]
  const weights = maskedSoftmax(scores, mask, length + slots, precisionOf(q)); // [P·N, H, 1, S + C]
  const ofPrompt = together(tf.slice(weights, [0, 0, 0, 0], [batch, heads, 1, length]), length); // [P, H, N, S]
  const ofOwn = tf.slice(weights, [0, 0, 0, length], [batch, heads, 1, slots]); // [P·N, H, 1, C]
  return tf.add(apart(tf.matMul(ofPrompt, prompt.v), width), tf.matMul(ofOwn, own.v)); // [P·N, H, 1, d]
}
