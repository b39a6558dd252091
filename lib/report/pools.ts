/**
 * Scored pools as the paper shows them: best-of-N and verification as rows of Tables 2 and 3, and Figure 8 for each scorer.
 *
 * @module
 */
import { shardFolders } from "../experiment/pipeline.ts";
import { exists, plainName } from "../files.ts";
import { type Candidate, groupPools, readCandidates } from "../judge/candidates.ts";
import { type CurvePoint, CURVES_NOTE, isDistance, plotCurves, type Pool, scoredPools, verificationCurves } from "./curves.ts";
import { type TableRow, writeTable } from "./table.ts";

const BEST_OF = 3; // the paper's

/** The candidates of a run, its shards joined. */
export function candidatesOf(folder: string): Candidate[] {
  return shardFolders(folder).flatMap(readCandidates);
}

/** The scorers of candidates, in the order in which they appear. */
export function scorersOf(candidates: readonly Candidate[]): string[] {
  return [...new Set(candidates.flatMap(({ scores }) => Object.keys(scores)))];
}

/** What verification reached for a system. */
export interface Verified {
  /** Who scored the candidates. */
  readonly scorer: string;
  /** The pools that are scored whole. */
  readonly pools: readonly Pool[];
  /** Score against N. */
  readonly curves: readonly CurvePoint[];
}

/**
 * What verification reached for a system: by the judge where task `judge` has filled its pools (stage `judge-pools`), otherwise
 * by what task `verify` itself says of its candidates.
 *
 * @param at gives a stage's folder, as task `reproduce` names them
 * @param name the system
 */
export function verified(at: (folder: string) => string, name: string): Verified {
  const judged = exists(at("judge-pools/result.json")) ? candidatesOf(at("judge-pools")).filter(({ system }) => system === name) : [];
  const candidates = judged.length > 0 ? judged : candidatesOf(at(`verify-${name.toLowerCase()}`));
  const scorer = scorersOf(candidates)[0] ?? "";
  const pools = scoredPools(candidates, scorer);
  return { scorer, pools, curves: verificationCurves(pools, isDistance(scorer)) };
}

/** A point of a system's curve, by one scorer, on one subset. */
export interface PoolPoint extends CurvePoint {
  /** Whose candidates. */
  readonly system: string;
  /** Who scored them. */
  readonly scorer: string;
  /** The subset, or "all". */
  readonly subset: string;
}

/**
 * Figure 8: score against N for each system and subset, by one scorer.
 *
 * @param candidates with scores
 * @param scorer whose scores count
 * @returns points of all curves
 */
export function poolCurves(candidates: readonly Candidate[], scorer: string): PoolPoint[] {
  return [...Map.groupBy(candidates, ({ system = "" }) => system)].flatMap(([system, own]) => {
    const pools = scoredPools(own, scorer);
    const subsets = [["all", pools] as const, ...Map.groupBy(pools, ({ subset }) => subset)];
    return subsets.flatMap(([subset, some]) =>
      verificationCurves(some, isDistance(scorer)).map((point) => ({ system, scorer, subset, ...point }))
    );
  });
}

/**
 * Rows of the paper's Table 2, from one scorer's curves: a system with one candidate, with as many as the dynamics model chose
 * among, and the best of three, which is what a perfect verifier would reach.
 *
 * @param curves by `poolCurves`
 * @returns a row for each system and way of choosing, a column for each subset
 */
export function bestOfRows(curves: readonly PoolPoint[]): TableRow[] {
  return [...Map.groupBy(curves, ({ system }) => system)].flatMap(([system, own]) => {
    const most = Math.max(...own.map(({ N }) => N));
    const few = Math.min(BEST_OF, most);
    const row = (name: string, chooser: string, n: number): TableRow => {
      const points = own.filter((point) => point.chooser === chooser && point.N === n);
      return { system: name, ...Object.fromEntries(points.map((point) => [point.subset, point.score])) };
    };
    return [
      row(system, "random", 1),
      row(`${system} verified, N = ${most}`, "dynamics model", most),
      row(`${system} best-of-${few}`, "oracle", few),
    ];
  });
}

/** Rows of the paper's Table 3: the rows of Table 2 for each metric, a row for each system and subset, a column for each metric. */
export function metricRows(curves: readonly PoolPoint[]): TableRow[] {
  const cells = new Map<string, Record<string, string | number | null>>();
  for (const [scorer, own] of Map.groupBy(curves, ({ scorer }) => scorer)) {
    for (const { system, ...bySubset } of bestOfRows(own)) {
      for (const [subset, value] of Object.entries(bySubset)) {
        const key = JSON.stringify([system, subset]);
        const row = cells.get(key) ?? { system: system!, subset };
        cells.set(key, { ...row, [scorer]: value });
      }
    }
  }
  return [...cells.values()];
}

/** What `writePools` wrote. */
export interface PoolSummary {
  /** The table in Markdown. */
  readonly table: string;
  /** Points of all curves. */
  readonly curves: PoolPoint[];
  /** Pools that every scorer scored whole, and all. */
  readonly pools: { readonly scored: number; readonly all: number };
}

/**
 * Writes what scored pools say: `table` with the rows of Table 2 (one scorer) or Table 3 (metrics), `curves` with all points, and
 * a picture of the curves for each scorer, `curves-SCORER.png`.
 *
 * @param folder of the run
 * @param candidates with scores
 * @param by one judge, or metrics
 * @param note what every table must say besides
 */
export async function writePools(
  folder: string,
  candidates: readonly Candidate[],
  by: "judge" | "metrics",
  note: string,
): Promise<PoolSummary> {
  const scorers = scorersOf(candidates);
  const curves = scorers.flatMap((scorer) => poolCurves(candidates, scorer));
  for (const scorer of scorers) {
    const own = curves.filter((point) => point.scorer === scorer && point.subset === "all");
    await plotCurves(`${folder}/${curvesFile(scorer)}`, own, scorer);
  }
  const text = [CURVES_NOTE, note].filter(Boolean).join(" ");
  writeTable(`${folder}/curves`, curves, text);
  const table = writeTable(`${folder}/table`, by === "judge" ? bestOfRows(curves) : metricRows(curves), text);
  const pools = groupPools(candidates);
  const scored = pools.filter((pool) => pool.every(({ scores }) => scorers.every((scorer) => scores[scorer] !== undefined))).length;
  return { table, curves, pools: { scored: scorers.length === 0 ? 0 : scored, all: pools.length } };
}

/** The name of a scorer's picture of curves, without an ending. */
export function curvesFile(scorer: string): string {
  return `curves-${plainName(scorer)}`;
}
