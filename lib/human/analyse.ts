/**
 * What people's votes say (paper §4.3, Table 7): scores, differences, agreement.
 *
 * @module
 */
import { comparePairs, type Comparison, type Estimate, estimate } from "../metrics/mod.ts";
import type { Vote } from "./study.ts";

/** A system's score on a subset. */
export interface PeopleScore {
  /** The system. */
  readonly system: string;
  /** The subset, or "all". */
  readonly subset: string;
  /** The mean of +1 for best, -1 for worst, 0 otherwise. */
  readonly score: Estimate;
}

/**
 * Scores of systems: +1 when chosen as best, -1 as worst, 0 otherwise, and the mean of these.
 *
 * @param votes all votes
 * @param systems all systems, also those that were never chosen
 *
 * @example One vote
 * ```ts
 * import { peopleScores } from "./analyse.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const vote = { participant: "p", trajectory: "t", subset: "ag", best: "a", worst: "c" };
 * assertEquals(peopleScores([vote], ["a", "b", "c"]).slice(0, 3).map(({ score }) => score.mean), [1, 0, -1]);
 * ```
 */
export function peopleScores(votes: readonly Vote[], systems: readonly string[]): PeopleScore[] {
  const groups = [["all", votes] as const, ...Map.groupBy(votes, ({ subset }) => subset)];
  return groups.filter(([, own]) => own.length > 0).flatMap(([subset, own]) =>
    systems.map((system) => ({ system, subset, score: estimate(own.map((vote) => pointsOf(vote, system))) }))
  );
}

/** Every pair of systems on the same votes, corrected for being many. */
export function peopleDifferences(votes: readonly Vote[], systems: readonly string[]): Comparison[] {
  const points = (system: string) =>
    new Map(votes.map((vote) => [`${vote.participant} ${vote.trajectory}`, pointsOf(vote, system)] as const));
  return votes.length === 0 ? [] : comparePairs(new Map(systems.map((system) => [system, points(system)])));
}

function pointsOf({ best, worst }: Vote, system: string): number {
  return system === best ? 1 : system === worst ? -1 : 0;
}

/**
 * Agreement between raters: Krippendorff's alpha for nominal values (Krippendorff 2004, ch. 11). 1 is full agreement, 0 what
 * chance gives; null when no unit has two raters or all said the same of everything.
 *
 * @param units what the raters of each item said
 *
 * @example Full agreement
 * ```ts
 * import { krippendorffAlpha } from "./analyse.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(krippendorffAlpha([["a", "a"], ["b", "b", "b"]]), 1);
 * ```
 */
export function krippendorffAlpha(units: readonly (readonly string[])[]): number | null {
  const rated = units.filter(({ length }) => length > 1);
  const total = rated.reduce((sum, { length }) => sum + length, 0);
  const counts = (values: readonly string[]) => [...Map.groupBy(values, (value) => value).values()].map(({ length }) => length);
  const pairs = (values: readonly string[]) => values.length ** 2 - counts(values).reduce((sum, n) => sum + n * n, 0);
  const expected = pairs(rated.flat()) / (total - 1);
  const observed = rated.reduce((sum, unit) => sum + pairs(unit) / (unit.length - 1), 0);
  return total < 2 || expected === 0 ? null : 1 - observed / expected;
}

/** Agreement about the best and about the worst. */
export function agreement(votes: readonly Vote[]): { readonly best: number | null; readonly worst: number | null } {
  const items = [...Map.groupBy(votes, ({ trajectory }) => trajectory).values()];
  return {
    best: krippendorffAlpha(items.map((own) => own.map(({ best }) => best))),
    worst: krippendorffAlpha(items.map((own) => own.map(({ worst }) => worst))),
  };
}
