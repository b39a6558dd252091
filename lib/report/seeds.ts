/**
 * What several seeds found, as means with their spread (paper A.1: results averaged over several runs).
 *
 * @module
 */
import { deviation, type Estimate, estimateOverRuns, mean } from "../metrics/statistics.ts";
import type { Claim } from "./claims.ts";
import type { PaperTable } from "./paper_tables.ts";
import type { TableRow } from "./table.ts";

/** Columns that say of what a row is; the others are what was measured. */
const KEYS: readonly string[] = [
  "source",
  "",
  "system",
  "against",
  "subset",
  "task",
  "negative",
  "chooser",
  "N",
  "metric",
  "data set",
  "trajectories",
  "class",
];

/** Columns of one seed alone: an interval or a p-value has no mean over seeds. */
const OF_ONE_SEED = /^(from|to|95 %|p|p, .*|scored|deviation of repeats|± 95 % over trajectories)$/;

/**
 * The same table of several seeds as one: each number as mean ± standard deviation over the seeds that have it.
 *
 * @param tables a seed's rows each
 * @returns the first table's rows, then those that only others have; published rows as they are
 *
 * @example Two seeds
 * ```ts
 * import { overSeeds } from "./seeds.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const row = (all: number) => ({ source: "measured", system: "CWM", all });
 * assertEquals(overSeeds([[row(3)], [row(4)]]), [{ source: "measured", system: "CWM", all: "3.50 ± 0.71", seeds: 2 }]);
 * ```
 */
export function overSeeds(tables: readonly (readonly TableRow[])[]): TableRow[] {
  const same = Map.groupBy(tables.flat(), (row) => JSON.stringify(KEYS.map((key) => row[key] ?? null)));
  return [...same.values()].map((rows) => {
    const [first] = rows as [TableRow];
    if (first["source"] === "published") return { ...first, seeds: null };
    const columns = [...new Set(rows.flatMap(Object.keys))].filter((column) => !OF_ONE_SEED.test(column));
    const cells = columns.map((column) => [column, KEYS.includes(column) ? first[column] ?? null : spread(rows.map((row) => row[column]))]);
    return { ...Object.fromEntries(cells), seeds: rows.length };
  });
}

/** Mean ± standard deviation of what is a number; one value, or the same in all, stands alone; texts that differ are left out. */
function spread(cells: readonly (string | number | null | undefined)[]): string | number | null {
  const known = cells.filter((cell) => cell !== null && cell !== undefined);
  if (known.length === 0) return null;
  if (known.every((cell) => cell === known[0])) return known[0]!;
  if (!known.every((cell) => typeof cell === "number")) return null;
  return meanAndDeviation(known);
}

function meanAndDeviation(values: readonly number[]): string {
  const middle = mean(values);
  const digits = Math.abs(middle) < 1 ? 3 : 2;
  return `${middle.toFixed(digits)} ± ${deviation(values)!.toFixed(digits)}`;
}

/**
 * Tables of several seeds as one of each name.
 *
 * @param seeds the seeds
 * @param tables a seed's tables each
 * @returns tables without pictures, which are each seed's own
 */
export function tablesOverSeeds(seeds: readonly number[], tables: readonly (readonly PaperTable[])[]): PaperTable[] {
  return [...Map.groupBy(tables.flat(), ({ name }) => name).values()].map((same) => {
    const { pictures: _, text, ...table } = same[0]!;
    const label = `Mean ± standard deviation over ${same.length} of the seeds ${
      seeds.join(", ")
    }; each seed's folder has its intervals and pictures.`;
    return { ...table, text: [text, label].filter(Boolean).join(" "), rows: overSeeds(same.map(({ rows }) => rows)) };
  });
}

const ENOUGH = 5; // seeds from which on a comparison of trained models is decided

/**
 * Claims over seeds: the deciding number as mean and spread, and in how many seeds the claim holds. A claim that compares systems
 * item by item is decided by the interval over seeds and items: it holds, it fails, or it cannot be told.
 *
 * @param claims a seed's claims each, in one order
 * @returns a row for each claim
 */
export function claimsOverSeeds(claims: readonly (readonly Claim[])[]): TableRow[] {
  return (claims[0] ?? []).map(({ claim, of, found }, i) => {
    const effects = claims.flatMap((own) => own[i]!.effect ?? []);
    const holding = claims.filter((own) => own[i]!.holds.startsWith("yes")).length;
    if (effects.length === 0) return { claim, found, holds: "not measured" };
    const runs = claims.flatMap((own) => own[i]!.items ? [own[i]!.items] : []);
    const decided = runs.length === effects.length && runs.length > 1 ? verdict(runs) : { interval: "", holds: "" };
    return {
      claim,
      found: `${of}: ${effects.length > 1 ? meanAndDeviation(effects) : effects[0]!.toFixed(3)}${decided.interval}`,
      holds: `${decided.holds}in ${holding} of ${effects.length} ${effects.length === 1 ? "seed" : "seeds"}`,
    };
  });
}

/** What seeds and items together say of a claim whose number is to be above 0. */
function verdict(runs: readonly ReadonlyMap<string, number>[]): { interval: string; holds: string } {
  const { interval } = estimateOverRuns(runs);
  const [from, to] = interval;
  return { interval: ` (95 % over seeds and items: ${from.toFixed(2)} … ${to.toFixed(2)})`, holds: `${told(interval, runs.length)}, ` };
}

/**
 * Whether something is above 0, by the interval over seeds and items.
 *
 * @param interval of its mean
 * @param seeds how many measured it
 * @returns "holds", "fails", "cannot be told", or that there are too few seeds to decide
 */
export function told([from, to]: Estimate["interval"], seeds: number): string {
  if (seeds < ENOUGH) return `undecided below ${ENOUGH} seeds`;
  return from > 0 ? "holds" : to < 0 ? "fails" : "cannot be told";
}
