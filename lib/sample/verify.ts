/**
 * Verification at test time (paper §3.3): of several candidates of the next observation, the one that makes the action
 * likeliest to a dynamics model.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { dynamicsSequence } from "../tokens/mod.ts";
import { lookAt, type Reader } from "./look.ts";
import type { ObservationQuery } from "./predict_images.ts";
import { type LikelihoodKind, logLikelihoods, scoreOf } from "./likelihood.ts";

/**
 * Rewards of candidates: the log-likelihood of the action between source and candidate, by a dynamics model.
 * The source is read once for all candidates of a query.
 *
 * @param reader the dynamics model
 * @param queries sources and actions
 * @param candidates codes of the candidates of each query
 * @param kind mean a token, or sum
 * @param shared ids of a query's prompts that are computed once, at most, as in `logLikelihoods`
 * @returns rewards of the candidates of each query
 *
 * @example A reward for each candidate
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const queries = [{ id: "a", source: new Uint16Array(64), action: "remove the red circle" }];
 * const candidates = [[Array<number>(64).fill(1), Array<number>(64).fill(2)]];
 * const [rewards] = ws.sample.rewardCandidates({ text: ws.textSampler(chameleon, vocabulary), vqgan, vocabulary }, queries, candidates);
 * assertEquals(rewards!.length, 2);
 * ```
 */
export function rewardCandidates(
  reader: Reader,
  queries: readonly Pick<ObservationQuery, "source" | "action">[],
  candidates: readonly (readonly (readonly number[])[])[],
  kind: LikelihoodKind = "mean",
  shared?: number,
): number[][] {
  using look = lookAt(reader, queries.flatMap(({ source }, i) => [source, ...candidates[i]!].map((codes) => ({ codes }))));
  let next = 0;
  const families = queries.map(({ action }, i) => {
    const source = look.pictures[next++]!;
    return candidates[i]!.map(() => dynamicsSequence(look.vocabulary, source, look.pictures[next++]!, action));
  });
  return logLikelihoods(look.text, families, shared).map((family) => family.map((likelihood) => scoreOf(likelihood, kind)));
}

/**
 * The score to expect when n candidates are taken from a pool at random and the one with the highest reward is chosen:
 * exactly, over all choices of n. With rewards in order, the k-th lowest is chosen when the others come from below it.
 *
 * @param rewards of the pool
 * @param scores what each candidate is worth
 * @param n how many are taken, 1 … the pool's size
 * @returns the score to expect, in the scores' units
 * @throws UserError when n is another number
 *
 * @example One of two is the mean, two of two the better one
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([1, 2].map((n) => ws.sample.expectedBestOf([-3, -1], [10, 4], n)), [7, 4]);
 * ```
 */
export function expectedBestOf(rewards: readonly number[], scores: readonly number[], n: number): number {
  const size = rewards.length;
  if (!(Number.isInteger(n) && n >= 1 && n <= size)) {
    throw new UserError(`Cannot choose among ${n} of ${size} candidates: take 1 to ${size}`);
  }
  const order = [...rewards.keys()].sort((a, b) => rewards[a]! - rewards[b]! || b - a); // of equal rewards the first wins
  return order.reduce((sum, candidate, below) => sum + scores[candidate]! * choose(below, n - 1), 0) / choose(size, n);
}

function choose(from: number, count: number): number {
  let ways = 1;
  for (let i = 0; i < count; i++) ways *= (from - i) / (i + 1);
  return Math.max(0, ways);
}
