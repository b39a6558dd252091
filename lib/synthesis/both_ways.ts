/**
 * Several actions said of a pair, and the one that both directions find likeliest (beyond the paper): the dynamics model, which sees both
 * pictures, and a world model, which sees the first one and the action. A wrong word that the dynamics model prefers, as supervision had no
 * better one, leads to another picture than the one that is there.
 *
 * @module
 */
import { type Likelihood, logLikelihoods, predictActions, type Sampler, type SamplingOptions } from "../sample/mod.ts";
import type { ImagePair } from "../sample/predict_actions.ts";
import { dynamicsSequence, type Vocabulary, worldSequence } from "../tokens/mod.ts";

/** The other direction. */
export interface OtherWay {
  /** Scores image tokens, with a world model's adapter. */
  readonly sampler: Sampler;
  /** What its log-likelihood of the target counts beside the dynamics model's of the action. */
  readonly weight: number;
}

/** An action with what both directions say of it. */
export interface Said {
  /** In words. */
  readonly action: string;
  /** Log-likelihood of the action given both pictures. */
  readonly forward: Pick<Likelihood, "mean" | "sum">;
  /** Log-likelihood of the target given the source and the action, times its weight; 0 where no world model is asked. */
  readonly back: number;
}

/**
 * Actions that a dynamics model says of each pair: the one of the options first, then others drawn at temperature 1, each once.
 *
 * @param sampler the dynamics model, its head over the whole vocabulary
 * @param vocabulary of the model
 * @param pairs images before and after
 * @param options of the first one, with a stream named for each pair
 * @param count how many are drawn in all
 * @returns the actions of each pair, all different
 */
export function saidActions(
  sampler: Sampler,
  vocabulary: Vocabulary,
  pairs: readonly ImagePair[],
  options: SamplingOptions,
  count: number,
): string[][] {
  const drawn = Array.from({ length: count }, (_, k) => {
    const streams = (options.streams ?? [...pairs.keys()]).map((stream) => k === 0 ? stream : `${stream}/${k}`);
    return predictActions(sampler, vocabulary, pairs, { ...options, streams, ...(k > 0 && { temperature: 1 }) });
  });
  return pairs.map((_, i) => [...new Set(drawn.map((actions) => actions[i]!))]);
}

/**
 * What both directions say of actions.
 *
 * @param sampler the dynamics model
 * @param vocabulary of the model
 * @param pairs images before and after
 * @param actions of each pair
 * @param other the world model, if it is asked
 * @returns the same actions with their likelihoods
 */
export function scoreBothWays(
  sampler: Sampler,
  vocabulary: Vocabulary,
  pairs: readonly ImagePair[],
  actions: readonly (readonly string[])[],
  other?: OtherWay,
): Said[][] {
  const forward = logLikelihoods(
    sampler,
    pairs.map(({ source, target }, i) => actions[i]!.map((action) => dynamicsSequence(vocabulary, source, target, action))),
  );
  const sequences = ({ source, target }: ImagePair, i: number) =>
    actions[i]!.map((action) => worldSequence(vocabulary, source, action, target));
  const back = other ? logLikelihoods(other.sampler, pairs.map(sequences)) : [];
  return actions.map((own, i) =>
    own.map((action, k) => ({ action, forward: forward[i]![k]!, back: other ? other.weight * back[i]![k]!.sum : 0 }))
  );
}

/**
 * The likeliest of a pair's actions, both ways together. How likely a target is differs from pair to pair by what the camera and the
 * compression add, whatever the action; so the confidence counts what the action makes it likelier than all that were said do on average.
 *
 * @param said the actions of one pair, at least one
 * @returns the likeliest, and its confidence: nats, the action's log-likelihood where no world model was asked
 *
 * @example The world model decides between two that are about as likely
 * ```ts
 * import { likeliestOf } from "./both_ways.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const said = [["push the cup left", -1, -9], ["push the cup right", -1.2, -4]] as const;
 * const chosen = likeliestOf(said.map(([action, sum, back]) => ({ action, forward: { mean: sum / 5, sum }, back })));
 * assertEquals(chosen.action, "push the cup right");
 * ```
 */
export function likeliestOf(said: readonly Said[]): Said & { readonly joint: number } {
  const best = said.reduce((best, one) => one.forward.sum + one.back > best.forward.sum + best.back ? one : best);
  const largest = Math.max(...said.map(({ back }) => back));
  const average = largest + Math.log(said.reduce((sum, { back }) => sum + Math.exp(back - largest), 0) / said.length);
  return { ...best, joint: best.forward.sum + best.back - average };
}
