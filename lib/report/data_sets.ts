/**
 * Table 4: what the annotated videos of each data set are like, before and after the filter.
 *
 * @module
 */
import { mean } from "../metrics/statistics.ts";
import { type AnnotatedTrajectory, videoStatistics } from "../synthesis/mod.ts";
import type { TableRow } from "./table.ts";

/**
 * Rows of Table 4: annotated and filtered of each data set, and of all together where there are several.
 *
 * @param all annotated trajectories
 * @param kept those that the filter kept
 * @returns two rows a data set
 */
export function dataSetRows(all: readonly AnnotatedTrajectory[], kept: readonly AnnotatedTrajectory[]): TableRow[] {
  const names = [...new Set(all.map(({ dataset }) => dataset))];
  const of = (list: readonly AnnotatedTrajectory[], name: string | undefined) => list.filter(({ dataset }) => dataset === name);
  const sets = names.map((name) => ({ name: name ?? "all", annotated: of(all, name), filtered: of(kept, name) }));
  const together = sets.length > 1 ? [{ name: "all", annotated: all, filtered: kept }] : [];
  return [...sets, ...together].flatMap(({ name, annotated, filtered }) => [
    rowOf(name, "annotated", annotated, annotated.length),
    rowOf(name, "filtered", filtered, annotated.length),
  ]);
}

function rowOf(name: string, stage: string, own: readonly AnnotatedTrajectory[], annotated: number): TableRow {
  const { averageLength, totalLength, samples, videos, observations, actions, words } = videoStatistics(own);
  const meanOf = (value: number) => own.length === 0 ? null : value;
  return {
    ...{
      "data set": name,
      "trajectories": stage,
      "average length, s": meanOf(averageLength),
      "total length, h": totalLength,
      videos,
      samples,
    },
    ...{ "observations a video": meanOf(observations), "actions a video": meanOf(actions), "words an action": meanOf(words) },
    ...{ "share kept": samples / annotated, "mean score": meanOf(mean(own.map(({ score }) => score))) },
    right: rightOf(own),
  };
}

/** Share whose action is what was done; null where that is not known. */
export function rightOf(trajectories: readonly AnnotatedTrajectory[]): number | null {
  const known = trajectories.filter(({ right }) => right !== undefined);
  return known.length === 0 ? null : mean(known.map(({ right }) => Number(right)));
}
