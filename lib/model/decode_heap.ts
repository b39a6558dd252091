/**
 * The step of decode.ts on a backend without graphs, where a hundred small operations take longer than their arithmetic: matrix
 * products are the backend's, everything between two of them is one loop over numbers where they lie.
 *
 * Shapes: as in decode.ts. R rows, P prompts, D width, F width of the feed-forward layer, H query heads, Hkv key heads, d width of a
 * head, S positions of a prompt, C slots after it, K rows of the head.
 *
 * @module
 */
import { type Tensor, type Tensor2D, tf } from "../engine/mod.ts";
import { onHeap } from "../engine/wasm.ts";
import { type KeysValues, withBeside } from "../nn/mod.ts";
import type { Layer } from "./layer.ts";
import type { Decoder, DecodingContext } from "./decode.ts";

/**
 * One more token for each row, as {@linkcode decodeRows} of decode.ts has it. The slots are written in place.
 *
 * @param decoder the weights
 * @param context prompts and tables
 * @param tokens [R] int32
 * @param own keys, [R, Hkv, d, C], and values, [R, Hkv, C, d], of the rows' tokens so far, by block
 * @param step how many slots are taken, a scalar int32
 * @returns scores, [R, K], and the same slots with the new keys and values in them
 */
export function decodeOnHeap(
  decoder: Decoder,
  context: DecodingContext,
  tokens: Tensor,
  own: readonly KeysValues[],
  step: Tensor,
): { logits: Tensor; own: KeysValues[] } {
  const { model: { config, layers, embed, norm }, head } = decoder;
  const { rmsEpsilon, swinNorm } = config;
  const normed = (y: Tensor, gain: Tensor) => rmsNormRows(y, gain, rmsEpsilon);
  const before = (y: Tensor, gain: Tensor) => swinNorm ? y : normed(y, gain);
  const after = (y: Tensor, gain: Tensor) => swinNorm ? normed(y, gain) : y;

  let x = tf.gather(embed, tokens) as Tensor; // [R, D]
  layers.forEach((layer, i) => {
    const qkv = products(before(x, layer.inputNorm), layer.q_proj, layer.k_proj, layer.v_proj); // [R, (H + 2·Hkv)·d]
    const past = { ...context, k: context.prompt[i]!.k, v: context.prompt[i]!.v, heads: config.heads };
    const mixed = attend(qkv, layer, past, own[i]!, step); // [R, H·d]
    x = tf.add(x, after(products(mixed, layer.o_proj), layer.inputNorm)); // [R, D]
    const gateUp = products(before(x, layer.postNorm), layer.gate_proj, layer.up_proj); // [R, 2·F]
    x = tf.add(x, after(products(swigluRows(gateUp), layer.down_proj), layer.postNorm)); // [R, D]
  });
  return { logits: products(withBeside(normed(x, norm), decoder.model.beside), head), own: [...own] }; // [R, K]
}

/** x · wᵀ for each matrix, side by side. x: [R, K], matrices: [N, K] each → [R, ΣN] */
function products(x: Tensor, ...matrices: readonly Tensor[]): Tensor {
  return tf.concat(matrices.map((w) => tf.matMul(x as Tensor2D, w as Tensor2D, false, true)), 1);
}

/** RMSNorm. x: [R, D], gain: [D] → [R, D] */
function rmsNormRows(x: Tensor, gain: Tensor, epsilon: number): Tensor {
  const width = x.shape[1]!;
  return onHeap({ x, gain }, x.shape, (out, { x, gain }) => {
    for (let first = 0; first < out.length; first += width) {
      let squares = 0;
      for (let i = 0; i < width; i++) squares += x[first + i]! ** 2;
      const inverse = 1 / Math.sqrt(squares / width + epsilon);
      for (let i = 0; i < width; i++) out[first + i] = x[first + i]! * inverse * gain[i]!;
    }
  });
}

/** SwiGLU's gate. both: [R, 2·F] → [R, F] */
function swigluRows(both: Tensor): Tensor {
  const [rows, width] = [both.shape[0]!, both.shape[1]! / 2];
  return onHeap({ both }, [rows, width], (out, { both }) => {
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < width; i++) {
        const gate = both[2 * row * width + i]!;
        out[row * width + i] = gate / (1 + Math.exp(-gate)) * both[(2 * row + 1) * width + i]!;
      }
    }
  });
}

/** A block's attention: QK-norm, rotary positions, keys and values into their slot, softmax over prompt and slots. → [R, H·d] */
function attend(
  qkv: Tensor,
  { qNorm, kNorm }: Layer,
  { cos, sin, k, v, padding, heads }: KeysValues & Pick<DecodingContext, "cos" | "sin" | "padding"> & { readonly heads: number },
  own: KeysValues,
  step: Tensor,
): Tensor {
  const [rows, keyHeads, dim] = [qkv.shape[0]!, k.shape[1]!, k.shape[2]!];
  const [prompts, length, slots, group] = [k.shape[0]!, k.shape[3]!, own.k.shape[3]!, heads / keyHeads];
  const norms = { ...(qNorm && { qGain: qNorm.gain, qBias: qNorm.bias }), ...(kNorm && { kGain: kNorm.gain, kBias: kNorm.bias }) } as Norms;
  const [query, key, weights] = [new Float32Array(dim), new Float32Array(dim), new Float32Array(length + slots)];
  return onHeap({ qkv, ...norms, cos, sin, k, v, padding, ownK: own.k, ownV: own.v, step }, [rows, heads * dim], (out, all) => {
    const at = all.step[0]!;
    const part = (from: Float32Array, index: number, size: number) => from.subarray(index * size, (index + 1) * size);
    const normOf = (gain: Numbers, bias: Numbers, head: number) => ({ gain: part(gain, head, dim), bias: part(bias, head, dim) });
    const turn = { cos: part(all.cos, length + at, dim), sin: part(all.sin, length + at, dim) };
    out.fill(0);
    for (let row = 0; row < rows; row++) {
      const prompt = Math.floor(row * prompts / rows);
      const projected = part(all.qkv, row, (heads + 2 * keyHeads) * dim);
      for (let keyHead = 0; keyHead < keyHeads; keyHead++) {
        const [ownK, ownV] = [all.ownK, all.ownV].map((from) => part(from, row * keyHeads + keyHead, dim * slots)) as [Numbers, Numbers];
        const [k, v] = [all.k, all.v].map((from) => part(from, prompt * keyHeads + keyHead, dim * length)) as [Numbers, Numbers];
        normaliseAndTurn(key, part(projected, heads + keyHead, dim), kNorm && normOf(all.kGain, all.kBias, keyHead), turn);
        for (let i = 0; i < dim; i++) ownK[i * slots + at] = key[i]!;
        ownV.set(part(projected, heads + keyHeads + keyHead, dim), at * dim);
        for (let head = keyHead * group; head < (keyHead + 1) * group; head++) {
          normaliseAndTurn(query, part(projected, head, dim), qNorm && normOf(all.qGain, all.qBias, head), turn);
          weights.set(part(all.padding, prompt, length));
          weights.fill(0, length);
          addScores(weights, query, k, length, length);
          addScores(weights.subarray(length), query, ownK, slots, at + 1);
          softmax(weights, length + at + 1);
          const mixed = part(out, row * heads + head, dim);
          addValues(mixed, weights, v, length);
          addValues(mixed, weights.subarray(length), ownV, at + 1);
        }
      }
    }
  });
}

type Numbers = Float32Array;
type Norms = Readonly<Record<"qGain" | "qBias" | "kGain" | "kBias", Tensor>>; // none of them where the model has no QK-norm

/** QK-norm, where there is one, and rotary positions of one head, all [d]. */
function normaliseAndTurn(
  to: Numbers,
  x: Numbers,
  norm: Record<"gain" | "bias", Numbers> | undefined,
  { cos, sin }: Record<"cos" | "sin", Numbers>,
): void {
  const dim = to.length;
  let [sum, squares] = [0, 0];
  if (norm) {
    for (let i = 0; i < dim; i++) sum += x[i]!;
    for (let i = 0; i < dim; i++) squares += (x[i]! - sum / dim) ** 2;
  }
  const inverse = 1 / Math.sqrt(squares / dim + 1e-5);
  const normed = (i: number) => norm ? (x[i]! - sum / dim) * inverse * norm.gain[i]! + norm.bias[i]! : x[i]!;
  for (let i = 0; i < dim; i++) {
    const other = i < dim / 2 ? -normed(i + dim / 2) : normed(i - dim / 2);
    to[i] = normed(i) * cos[i]! + other * sin[i]!;
  }
}

/** Adds a query's scaled products with keys that lie dimension by dimension, [d, stride], the first `count` of each; four at once. */
function addScores(scores: Numbers, query: Numbers, keys: Numbers, stride: number, count: number): void {
  const scale = query.length ** -0.5;
  for (let i = 0; i < query.length; i += 4) {
    const [a, b, c, d] = [query[i]! * scale, query[i + 1]! * scale, query[i + 2]! * scale, query[i + 3]! * scale];
    let at = i * stride;
    for (let place = 0; place < count; place++, at++) {
      scores[place]! += a * keys[at]! + b * keys[at + stride]! + c * keys[at + 2 * stride]! + d * keys[at + 3 * stride]!;
    }
  }
}

/** Softmax of the first `count` scores, in place. */
function softmax(scores: Numbers, count: number): void {
  let [top, total] = [-Infinity, 0];
  for (let i = 0; i < count; i++) top = Math.max(top, scores[i]!);
  for (let i = 0; i < count; i++) total += scores[i] = Math.exp(scores[i]! - top);
  for (let i = 0; i < count; i++) scores[i]! /= total;
}

/** Adds the first `count` values, [count, d], each times its weight; four numbers at once. */
function addValues(to: Numbers, weights: Numbers, values: Numbers, count: number): void {
  const dim = to.length;
  for (let i = 0; i < dim; i += 4) {
    let [a, b, c, d] = [to[i]!, to[i + 1]!, to[i + 2]!, to[i + 3]!];
    let at = i;
    for (let place = 0; place < count; place++, at += dim) {
      const weight = weights[place]!;
      a += weight * values[at]!;
      b += weight * values[at + 1]!;
      c += weight * values[at + 2]!;
      d += weight * values[at + 3]!;
    }
    to.set([a, b, c, d], i);
  }
}
