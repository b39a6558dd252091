/**
 * Rollouts: one action after the other, in token space: a predicted image is the next source as it is, without decoding and
 * encoding between (paper Figure 9).
 *
 * @module
 */
import type { Vocabulary } from "../tokens/mod.ts";
import type { Sampler } from "./sampler.ts";
import { drawObservations, type ObservationOptions } from "./predict_images.ts";

/** What is done, from where. */
export interface RolloutStart {
  /** Names its streams of random numbers. */
  readonly id: string;
  /** Codes of the first observation. */
  readonly source: ArrayLike<number>;
  /** What is done, in order. */
  readonly actions: readonly string[];
}

/**
 * Rolls out several starts side by side; each has as many actions as the longest or fewer. The context holds the newest
 * observation and the next action: what came before is dropped, so that a rollout has no end.
 *
 * @param sampler the world model, its head over image tokens
 * @param vocabulary of the model
 * @param starts observations and actions
 * @param options of the choice, and the seed
 * @returns codes after each action of each start
 *
 * @example An image after each action
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const options = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1, seed: 1 };
 * const starts = [{ id: "a", source: new Uint16Array(64), actions: ["remove the red circle", "remove the blue square"] }];
 * assertEquals(ws.sample.rollOut(ws.imageSampler(chameleon, vocabulary), vocabulary, starts, options)[0]!.length, 2);
 * ```
 */
export function rollOut(
  sampler: Sampler,
  vocabulary: Vocabulary,
  starts: readonly RolloutStart[],
  options: ObservationOptions & { readonly seed: number },
): number[][][] {
  const codes: number[][][] = starts.map(() => []);
  const longest = Math.max(0, ...starts.map(({ actions }) => actions.length));
  for (let step = 0; step < longest; step++) {
    const open = [...starts.keys()].filter((i) => step < starts[i]!.actions.length);
    const queries = open.map((i) => {
      const { id, source, actions } = starts[i]!;
      return { id: `${id}/${step}`, source: codes[i]!.at(-1) ?? source, action: actions[step]! };
    });
    drawObservations(sampler, vocabulary, queries, 1, options).forEach(([drawn], place) => codes[open[place]!]!.push(drawn!));
  }
  return codes;
}
