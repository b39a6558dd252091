/**
 * Intervals, paired tests, and their correction for many comparisons.
 *
 * @module
 */
import { randomInt, randomStream } from "../engine/mod.ts";

/** A mean with its interval. */
export interface Estimate {
  /** The mean. */
  readonly mean: number;
  /** How many values there are. */
  readonly n: number;
  /** 95 % interval by the bootstrap (Efron 1979), 2,000 draws, seeded. */
  readonly interval: readonly [number, number];
}

/** The mean of values with its bootstrap interval. */
export function estimate(values: readonly number[]): Estimate {
  const random = randomStream("bootstrap", values.length);
  const mean = (pick: (i: number) => number) => values.reduce((sum, _, i) => sum + pick(i), 0) / values.length;
  const means = Array.from({ length: DRAWS }, () => mean(() => values[randomInt(random, values.length)]!)).sort((a, b) => a - b);
  return { mean: mean((i) => values[i]!), n: values.length, interval: [means[DRAWS * 0.025]!, means[DRAWS * 0.975 - 1]!] };
}

const DRAWS = 2000;

/**
 * The probability that a mean difference of paired values this large comes by chance: signs of the differences exchanged at
 * random, 2,000 times (Fisher's permutation test), two-sided.
 *
 * @param a values of one system
 * @param b values of the other on the same items
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
 * Probabilities corrected for being many: each is at least as large as before (Holm 1979).
 *
 * ```ts
 * import { holm } from "./statistics.ts";
 * import { assertEquals } from "@std/assert";
 * assertEquals(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
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

/** The mean of values; 0 of none. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

/** The values of two systems on the items that both have, in one order. */
export function pairedValues(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): [number[], number[]] {
  const shared = [...a.keys()].filter((id) => b.has(id));
  return [shared.map((id) => a.get(id)!), shared.map((id) => b.get(id)!)];
}

/** Pairs of systems compared on the items that both have: the mean difference, its interval, and the probability. */
export interface Comparison {
  /** The first system. */
  readonly system: string;
  /** The other. */
  readonly against: string;
  /** The mean of the first less the mean of the other. */
  readonly difference: Estimate;
  /** By `pairedTest`. */
  readonly p: number;
  /** By `holm`, over all pairs. */
  readonly corrected: number;
}

/**
 * Compares every pair of systems.
 *
 * @param values by system, then by item
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
