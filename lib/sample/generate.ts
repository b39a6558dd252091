/**
 * Tokens drawn one by one after a prompt: next observations from image tokens alone, actions from text.
 *
 * @module
 */
import { type Adapter, type Chameleon, decodeStep, type KeysValues, logitsOf, prefill } from "../model/mod.ts";
import type { Vocabulary } from "../tokens/mod.ts";
import { compile, dispose, seedTensor, type Tensor, tf, tidy, uniform, valuesOf } from "../tensor/mod.ts";

/** How tokens are drawn. */
export interface SamplingOptions {
  /** Divides the logits; low values copy the source (paper A.8.2). 0 takes the likeliest token. */
  readonly temperature: number;
  /** Seed; row i of a batch draws from stream i, whatever the batch. */
  readonly seed: number;
}

/** A model ready to draw tokens. */
export interface Sampler {
  /** The base. */
  readonly model: Chameleon;
  /** An adapter, or none. */
  readonly adapter?: Adapter | undefined;
  /** Rows of the output matrix for the tokens that may be drawn, [K, D]. */
  readonly head: Tensor;
  /** Id of the first row. */
  readonly firstId: number;
  /** Added to the scores of what is drawn: 0, or −1e9 for tokens that must not be, [K]. */
  readonly rule?: Tensor | undefined;
  /** The padding id. */
  readonly pad: number;
}

/**
 * Draws tokens after each prompt.
 *
 * @param sampler the model
 * @param prompts ids up to where the completion begins
 * @param count tokens to draw
 * @param options temperature and seed
 * @param stop an id at which a row has ended; the drawing ends when all rows have
 * @returns ids after each prompt, `stop` and what follows it left out
 * @throws RangeError when the temperature is below 0
 */
export function generate(
  sampler: Sampler,
  prompts: readonly (readonly number[])[],
  count: number,
  { temperature, seed }: SamplingOptions,
  stop?: number,
): number[][] {
  if (!(temperature >= 0)) throw new RangeError(`Cannot sample at temperature ${temperature}: it must be 0 or above`);
  const { model, adapter, head, firstId, rule = null } = sampler;
  const { tokens, padding } = layPrompts(prompts, sampler.pad, count);
  const draw = (hidden: Tensor, step: number) => drawRows(hidden, head, rule, temperature, rowSeeds(seed, step, prompts.length));
  let { rows, cache } = tidy(() => {
    const { hidden, cache } = prefillCompiled(model, adapter ?? null, tokens, padding, count);
    return { rows: draw(hidden, 0), cache };
  });
  const drawn: number[][] = prompts.map(() => []);
  const keep = () => valuesOf(rows).forEach((row, i) => drawn[i]!.push(row + firstId));
  keep();
  for (let step = 1; step < count && !drawn.every((ids) => stop !== undefined && ids.includes(stop)); step++) {
    const next = tidy(() => {
      const position = tf.scalar(tokens.shape[1]! + step - 1, "int32");
      const grown = stepCompiled(model, adapter ?? null, tf.add(rows, tf.scalar(firstId, "int32")), position, cache, padding);
      return { rows: draw(grown.hidden, step), cache: grown.cache };
    });
    dispose([rows, cache]);
    ({ rows, cache } = next);
    keep();
  }
  dispose([rows, cache, tokens, padding]);
  return drawn.map((ids) => stop !== undefined && ids.includes(stop) ? ids.slice(0, ids.indexOf(stop)) : ids);
}

const prefillCompiled = compile((model: Chameleon, adapter: Adapter | null, tokens: Tensor, padding: Tensor, free: number) => {
  const positions = tokens.shape[1]!;
  const own = tf.slice(padding, [0, 0, 0, 0], [-1, -1, -1, positions]);
  const { hidden, cache } = prefill(model, tokens, { adapter: adapter ?? undefined, padding: own });
  const widen = (t: Tensor) => tf.pad(t, [[0, 0], [0, 0], [0, free], [0, 0]]); // slots for what comes
  return { hidden, cache: cache.map(({ k, v }) => ({ k: widen(k), v: widen(v) })) };
});

const stepCompiled = compile(
  (model: Chameleon, adapter: Adapter | null, tokens: Tensor, position: Tensor, cache: readonly KeysValues[], padding: Tensor) =>
    decodeStep(model, tokens, position, cache, { adapter: adapter ?? undefined, padding }),
);

/** Draws a row of the head for each prompt by the Gumbel-max trick. hidden: [B, 1, D], seeds: [B, 2] → [B] int32 */
const drawRows = compile((hidden: Tensor, head: Tensor, rule: Tensor | null, temperature: number, seeds: Tensor) => {
  const scores = tf.squeeze(logitsOf(hidden, head), [1]); // [B, K]
  const logits = rule ? tf.add(scores, rule) : scores;
  if (temperature === 0) return tf.argMax(logits, -1);
  const noise = tf.concat(tf.unstack(seeds).map((seed) => uniform([1, logits.shape[1]!], seed)), 0); // [B, K]
  const gumbel = tf.neg(tf.log(tf.neg(tf.log(tf.maximum(noise, 1e-9)))));
  return tf.argMax(tf.add(tf.div(logits, temperature), gumbel), -1);
});

/** The rule for text: no image tokens and no marks but the end. To be disposed by the caller. [V] */
export function textRule({ firstImage, codes, beginImage, endImage, endOfTurn, bos, pad, size }: Vocabulary): Tensor {
  const banned = new Set([beginImage, endImage, endOfTurn, bos, pad]);
  const isBanned = (id: number) => banned.has(id) || id >= firstImage && id < firstImage + codes;
  return tf.tensor1d(Array.from({ length: size }, (_, id) => isBanned(id) ? -1e9 : 0));
}

function rowSeeds(seed: number, step: number, rows: number): Tensor {
  return tf.stack(Array.from({ length: rows }, (_, row) => seedTensor("sample", seed, row, step)));
}

function layPrompts(prompts: readonly (readonly number[])[], pad: number, free: number): { tokens: Tensor; padding: Tensor } {
  const length = Math.ceil(Math.max(...prompts.map((prompt) => prompt.length)) / 16) * 16; // few shapes are compiled
  const ids = new Int32Array(prompts.length * length).fill(pad);
  const mask = new Float32Array(prompts.length * (length + free));
  prompts.forEach((prompt, row) => {
    ids.set(prompt, (row + 1) * length - prompt.length);
    mask.fill(-1e9, row * (length + free), row * (length + free) + length - prompt.length);
  });
  return {
    tokens: tf.tensor2d(ids, [prompts.length, length], "int32"),
    padding: tf.tensor4d(mask, [prompts.length, 1, 1, length + free]),
  };
}
