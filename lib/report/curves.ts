/**
 * Curves of verification at test time (paper Figure 8): what is reached with N candidates, from pools drawn once.
 *
 * @module
 */
import { mean } from "../metrics/statistics.ts";
import { expectedBestOf } from "../sample/verify.ts";
import type { TableRow } from "./table.ts";

/** A line of `candidates.jsonl`: one trajectory's pool. */
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
  /** Mean score over the repeats. */
  readonly score: number;
  /** Its standard deviation over the repeats. */
  readonly "deviation of repeats": number;
  /** Half the 95 % interval over trajectories. */
  readonly "± 95 % over trajectories": number;
  /** Share that is right; null where that is not known. */
  readonly right: number | null;
}

/**
 * Score and share of right ones for each number of candidates, chosen by the dynamics model and by an oracle: mean over the
 * repeats, their deviation, and the interval over trajectories.
 *
 * @param pools of all trajectories and repeats, in any order
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
export function verificationCurves(pools: readonly Pool[]): CurvePoint[] {
  return [
    ...curveOf("dynamics model", pools, ({ rewards }) => rewards),
    ...curveOf("oracle", pools, ({ scores }) => scores),
  ];
}

function curveOf(chooser: string, pools: readonly Pool[], rewardsOf: (pool: Pool) => readonly number[]): CurvePoint[] {
  const repeats = [...Map.groupBy(pools, ({ repeat }) => repeat).values()];
  const byItem = [...Map.groupBy(pools, ({ id }) => id).values()];
  const known = pools.every(({ right }) => right.every((value) => value !== null));
  return Array.from({ length: pools[0]?.rewards.length ?? 0 }, (_, i) => {
    const expected = (own: readonly Pool[], worth: (pool: Pool) => readonly number[]) =>
      mean(own.map((pool) => expectedBestOf(rewardsOf(pool), worth(pool), i + 1)));
    const scores = repeats.map((own) => expected(own, ({ scores }) => scores));
    const items = byItem.map((own) => expected(own, ({ scores }) => scores));
    return {
      ...{ N: i + 1, chooser, score: mean(scores), "deviation of repeats": deviation(scores) },
      "± 95 % over trajectories": 1.96 * deviation(items) / Math.sqrt(items.length),
      right: known ? mean(repeats.map((own) => expected(own, ({ right }) => right.map(Number)))) : null,
    };
  });
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return values.length < 2 ? 0 : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
