/**
 * What people's votes say (paper §4.3, Table 7): scores, differences, agreement.
 *
 * @module
 */
import { comparePairs, type Comparison, type Estimate, estimate, mean } from "../metrics/mod.ts";
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

/**
 * Every pair of systems on the same votes, corrected for being many.
 *
 * @param votes all votes
 * @param systems that are compared
 * @param unit what counts as one observation: a vote, or an item with the mean of its raters. Votes on one item depend on each other, so
 *   that where the same few items have many raters only the items say what would hold on others
 */
export function peopleDifferences(votes: readonly Vote[], systems: readonly string[], unit: "vote" | "item" = "vote"): Comparison[] {
  const groups = [...Map.groupBy(votes, ({ participant, trajectory }) => unit === "item" ? trajectory : `${participant} ${trajectory}`)];
  const points = (system: string) => new Map(groups.map(([key, own]) => [key, mean(own.map((vote) => pointsOf(vote, system)))] as const));
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

/**
 * Agreement between raters who all rated the same items: Fleiss' kappa (Fleiss 1971). 1 is full agreement, 0 what chance gives.
 *
 * @param units what the raters of each item said
 * @returns kappa; null where items have different numbers of raters or one alone, as kappa is not defined there, or where all said the same
 *   of everything
 *
 * @example Full agreement
 * ```ts
 * import { fleissKappa } from "./analyse.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(fleissKappa([["a", "a"], ["b", "b"]]), 1);
 * ```
 */
export function fleissKappa(units: readonly (readonly string[])[]): number | null {
  const raters = units[0]?.length ?? 0;
  if (raters < 2 || units.some(({ length }) => length !== raters)) return null;
  const squares = (values: readonly string[]) =>
    [...Map.groupBy(values, (value) => value).values()].reduce((sum, { length }) => sum + length ** 2, 0);
  const observed = mean(units.map((unit) => (squares(unit) - raters) / (raters * (raters - 1))));
  const expected = squares(units.flat()) / (units.length * raters) ** 2;
  return expected === 1 ? null : (observed - expected) / (1 - expected);
}

/** A coefficient of agreement about the best and about the worst. */
export interface Agreement {
  /** About the best. */
  readonly best: number | null;
  /** About the worst. */
  readonly worst: number | null;
}

/**
 * Agreement about the best and about the worst.
 *
 * @param votes all votes
 * @param coefficient Krippendorff's alpha, which may be asked of any votes, or Fleiss' kappa
 */
export function agreement(votes: readonly Vote[], coefficient: typeof fleissKappa = krippendorffAlpha): Agreement {
  const items = [...Map.groupBy(votes, ({ trajectory }) => trajectory).values()];
  return {
    best: coefficient(items.map((own) => own.map(({ best }) => best))),
    worst: coefficient(items.map((own) => own.map(({ worst }) => worst))),
  };
}

/** Both coefficients in words. */
export function agreementText(alpha: Agreement, kappa: Agreement): string {
  const text = (value: number | null, unknown: string) => value === null ? unknown : value.toFixed(2);
  const line = (name: string, { best, worst }: Agreement, unknown: string) =>
    `${name}: best ${text(best, unknown)}, worst ${text(worst, unknown)}`;
  return [
    line("Fleiss' kappa", kappa, "not defined"),
    line("Krippendorff's alpha", alpha, "not known: no item has two raters who could differ"),
  ].join("; ");
}
