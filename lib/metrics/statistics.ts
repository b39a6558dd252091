/**
 * Means, intervals, correlation, paired tests, and their correction for multiple comparisons.
 *
 * @module
 */
import { randomInt, randomStream } from "../engine/mod.ts";

/**
 * The mean of values; 0 of none.
 *
 * @param values any numbers
 * @returns their mean
 *
 * @example Two numbers
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.mean([1, 4]), 2.5);
 * ```
 */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

/** The standard deviation of a sample; null of a single value, which has none. */
export function deviation(values: readonly number[]): number | null {
  const middle = mean(values);
  return values.length < 2 ? null : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** A mean with its interval. */
export interface Estimate {
  /** The mean. */
  readonly mean: number;
  /** How many values there are. */
  readonly n: number;
  /** 95 % interval by the bootstrap (Efron 1979), 2,000 draws, seeded. */
  readonly interval: readonly [number, number];
}

/**
 * The mean of values with its bootstrap interval.
 *
 * @param values what was measured, one number an item
 * @returns the mean and its 95 % interval, the same each time; of no values neither is a number
 *
 * @example The interval holds the mean
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { mean, interval: [from, to] } = ws.metrics.estimate([1, 2, 3, 4]);
 * assert(from <= mean && mean <= to);
 * ```
 */
export function estimate(values: readonly number[]): Estimate {
  if (values.length === 0) return { mean: NaN, n: 0, interval: [NaN, NaN] };
  const random = randomStream("bootstrap", values.length);
  const resampled = () => mean(values.map(() => values[randomInt(random, values.length)]!));
  const means = Array.from({ length: DRAWS }, resampled).sort((a, b) => a - b);
  return { mean: mean(values), n: values.length, interval: [means[DRAWS * 0.025]!, means[DRAWS * 0.975 - 1]!] };
}

const DRAWS = 2000;

/**
 * The mean of what several runs measured, with an interval that counts runs as well as items: a hierarchical bootstrap (Davison and
 * Hinkley 1997, §3.8), which draws runs and then items. The interval of one run says nothing of how training differs from seed to seed;
 * drawing all items alike would take the items of a run for as many runs. Where each run has items of its own, as in the tiny world, where
 * a seed draws its bench, each run's are drawn apart. Where runs share items they are drawn once for all runs: an item that is hard for one
 * run is hard for the others, and drawing it apart for each would count it as many times. A mixed model would ask for normal spreads, which
 * scores from 0 to 10 do not have.
 *
 * @param runs what each run measured, by item; an item that all runs have is the same in all, and then others do not count
 * @returns the mean of the runs' means and its 95 % interval, the same each time; of no values neither is a number
 *
 * @example Runs that differ widen the interval
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const run = (name: string, values: number[]) => new Map(values.map((value, i) => [`${name}${i}`, value]));
 * const width = (...runs: Map<string, number>[]) => {
 *   const [from, to] = ws.metrics.estimateOverRuns(runs).interval;
 *   return to - from;
 * };
 * assert(width(run("a", [0, 1, 2]), run("b", [8, 9, 10])) > width(run("a", [4, 5, 6]), run("b", [4, 5, 6])));
 * ```
 */
export function estimateOverRuns(runs: readonly ReadonlyMap<string, number>[]): Estimate {
  const filled = runs.filter(({ size }) => size > 0);
  if (filled.length === 0) return { mean: NaN, n: 0, interval: [NaN, NaN] };
  const items = filled.length === 1 ? [] : [...filled[0]!.keys()].filter((item) => filled.every((run) => run.has(item)));
  const values = filled.map((run) => items.length > 0 ? items.map((item) => run.get(item)!) : [...run.values()]);
  const random = randomStream("bootstrap over runs", values.length);
  const draw = (count: number) => Array.from({ length: count }, () => randomInt(random, count));
  const drawnMean = () => {
    const chosen = draw(values.length).map((run) => values[run]!);
    const shared = draw(items.length);
    return mean(chosen.map((run) => mean((items.length > 0 ? shared : draw(run.length)).map((item) => run[item]!))));
  };
  const means = Array.from({ length: DRAWS }, drawnMean).sort((a, b) => a - b);
  return { mean: mean(values.map(mean)), n: values.flat().length, interval: [means[DRAWS * 0.025]!, means[DRAWS * 0.975 - 1]!] };
}

/**
 * The 95 % interval of a share (Wilson 1927). Unlike the share plus and minus its standard error, it stays within 0 … 1.
 *
 * @param share successes over trials, 0 … 1
 * @param n trials
 * @returns its two ends
 *
 * @example Half of 100 trials
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.wilson(0.5, 100).map((bound) => bound.toFixed(3)), ["0.404", "0.596"]);
 * ```
 */
export function wilson(share: number, n: number): [number, number] {
  const z = 1.959964;
  const middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const half = z / (1 + z * z / n) * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/**
 * Pearson's correlation.
 *
 * @param a values of one variable
 * @param b values of the other on the same items
 * @returns −1 … 1, or null when one of them does not vary
 *
 * @example One rises with the other
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * assert(Math.abs(ws.metrics.pearson([1, 2, 3], [2, 4, 6])! - 1) < 1e-9);
 * ```
 */
export function pearson(a: readonly number[], b: readonly number[]): number | null {
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
    x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  const scale = Math.sqrt(product(a, meanA, a, meanA) * product(b, meanB, b, meanB));
  return scale > 0 ? product(a, meanA, b, meanB) / scale : null;
}

/**
 * Fisher's permutation test for paired values, two-sided: the probability of a mean difference at least this large if the sign
 * of each difference were a coin toss, from 2,000 seeded draws.
 *
 * @param a values of one system
 * @param b values of the other on the same items
 * @returns p; at least 1/2,001, as the draws cannot tell less
 *
 * @example Equal values differ by chance
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.pairedTest([1, 2, 3], [1, 2, 3]), 1);
 * ```
 */
export function pairedTest(a: readonly number[], b: readonly number[]): number {
  const differences = a.map((value, i) => value - b[i]!);
  const seen = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  const random = randomStream("paired test", a.length);
  const asLarge =
    Array.from({ length: DRAWS }, () => Math.abs(differences.reduce((sum, value) => sum + (random() < 0.5 ? value : -value), 0)))
      .filter((sum) => sum >= seen - 1e-12).length;
  return (asLarge + 1) / (DRAWS + 1);
}

/**
 * p-values corrected for multiple comparisons (Holm 1979); none gets smaller.
 *
 * @param probabilities the p-values, in any order
 * @returns the corrected ones in the same order
 *
 * @example Three comparisons
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
 * ```
 */
export function holm(probabilities: readonly number[]): number[] {
  const order = probabilities.map((_, i) => i).sort((a, b) => probabilities[a]! - probabilities[b]!);
  const corrected = probabilities.slice();
  let largest = 0;
  order.forEach((place, rank) => {
    largest = Math.max(largest, Math.min(1, (probabilities.length - rank) * probabilities[place]!));
    corrected[place] = largest;
  });
  return corrected;
}

/**
 * The values of two systems on the items that both have, in one order.
 *
 * @param a values of one system by item
 * @param b values of the other
 * @returns two lists of the same length
 *
 * @example Only what both have
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = ws.metrics.pairedValues(new Map([["x", 1], ["y", 2]]), new Map([["y", 5]]));
 * assertEquals([a, b], [[2], [5]]);
 * ```
 */
export function pairedValues(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): [number[], number[]] {
  const shared = [...a.keys()].filter((id) => b.has(id));
  return [shared.map((id) => a.get(id)!), shared.map((id) => b.get(id)!)];
}

/**
 * By how much a system is ahead of another, on the items that both have.
 *
 * @param a values of one system by item
 * @param b values of the other
 * @returns the first less the second, by item
 *
 * @example Only what both have
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const ahead = ws.metrics.pairedDifferences(new Map([["x", 1], ["y", 2]]), new Map([["y", 5]]));
 * assertEquals([...ahead], [["y", -3]]);
 * ```
 */
export function pairedDifferences(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...a].flatMap(([item, value]) => b.has(item) ? [[item, value - b.get(item)!] as const] : []));
}

/** Two systems compared on the items that both have. */
export interface Comparison {
  /** The first system. */
  readonly system: string;
  /** The other. */
  readonly against: string;
  /** The mean of the first less the mean of the other. */
  readonly difference: Estimate;
  /** The p-value of `pairedTest`. */
  readonly p: number;
  /** `p`, corrected by `holm` over all pairs. */
  readonly corrected: number;
}

/**
 * Compares every pair of systems.
 *
 * @param values by system, then by item
 * @returns one comparison for each pair that shares an item
 *
 * @example Two systems, one comparison
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const values = new Map([["a", new Map([["x", 1], ["y", 2]])], ["b", new Map([["x", 3], ["y", 4]])]]);
 * assertEquals(ws.metrics.comparePairs(values).map(({ difference }) => difference.mean), [2]);
 * ```
 */
export function comparePairs(values: ReadonlyMap<string, ReadonlyMap<string, number>>): Comparison[] {
  const names = [...values.keys()];
  const pairs = names.flatMap((against, i) => names.slice(i + 1).map((system) => ({ system, against })));
  const compared = pairs.flatMap(({ system, against }) => {
    const [a, b] = pairedValues(values.get(system)!, values.get(against)!);
    if (a.length === 0) return [];
    return [{ system, against, difference: estimate(a.map((value, i) => value - b[i]!)), p: pairedTest(a, b) }];
  });
  const corrected = holm(compared.map(({ p }) => p));
  return compared.map((one, i) => ({ ...one, corrected: corrected[i]! }));
}
