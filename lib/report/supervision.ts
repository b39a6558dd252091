/**
 * What world models score with so many supervised trajectories: curves over seeds, where they cross, and what synthesis is worth.
 *
 * @module
 */
import { scoresBySystem } from "../judge/mod.ts";
import { readScores } from "../judge/scores_file.ts";
import { estimateOverRuns, pairedDifferences } from "../metrics/mod.ts";
import type { Halves } from "./claims.ts";
import type { PageSection } from "./page.ts";
import { plotLines } from "./plot.ts";
import type { TableRow } from "./table.ts";

/** One seed's scores with one number of supervised trajectories. */
export interface SupervisedRun {
  /** Supervised trajectories. */
  readonly supervised: number;
  /** Scores by trajectory, by system. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Which half of the bench a trajectory is of; empty where there are none. */
  readonly halves: Halves;
}

/** Reads a run of task `judge`. */
export function supervisedRun(judge: string, supervised: number, halves: Halves): SupervisedRun {
  return { supervised, scores: scoresBySystem(readScores(judge)), halves };
}

const SYSTEMS = ["C-FT", "CWM", "CWM without synthesis", "CWM without weights"] as const;

/**
 * Mean scores by number of supervised trajectories, system and half of the bench, and what synthesis adds, each with the interval over seeds
 * and transitions.
 *
 * @param runs of all seeds
 * @returns a row for each system and half, the fewest trajectories first
 *
 * @example One run of one system
 * ```ts
 * import { supervisionRows } from "./supervision.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const run = { supervised: 250, scores: new Map([["CWM", new Map([["a", 4]])]]), halves: new Map() };
 * assertEquals(supervisionRows([run]).map(({ supervised, score }) => [supervised, score]), [[250, 4]]);
 * ```
 */
export function supervisionRows(runs: readonly SupervisedRun[]): TableRow[] {
  const numbers = [...new Set(runs.map(({ supervised }) => supervised))].sort((a, b) => a - b);
  return numbers.flatMap((supervised) => {
    const own = runs.filter((run) => run.supervised === supervised);
    return partsOf(runs).flatMap((half) => {
      const of = (system: string) => own.map((run) => scoresOf(run, system, half)).filter(({ size }) => size > 0);
      const scored = SYSTEMS.map((system) => ({ system: system as string, values: of(system) }));
      const gains = own.map((run) => pairedDifferences(scoresOf(run, "CWM", half), scoresOf(run, "C-FT", half)))
        .filter(({ size }) => size > 0);
      const difference = { system: "CWM − C-FT", values: gains };
      return [...scored, difference].filter(({ values }) => values.some(({ size }) => size > 0)).map(({ system, values }) => {
        const { mean, interval: [from, to] } = estimateOverRuns(values);
        return { supervised, half, system, score: mean, from, to, seeds: values.length };
      });
    });
  });
}

/** A part of the bench that is reported apart. */
export type Part = "all" | "seen" | "unseen";

/** The parts that runs are reported by: halves where their bench has some. */
export function partsOf(runs: readonly Pick<SupervisedRun, "halves">[]): readonly Part[] {
  return runs.some(({ halves }) => halves.size > 0) ? ["all", "seen", "unseen"] : ["all"];
}

/** A system's scores on a part of the bench, by trajectory; none where it was not judged. */
export function scoresOf({ scores, halves }: Pick<SupervisedRun, "scores" | "halves">, system: string, part: Part): Map<string, number> {
  return new Map([...scores.get(system) ?? []].filter(([id]) => part === "all" || halves.get(id) === part));
}

/**
 * The curves as a section of the page, a plot for each half.
 *
 * @param folder where the plots go
 * @param rows of the curves
 * @param seeds for the caption
 */
export async function supervisionSection(folder: string, rows: readonly TableRow[], seeds: readonly number[]): Promise<PageSection> {
  const halves = [...new Set(rows.map(({ half }) => `${half}`))];
  for (const half of halves) {
    const own = rows.filter((row) => row["half"] === half && SYSTEMS.some((system) => system === row["system"]));
    const points = own.map(({ supervised, system, score, from, to }) => ({
      ...{ x: supervised as number, y: score as number, line: `${system}`, spread: ((to as number) - (from as number)) / 2 },
    }));
    await plotLines(`${folder}/supervision-${half}`, points, { x: "supervised trajectories", y: `score, ${half} of the bench` });
  }
  return {
    title: "Scores over supervised trajectories",
    text: `Seeds ${seeds.join(", ")}; bands and from … to are 95 % intervals over seeds and transitions (a hierarchical bootstrap). ` +
      "All systems take the same steps and batches.",
    rows,
    pictures: halves.map((half) => `${folder}/supervision-${half}.png`),
  };
}
