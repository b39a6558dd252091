/**
 * Tokens drawn one by one after a prompt: next observations from image tokens alone, actions from text.
 *
 * Shapes: R rows that are drawn, P prompts, N rows of a prompt, S positions of a prompt, C slots after it, D width, Hkv key
 * heads, d width of a head, K tokens that may be drawn.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Adapter, type Chameleon, decodeStep, type DecodingState, prefill } from "../model/mod.ts";
import type { KeysValues } from "../nn/mod.ts";
import { compile, dispose, precisionOf, type Tensor, tf, tidy, toPrecision, valuesOf } from "../engine/mod.ts";
import { drawRows, type LaidPrompts, type Layout, layRows, seedOf } from "./draw.ts";
import { loopFits } from "./fit.ts";
import { drawInLoop } from "./loop.ts";
import type { Sampler, SamplingOptions } from "./sampler.ts";

export type { Guidance, Sampler, SamplingOptions } from "./sampler.ts";

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
 *
 * @example Three image tokens
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const drawn = ws.sample.generate(ws.imageSampler(chameleon, vocabulary), [[vocabulary.bos]], 3, { temperature: 1, seed: 1 });
 * assert(drawn[0]!.every((id) => id >= vocabulary.firstImage));
 * ```
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
  const layout = layRows(prompts, options, sampler, count);
  try {
    const draw = loopFits(sampler) && !options.onStep ? drawInLoop : drawOneByOne;
    const drawn = draw(sampler, layout, count, options, stop);
    return drawn.map((ids) => stop !== undefined && ids.includes(stop) ? ids.slice(0, ids.indexOf(stop)) : ids);
  } finally {
    dispose(layout);
  }
}

/** One step after the other, each a call from JavaScript: where loops do not run inside compiled functions, and for `onStep`. */
function drawOneByOne(sampler: Sampler, layout: Layout, count: number, options: SamplingOptions, stop?: number): number[][] {
  const { tokens, padding, places, back, each, rows: asked } = layout;
  const { model, adapter = null } = sampler;
  const draw = (hidden: Tensor, step: number) => {
    const id = layout.given?.[step] ?? -1;
    if (id >= 0) return tf.fill([asked], id - sampler.firstId, "int32") as Tensor; // [R]
    const seeds = tf.stack(Array.from({ length: asked }, (_, row) => seedOf(options, row, step))); // [R, 2]
    return drawRows(tf.gather(hidden, places), sampler.head, sampler.rule ?? null, layout.limits, seeds); // [R]
  };
  const feed = (rows: Tensor) => {
    const ids = tf.add(rows, tf.scalar(sampler.firstId, "int32")); // [R]
    return tf.gather(tf.tile(ids, [places.shape[0]! / asked]), back); // [R] or [G·R], as they are laid
  };
  let { rows, prompt, own } = tidy(() => {
    const start = prefillCompiled(model, adapter, { tokens, padding }, each, count);
    return { rows: draw(start.hidden, 0), prompt: start.prompt, own: start.own };
  });
  const drawn = Array.from({ length: asked }, (): number[] => []);
  const keep = () => {
    valuesOf(rows).forEach((row, i) => drawn[i]!.push(row + sampler.firstId));
    options.onStep?.(drawn);
    if (options.progress && drawn[0]!.length % options.progress.every === 0) options.progress.tell(drawn);
  };
  try {
    keep();
    for (let step = 1; step < count && !drawn.every((ids) => stop !== undefined && ids.includes(stop)); step++) {
      const next = tidy(() => {
        const grown = stepCompiled(model, adapter, { tokens: feed(rows), step: tf.scalar(step - 1, "int32"), prompt, own, padding });
        return { rows: draw(grown.hidden, step), own: grown.own };
      });
      dispose([rows, own]);
      ({ rows, own } = next);
      keep();
    }
    return drawn;
  } finally {
    dispose([rows, prompt, own]);
  }
}

/**
 * Refuses what cannot limit a choice.
 *
 * @throws UserError when the temperature, top-k, top-p or the guidance cannot be
 */
export function checkOptions({ temperature, topK, topP, guidance }: SamplingOptions, { head }: Sampler, prompts: readonly unknown[]): void {
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
  (model: Chameleon, adapter: Adapter | null, { tokens, padding }: LaidPrompts, each: number, count: number) => {
    const { hidden, cache } = prefill(model, tokens, { adapter: adapter ?? undefined, padding });
    const [prompts, , width] = hidden.shape as [number, number, number];
    const rows = tf.reshape(tf.tile(hidden, [1, each, 1]), [prompts * each, 1, width]); // [P·N, 1, D]
    const slots = ({ k }: KeysValues) => {
      const [, heads, , dim] = k.shape as [number, number, number, number];
      return toPrecision(tf.zeros([prompts * each, heads, count, dim]), precisionOf(k)); // [P·N, Hkv, C, d]
    };
    return { hidden: rows, prompt: cache, own: cache.map((one) => ({ k: slots(one), v: slots(one) })) };
  },
);

/** A step's inputs. */
interface Step extends DecodingState {
  readonly tokens: Tensor; // [P·N]
  readonly step: Tensor; // a scalar
  readonly padding: Tensor; // [P, 1, 1, S]
}

const stepCompiled = compile(
  (model: Chameleon, adapter: Adapter | null, { tokens, step, prompt, own, padding }: Step) =>
    decodeStep(model, tokens, step, { prompt, own }, { adapter: adapter ?? undefined, padding }),
);
