/**
 * Next observations: image tokens drawn one by one after a prompt, from image tokens alone.
 *
 * @module
 */
import { type Adapter, type Chameleon, decodeStep, type KeysValues, logitsOf, prefill } from "../model/mod.ts";
import { compile, dispose, seedTensor, type Tensor, tf, tidy, uniform, valuesOf } from "../tensor/mod.ts";

/** How image tokens are drawn. */
export interface SamplingOptions {
  /** Divides the logits; low values copy the source (paper A.8.2). */
  readonly temperature: number;
  /** Seed; row i of a batch draws from stream i, whatever the batch. */
  readonly seed: number;
}

/** A model ready to draw images. */
export interface ImageSampler {
  /** The base. */
  readonly model: Chameleon;
  /** An adapter, or none. */
  readonly adapter?: Adapter | undefined;
  /** Rows of the output matrix for image tokens, [K, D]. */
  readonly imageHead: Tensor;
  /** Id of image code 0. */
  readonly firstImage: number;
  /** The padding id. */
  readonly pad: number;
}

/**
 * Draws an image after each prompt.
 *
 * @param sampler the model
 * @param prompts ids up to where the image begins
 * @param count image tokens
 * @param options temperature and seed
 * @returns image codes of each prompt
 * @throws RangeError when the temperature is not above 0
 */
export function generateImages(
  sampler: ImageSampler,
  prompts: readonly (readonly number[])[],
  count: number,
  { temperature, seed }: SamplingOptions,
): number[][] {
  if (!(temperature > 0)) throw new RangeError(`Cannot sample at temperature ${temperature}: it must be above 0`);
  const { model, adapter, imageHead, firstImage } = sampler;
  const { tokens, padding } = layPrompts(prompts, sampler.pad, count);
  const draw = (hidden: Tensor, step: number) => drawCodes(hidden, imageHead, temperature, rowSeeds(seed, step, prompts.length));
  const started = tidy(() => {
    const { hidden, cache } = prefillCompiled(model, adapter ?? null, tokens, padding, count);
    return { codes: draw(hidden, 0), cache };
  });
  let { codes, cache } = started;
  const drawn = [valuesOf(codes)];
  for (let step = 1; step < count; step++) {
    const next = tidy(() => {
      const position = tf.scalar(tokens.shape[1]! + step - 1, "int32");
      const grown = stepCompiled(model, adapter ?? null, tf.add(codes, tf.scalar(firstImage, "int32")), position, cache, padding);
      return { codes: draw(grown.hidden, step), cache: grown.cache };
    });
    dispose([codes, cache]);
    ({ codes, cache } = next);
    drawn.push(valuesOf(codes));
  }
  dispose([codes, cache, tokens, padding]);
  return prompts.map((_, row) => drawn.map((values) => values[row]!));
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

/** Draws a code for each row by the Gumbel-max trick. hidden: [B, 1, D], seeds: [B, 2] → [B] int32 */
const drawCodes = compile((hidden: Tensor, imageHead: Tensor, temperature: number, seeds: Tensor) => {
  const logits = tf.squeeze(logitsOf(hidden, imageHead), [1]); // [B, K]
  const noise = tf.concat(tf.unstack(seeds).map((seed) => uniform([1, logits.shape[1]!], seed)), 0); // [B, K]
  const gumbel = tf.neg(tf.log(tf.neg(tf.log(tf.maximum(noise, 1e-9)))));
  return tf.argMax(tf.add(tf.div(logits, temperature), gumbel), -1);
});

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
