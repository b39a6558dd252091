/**
 * Systems compared over seeds and transitions: which of two is better, when training's own variance counts too.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { benchHalves, pathsOf } from "../experiment/datasets.ts";
import { shardFolders } from "../experiment/pipeline.ts";
import { JUDGEMENT_RESULT, readResult } from "../experiment/results.ts";
import { readManifest } from "../experiment/run.ts";
import { CONFIG, type Config } from "../experiment/schema.ts";
import { runsOverlap } from "../experiment/systems.ts";
import { scoresBySystem } from "../judge/mod.ts";
import { readScores } from "../judge/scores_file.ts";
import { estimateOverRuns, mean, pairedDifferences } from "../metrics/statistics.ts";
import type { Halves } from "./claims.ts";
import { told } from "./seeds.ts";
import { type Part, partsOf, scoresOf } from "./supervision.ts";
import type { TableRow } from "./table.ts";

/** What a run of task `judge` says of systems with one seed. */
export interface JudgedRun {
  /** Its folder. */
  readonly folder: string;
  /** The seed that its systems were trained with. */
  readonly seed: number;
  /** A digest of the bench. */
  readonly bench: string;
  /** What every seed's bench is like: lists, or how many transitions of which tiny world. */
  readonly kind: string;
  /** Who judged, by which prompt and framing. */
  readonly judge: string;
  /** Pictures of the bench that training lists share. */
  readonly overlap: number;
  /** Scores by trajectory, by system. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Which half of the bench a trajectory is of; empty where there are none. */
  readonly halves: Halves;
}

/**
 * Reads a finished run of task `judge`; the shards of one are joined.
 *
 * @param folder the run's, or the folder that its shards are named after
 * @param config what the run's manifest does not say
 * @throws UserError when it is no finished run of task `judge`
 */
export function readJudgedRun(folder: string, config: Config): JudgedRun {
  const folders = shardFolders(folder);
  const { judge, prompt, framing } = readResult(folders[0]!, JUDGEMENT_RESULT);
  const manifest = readManifest(folders[0]!);
  if (!manifest) throw new UserError(`Cannot compare ${folder}: it has no manifest.json, which says of which seed it is`);
  const own = CONFIG.parse({ ...config, ...manifest.config, seed: manifest.seed });
  const bench = manifest.inputs["bench"] ?? "";
  return {
    ...{ folder, seed: manifest.seed, bench, kind: kindOf(own, bench), overlap: runsOverlap(folders), halves: benchHalves(own) },
    judge: `${judge}, prompt ${prompt}, framing ${framing}`,
    scores: scoresBySystem(folders.flatMap(readScores)),
  };
}

function kindOf({ bench, data }: Config, digest: string): string {
  if (pathsOf(bench.aurora).length > 0) return `lists (${digest})`;
  return `${bench.world} transitions of the tiny world, ${data.difficulty}${data.regime === "full" ? "" : `, ${data.regime}`}`;
}

/**
 * Each system's mean score, and how much better it is than one of them: on the whole bench and, in the tiny world's regime `scarce`, on its
 * halves. Differences are paired by transition within a seed, over the seeds that both have, with the interval of a hierarchical bootstrap
 * (`estimateOverRuns`).
 *
 * @param runs of all seeds; those of one seed share a bench
 * @param against the system that the others are compared with
 * @returns a row for each system and part of the bench
 * @throws UserError when runs of one seed are of different benches or score a system twice, judges differ, or nothing is to be compared
 *
 * @example Two seeds
 * ```ts
 * import { comparisonRows } from "./compare.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const run = (seed: number, ours: number) => ({
 *   ...{ folder: `judge-${seed}`, seed, bench: "", kind: "easy", judge: "world", overlap: 0, halves: new Map() },
 *   scores: new Map([["C-FT", new Map([["a", 3]])], ["CWM", new Map([["a", ours]])]]),
 * });
 * const [, cwm] = comparisonRows([run(1, 4), run(2, 6)], "C-FT");
 * assertEquals([cwm!.system, cwm!.score, cwm!.difference, cwm!["is better"]], ["CWM", 5, 2, "undecided below 5 seeds"]);
 * ```
 */
export function comparisonRows(runs: readonly JudgedRun[], against: string): TableRow[] {
  const seeds = bySeed(runs);
  const systems = [...new Set(runs.flatMap(({ scores }) => [...scores.keys()]))];
  if (!systems.includes(against)) {
    throw new UserError(`Cannot compare with ${against}: judged are ${systems.join(", ")}; give --against=SYSTEM`);
  }
  if (systems.length < 2) throw new UserError(`Cannot compare ${against} with nothing: give runs of task judge that score other systems`);
  const ordered = [against, ...systems.filter((name) => name !== against)];
  return partsOf(runs).flatMap((part) => ordered.map((system) => comparisonRow(seeds, part, system, against)));
}

/** One seed's scores, of all its runs. */
type Seed = Pick<JudgedRun, "scores" | "halves">;

function comparisonRow(seeds: readonly Seed[], part: Part, system: string, against: string): TableRow {
  const own = seeds.map((seed) => [...scoresOf(seed, system, part).values()]).filter(({ length }) => length > 0).map(mean);
  const scored = { system, part, seeds: own.length, score: mean(own), "by seed": own.map((one) => one.toFixed(2)).join(", ") };
  if (system === against) return { ...scored, difference: null, from: null, to: null, "is better": null };
  const differences = seeds.map((seed) => pairedDifferences(scoresOf(seed, system, part), scoresOf(seed, against, part)))
    .filter(({ size }) => size > 0);
  if (differences.length === 0) return { ...scored, difference: null, from: null, to: null, "is better": "no seed has both" };
  const { mean: difference, interval } = estimateOverRuns(differences);
  return { ...scored, difference, from: interval[0], to: interval[1], "is better": told(interval, differences.length) };
}

/** Runs of a seed put together; what cannot be compared is refused. */
function bySeed(runs: readonly JudgedRun[]): Seed[] {
  const judges = [...new Set(runs.map(({ judge }) => judge))];
  if (judges.length > 1) throw new UserError(`Cannot compare what different judges say (${judges.join("; ")}): give runs of one of them`);
  const kinds = [...new Set(runs.map(({ kind }) => kind))];
  if (kinds.length > 1) throw new UserError(`Cannot compare over different benches (${kinds.join("; ")}): give runs of one of them`);
  return [...Map.groupBy(runs, ({ seed }) => seed).entries()].toSorted(([a], [b]) => a - b).map(([seed, own]) => {
    const [first] = own as [JudgedRun];
    const other = own.find(({ bench }) => bench !== first.bench);
    if (other) {
      throw new UserError(`Cannot compare ${first.folder} with ${other.folder}: both are of seed ${seed}, but not on the same bench`);
    }
    const scores = new Map<string, ReadonlyMap<string, number>>();
    for (const [system, values] of own.flatMap((run) => [...run.scores])) {
      if (scores.has(system)) throw new UserError(twice(system, seed, own));
      scores.set(system, values);
    }
    return { scores, halves: first.halves };
  });
}

function twice(system: string, seed: number, runs: readonly JudgedRun[]): string {
  const folders = runs.filter(({ scores }) => scores.has(system)).map(({ folder }) => folder);
  return `Cannot compare: ${
    folders.join(" and ")
  } both score ${system} with seed ${seed}; judge one again under another name (--systems=NAME=DIR)`;
}
