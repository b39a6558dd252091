/**
 * Tokens drawn one by one after a prompt: next observations from image tokens alone, actions from text.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Adapter, type Chameleon, decodeStep, prefill } from "../model/mod.ts";
import type { KeysValues } from "../nn/mod.ts";
import type { Vocabulary } from "../tokens/mod.ts";
import { compile, dispose, precisionOf, type Tensor, tf, tidy, toPrecision, valuesOf } from "../engine/mod.ts";
import { drawRows, inverse, layPrompts, limitsOf, seedOf, sharedPrompts } from "./draw.ts";

/** How tokens are drawn. */
export interface SamplingOptions {
  /** Divides the logits; low values copy the source (paper A.8.2). 0 takes the likeliest token. */
  readonly temperature: number;
  /** Seed; a row draws from its own stream of it, whatever the batch. */
  readonly seed: number;
  /** Names of the rows' streams; their numbers when absent. */
  readonly streams?: readonly (string | number)[];
  /** Draw among so many of the likeliest tokens alone. */
  readonly topK?: number;
  /** Draw among the likeliest tokens that together have this probability. */
  readonly topP?: number;
  /** Guidance: prompts without the action and without anything, one each a row, and how much they are left behind. */
  readonly guidance?: Guidance;
  /** Told the ids drawn so far, after each step. */
  readonly onStep?: (drawn: readonly (readonly number[])[]) => void;
}

/**
 * Classifier-free guidance with two scales, as Chameleon's generator has it: logits = nothing + image · (without the action −
 * nothing) + text · (all − without the action). Scales of 1 change nothing.
 */
export interface Guidance {
  /** The prompts without the action. */
  readonly withoutAction: readonly (readonly number[])[];
  /** The prompts without action and source. */
  readonly withoutAll: readonly (readonly number[])[];
  /** Scale of the source image. */
  readonly image: number;
  /** Scale of the action. */
  readonly text: number;
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
 * Draws tokens after each prompt. A prompt that comes several times is read once, and its keys and values are shared.
 *
 * @param sampler the model
 * @param prompts ids up to where the completion begins
 * @param count tokens to draw
 * @param options temperature, seed, and what limits the choice
 * @param stop an id at which a row has ended; the drawing ends when all rows have
 * @returns ids after each prompt, `stop` and what follows it left out
 * @throws UserError when the temperature, top-k or top-p cannot be
 */
export function generate(
  sampler: Sampler,
  prompts: readonly (readonly number[])[],
  count: number,
  options: SamplingOptions,
  stop?: number,
): number[][] {
  checkOptions(options, sampler, prompts);
  if (prompts.length === 0) return [];
  const { guidance } = options;
  const all = guidance ? [...prompts, ...guidance.withoutAction, ...guidance.withoutAll] : prompts;
  const { unique, order, each } = sharedPrompts(all);
  const { tokens, padding } = layPrompts(unique, sampler.pad);
  const places = tf.tensor1d(order, "int32"); // of each row among the rows as they are laid
  const back = tf.tensor1d(inverse(order), "int32");
  const { model, adapter = null } = sampler;
  const choice = { ...options, text: guidance?.text ?? 1, image: guidance?.image ?? 1 };
  const draw = (hidden: Tensor, step: number) => {
    const seeds = tf.stack(prompts.map((_, row) => seedOf(options, row, step)));
    return drawRows(tf.gather(hidden, places), sampler.head, sampler.rule ?? null, limitsOf(choice), seeds); // [B]
  };
  const feed = (rows: Tensor) => tf.gather(tf.tile(tf.add(rows, tf.scalar(sampler.firstId, "int32")), [all.length / prompts.length]), back);
  let { rows, prompt, own } = tidy(() => {
    const start = prefillCompiled(model, adapter, tokens, padding, each, count);
    return { rows: draw(start.hidden, 0), prompt: start.prompt, own: start.own };
  });
  const drawn: number[][] = prompts.map(() => []);
  const keep = () => {
    valuesOf(rows).forEach((row, i) => drawn[i]!.push(row + sampler.firstId));
    options.onStep?.(drawn);
  };
  keep();
  for (let step = 1; step < count && !drawn.every((ids) => stop !== undefined && ids.includes(stop)); step++) {
    const next = tidy(() => {
      const grown = stepCompiled(model, adapter, feed(rows), tf.scalar(step - 1, "int32"), prompt, own, padding);
      return { rows: draw(grown.hidden, step), own: grown.own };
    });
    dispose([rows, own]);
    ({ rows, own } = next);
    keep();
  }
  dispose([rows, prompt, own, tokens, padding, places, back]);
  return drawn.map((ids) => stop !== undefined && ids.includes(stop) ? ids.slice(0, ids.indexOf(stop)) : ids);
}

function checkOptions({ temperature, topK, topP, guidance }: SamplingOptions, { head }: Sampler, prompts: readonly unknown[]): void {
  if (!(temperature >= 0)) throw new UserError(`Cannot sample at temperature ${temperature}: it must be 0 or above`);
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1)) {
    throw new UserError(`Cannot sample with top-k ${topK}: it must be 1 or above`);
  }
  if (topK !== undefined && topK > head.shape[0]!) {
    throw new UserError(`Cannot sample with top-k ${topK}: there are ${head.shape[0]} tokens`);
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new UserError(`Cannot sample with top-p ${topP}: it must be above 0 and at most 1`);
  }
  const given = [guidance?.withoutAction, guidance?.withoutAll].filter((list) => list !== undefined);
  if (given.some(({ length }) => length !== prompts.length)) {
    throw new UserError("Cannot guide: one prompt without the action and one without all is needed a row");
  }
}

const prefillCompiled = compile(
  (model: Chameleon, adapter: Adapter | null, tokens: Tensor, padding: Tensor, each: number, count: number) => {
    const { hidden, cache } = prefill(model, tokens, { adapter: adapter ?? undefined, padding });
    const [prompts, , width] = hidden.shape as [number, number, number];
    const rows = tf.reshape(tf.tile(hidden, [1, each, 1]), [prompts * each, 1, width]);
    const slots = ({ k }: KeysValues) => {
      const [, heads, , dim] = k.shape as [number, number, number, number];
      return toPrecision(tf.zeros([prompts * each, heads, count, dim]), precisionOf(k));
    };
    return { hidden: rows, prompt: cache, own: cache.map((one) => ({ k: slots(one), v: slots(one) })) };
  },
);

const stepCompiled = compile(
  (
    model: Chameleon,
    adapter: Adapter | null,
    tokens: Tensor,
    step: Tensor,
    prompt: readonly KeysValues[],
    own: readonly KeysValues[],
    padding: Tensor,
  ) => decodeStep(model, tokens, step, { prompt, own }, { adapter: adapter ?? undefined, padding }),
);

/** The rule for text: no image tokens and no marks but the end. To be disposed by the caller. [V] */
export function textRule({ firstImage, codes, beginImage, endImage, endOfTurn, bos, pad, size }: Vocabulary): Tensor {
  const banned = new Set([beginImage, endImage, endOfTurn, bos, pad]);
  const isBanned = (id: number) => banned.has(id) || id >= firstImage && id < firstImage + codes;
  return tf.tensor1d(Array.from({ length: size }, (_, id) => isBanned(id) ? -1e9 : 0));
}
