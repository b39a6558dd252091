/**
 * What a dynamics model says happened between two images.
 *
 * @module
 */
import { dynamicsPrompt, type Vocabulary } from "../tokens/mod.ts";
import { drawingRows } from "./fit.ts";
import { generate } from "./generate.ts";
import type { Sampler, SamplingOptions } from "./sampler.ts";

/** Two images as codes. */
export interface ImagePair {
  /** The image before, row by row. */
  readonly source: ArrayLike<number>;
  /** The image after. */
  readonly target: ArrayLike<number>;
}

/** Tokens of an action; one that goes on is cut. */
export const LONGEST = 32;
/** Pairs drawn together, where memory allows. */
export const BATCH = 50;

/**
 * The likeliest action of each pair, token by token, or a sampled one.
 *
 * @param sampler the dynamics model, its head over the whole vocabulary
 * @param vocabulary of the model
 * @param pairs images before and after
 * @param options of sampling; greedy by default; with a stream named for each pair, a pair's action does not depend on the others
 * @returns an action for each pair
 *
 * @example One action for one pair
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const pairs = [{ source: new Uint16Array(64), target: new Uint16Array(64).fill(7) }];
 * assertEquals(ws.predictActions(ws.textSampler(chameleon, vocabulary), vocabulary, pairs).length, 1);
 * ```
 */
export function predictActions(
  sampler: Sampler,
  vocabulary: Vocabulary,
  pairs: readonly ImagePair[],
  options: SamplingOptions = { temperature: 0, seed: 0 },
): string[] {
  const actions: string[] = [];
  const all = pairs.map(({ source, target }) => dynamicsPrompt(vocabulary, source, target));
  const together = drawingRows(sampler, Math.min(BATCH, all.length), { prompts: all, tokens: LONGEST, each: 1 });
  for (let i = 0; i < pairs.length; i += together) {
    const prompts = all.slice(i, i + together);
    const own = options.streams ? { ...options, streams: options.streams.slice(i, i + together) } : options;
    const drawn = generate(sampler, prompts, LONGEST, own, vocabulary.eos);
    actions.push(...drawn.map((ids) => vocabulary.decode(ids).trim()));
  }
  return actions;
}
