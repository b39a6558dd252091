/**
 * Curves of verification at test time (paper Figure 8): what is reached with N candidates, from pools drawn once.
 *
 * @module
 */
import { type Candidate, groupPools } from "../judge/candidates.ts";
import { deviation, mean } from "../metrics/statistics.ts";
import { expectedBestOf } from "../sample/verify.ts";
import { plotLines } from "./plot.ts";
import type { TableRow } from "./table.ts";

/** One trajectory's candidates in one repetition, with what one scorer says of them. */
export interface Pool {
  /** The trajectory. */
  readonly id: string;
  /** Its subset. */
  readonly subset: string;
  /** Which repetition, each with a seed of its own. */
  readonly repeat: number;
  /** Mean log-likelihood per token of the action, by the dynamics model; one for each candidate. */
  readonly rewards: readonly number[];
  /** What each candidate is worth. */
  readonly scores: readonly number[];
  /** Whether each candidate is right; null where that is not known. */
  readonly right: readonly (boolean | null)[];
  /** The candidate with the highest reward. */
  readonly chosen: number;
}

/** A point of a curve. */
export interface CurvePoint extends TableRow {
  /** Candidates. */
  readonly N: number;
  /** What chooses among them. */
  readonly chooser: string;
  /** Expected over all choices of N from a pool; its mean over the repeats. */
  readonly score: number;
  /** Its standard deviation over the repeats; null of one. */
  readonly "deviation of repeats": number | null;
  /** Half the 95 % interval over trajectories; null of one. */
  readonly "± 95 % over trajectories": number | null;
  /** With the first N of each pool, one run a repeat as in the paper; the mean over the repeats. */
  readonly "first N": number;
  /** Its standard deviation over the repeats; null of one. */
  readonly "deviation of first N": number | null;
  /** Share that is right; null where that is not known. */
  readonly right: number | null;
}

/** Says how the curves were made; it stands under each of their tables. */
export const CURVES_NOTE =
  "score: the exact expectation over all choices of N of a pool's candidates, mean and deviation over the repeats; " +
  "first N: the first N candidates of each repeat alone, the paper's separate runs.";

/** Whether a score is a distance: less of it is better. */
export function isDistance(scorer: string): boolean {
  return scorer.startsWith("l1_");
}

/**
 * Pools as one scorer sees them. A pool with a candidate that has no such score is left out: all points of a curve must be of
 * the same pools.
 *
 * @param candidates with scores
 * @param scorer whose scores count
 * @returns the pools that are scored whole
 *
 * @example A pool with an unscored candidate is left out
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (id: string, index: number, scores: Record<string, number>): ws.judge.Candidate => ({
 *   ...{ id, subset: "ag", repeat: 0, index, seed: 1, image: "", logLikelihood: -1, chosen: index === 0, scores, right: null },
 * });
 * const pools = ws.report.scoredPools([of("1", 0, { world: 3 }), of("1", 1, { world: 9 }), of("2", 0, {})], "world");
 * assertEquals(pools.map(({ scores }) => scores), [[3, 9]]);
 * ```
 */
export function scoredPools(candidates: readonly Candidate[], scorer: string): Pool[] {
  const pools = groupPools(candidates).toSorted(([a], [b]) => a!.repeat - b!.repeat || (a!.id < b!.id ? -1 : 1)); // sums depend on the order
  const largest = Math.max(0, ...pools.map(({ length }) => length));
  return pools.filter((pool) => pool.length === largest && pool.every(({ scores }) => scores[scorer] !== undefined)).map((pool) => ({
    ...{ id: pool[0]!.id, subset: pool[0]!.subset, repeat: pool[0]!.repeat },
    rewards: pool.map(({ logLikelihood }) => logLikelihood),
    scores: pool.map(({ scores }) => scores[scorer]!),
    right: pool.map(({ right }) => right),
    chosen: pool.findIndex(({ chosen }) => chosen),
  }));
}

/**
 * Score and share of right ones for each number of candidates, chosen by the dynamics model, by an oracle that knows the
 * scores, and at random: mean over the repeats, their deviation, and the interval over trajectories.
 *
 * @param pools of all trajectories and repeats, in any order
 * @param lowerIsBetter whether the scores are distances
 * @returns a point for each chooser and N
 *
 * @example One of two, then both
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = { id: "1", subset: "ag", repeat: 0, rewards: [-2, -1], scores: [4, 8], right: [null, null], chosen: 1 };
 * const curve = ws.report.verificationCurves([pool]).filter(({ chooser }) => chooser === "oracle");
 * assertEquals(curve.map(({ score }) => score), [6, 8]);
 * ```
 */
export function verificationCurves(pools: readonly Pool[], lowerIsBetter = false): CurvePoint[] {
  const best = ({ scores }: Pool) => lowerIsBetter ? scores.map((score) => -score) : scores;
  return [byReward("dynamics model", ({ rewards }) => rewards), byReward("oracle", best), RANDOM].flatMap((chooser) =>
    curveOf(chooser, pools)
  );
}

/** What chooses among candidates. */
interface Chooser {
  readonly name: string;
  /** What is to be expected of n candidates of a pool, each of some worth. */
  readonly expected: (pool: Pool, worth: readonly number[], n: number) => number;
  /** The one that is taken of the first n. */
  readonly choose: (pool: Pool, n: number) => number;
}

function byReward(name: string, rewardsOf: (pool: Pool) => readonly number[]): Chooser {
  return {
    name,
    expected: (pool, worth, n) => expectedBestOf(rewardsOf(pool), worth, n),
    choose(pool, n) {
      const rewards = rewardsOf(pool).slice(0, n);
      return rewards.indexOf(Math.max(...rewards));
    },
  };
}

const RANDOM: Chooser = { name: "random", expected: (_, worth) => mean(worth), choose: () => 0 };

function curveOf({ name: chooser, expected, choose }: Chooser, pools: readonly Pool[]): CurvePoint[] {
  const repeats = [...Map.groupBy(pools, ({ repeat }) => repeat).values()];
  const byItem = [...Map.groupBy(pools, ({ id }) => id).values()];
  const known = pools.every(({ right }) => right.every((value) => value !== null));
  return Array.from({ length: pools[0]?.rewards.length ?? 0 }, (_, i) => {
    const reached = (own: readonly Pool[], worth: (pool: Pool) => readonly number[]) =>
      mean(own.map((pool) => expected(pool, worth(pool), i + 1)));
    const scores = repeats.map((own) => reached(own, ({ scores }) => scores));
    const items = byItem.map((own) => reached(own, ({ scores }) => scores));
    const drawn = repeats.map((own) => mean(own.map((pool) => pool.scores[choose(pool, i + 1)]!)));
    const spread = deviation(items);
    return {
      ...{ N: i + 1, chooser, score: mean(scores), "deviation of repeats": deviation(scores) },
      "± 95 % over trajectories": spread === null ? null : 1.96 * spread / Math.sqrt(items.length),
      ...{ "first N": mean(drawn), "deviation of first N": deviation(drawn) },
      right: known ? mean(repeats.map((own) => reached(own, ({ right }) => right.map(Number)))) : null,
    };
  });
}

/**
 * Draws curves as the paper's Figure 8: a line for each chooser, with a band of one standard deviation over the repeats.
 *
 * @param path the files' path without an ending
 * @param points of the curves; a `system`, where there is one, names lines of its own
 * @param score what is drawn upwards
 */
export async function plotCurves(path: string, points: readonly CurvePoint[], score: string): Promise<void> {
  const lines = points.map((point) => ({
    ...{ x: point.N, y: point.score, spread: point["deviation of repeats"] ?? 0 },
    line: point["system"] ? `${point["system"]}: ${point.chooser}` : point.chooser,
  }));
  await plotLines(path, lines, { x: "candidates N", y: score });
}
