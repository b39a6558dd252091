/**
 * The filter: of what a dynamics model annotated, the likeliest in each class (paper §3.2, Algorithm 1), and what the paper
 * tells of its data (Table 4).
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { exists, parent, readText } from "../files.ts";
import { mean } from "../metrics/statistics.ts";
import { type LikelihoodKind, scoreOf } from "../sample/likelihood.ts";
import type { Observation, Problem, Trajectory, TrajectoryList } from "../trajectories/mod.ts";
import { fileObservation } from "../trajectories/aurora.ts";
import type { AnnotatedTrajectory } from "./annotate.ts";

/**
 * Stratified top-k (Algorithm 1, as the appendix's text describes it; its listing is not in our copy): every class keeps its
 * share of the whole, and in each class the trajectories with the highest likelihood stay. Shares are rounded by largest
 * remainders, so that the sum is exact; of equal scores the first stays.
 *
 * @param trajectories of all classes
 * @param keep how many stay in all
 * @returns those that stay, in the order given
 *
 * @example Two of four, one of each class
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const all = [["a", -1], ["a", -2], ["b", -9], ["b", -8]].map(([label, score]) => ({ label: label as string, score: score as number }));
 * assertEquals(ws.synthesis.stratifiedTopK(all, 2).map(({ score }) => score), [-1, -8]);
 * ```
 */
export function stratifiedTopK<T extends Pick<AnnotatedTrajectory, "label" | "score">>(trajectories: readonly T[], keep: number): T[] {
  if (keep >= trajectories.length) return [...trajectories];
  const classes = [...Map.groupBy(trajectories.keys(), (i) => trajectories[i]!.label).values()];
  const exact = classes.map(({ length }) => length * keep / trajectories.length);
  const quotas = exact.map(Math.floor);
  const byRemainder = [...classes.keys()].sort((a, b) => (exact[b]! - quotas[b]!) - (exact[a]! - quotas[a]!) || a - b);
  const left = keep - quotas.reduce((a, b) => a + b, 0);
  for (const place of byRemainder.slice(0, left)) quotas[place]!++;
  const kept = new Set(
    classes.flatMap((own, place) =>
      own.toSorted((a, b) => trajectories[b]!.score - trajectories[a]!.score || a - b).slice(0, quotas[place]!)
    ),
  );
  return trajectories.filter((_, i) => kept.has(i));
}

/**
 * Trajectories with the number that the filter ranks by as their score.
 *
 * @param kind of the likelihood
 * @param trajectories as task annotate left them
 * @param path their file, for the message
 * @returns the same trajectories, in order
 * @throws UserError when the sum is wanted and a trajectory has none
 */
export function rankedBy(kind: LikelihoodKind, trajectories: readonly AnnotatedTrajectory[], path: string): AnnotatedTrajectory[] {
  return trajectories.map((one) => {
    const { id, score: mean, sum } = one;
    if (kind === "mean") return one;
    if (sum !== undefined) return { ...one, score: scoreOf({ mean, sum }, kind) };
    throw new UserError(
      `Cannot rank ${quoted(id)} of ${path} by the sum, as it has none: annotate again, or give --filter.likelihood=mean`,
    );
  });
}

/**
 * Stratified top-k of each data set by itself (paper A.8.3: 7K of each).
 *
 * @param trajectories of all data sets; those without the name of one are one together
 * @param keep how many of a data set's own stay
 * @returns those that stay, in the order given
 *
 * @example One of each data set
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const all = [["mit", -1], ["ucf101", -9], ["mit", -2]].map(([dataset, score]) => ({
 *   ...{ dataset: dataset as string, label: "a", score: score as number },
 * }));
 * assertEquals(ws.synthesis.topKOfDataSets(all, () => 1).map(({ score }) => score), [-1, -9]);
 * ```
 */
export function topKOfDataSets<T extends Pick<AnnotatedTrajectory, "dataset" | "label" | "score">>(
  trajectories: readonly T[],
  keep: (own: readonly T[]) => number,
): T[] {
  const sets = [...Map.groupBy(trajectories, ({ dataset }) => dataset).values()];
  const kept = new Set(sets.flatMap((own) => stratifiedTopK(own, keep(own))));
  return trajectories.filter((one) => kept.has(one));
}

/** Table 4's statistics. */
export interface VideoStatistics {
  /** Mean length of a video, seconds. */
  readonly averageLength: number;
  /** Length of all videos, hours. */
  readonly totalLength: number;
  /** Trajectories. */
  readonly samples: number;
  /** Videos with a trajectory. */
  readonly videos: number;
  /** Observations a video: key-frames that are different. */
  readonly observations: number;
  /** Actions a video. */
  readonly actions: number;
  /** Words an action. */
  readonly words: number;
}

/**
 * Statistics of trajectories as the paper's Table 4 gives them; videos without one are not counted.
 *
 * @param trajectories of any videos
 * @returns Table 4's numbers
 *
 * @example No trajectory
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.synthesis.videoStatistics([]).samples, 0);
 * ```
 */
export function videoStatistics(trajectories: readonly AnnotatedTrajectory[]): VideoStatistics {
  const videos = [...Map.groupBy(trajectories, ({ video }) => video).values()];
  const lengths = videos.map((own) => own[0]!.duration).filter(Number.isFinite); // lists made by hand may not say
  return {
    averageLength: mean(lengths),
    totalLength: lengths.reduce((a, b) => a + b, 0) / 3600,
    samples: trajectories.length,
    videos: videos.length,
    observations: mean(videos.map((own) => new Set(own.flatMap(({ sourceFrame, targetFrame }) => [sourceFrame, targetFrame])).size)),
    actions: mean(videos.map(({ length }) => length)),
    words: mean(trajectories.map(({ action }) => action.split(/\s+/).length)),
  };
}

/**
 * Reads annotated trajectories.
 *
 * @param path a `trajectories.jsonl`
 * @returns its trajectories
 * @throws UserError naming the line that is none
 *
 * @example A line for each trajectory
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const one = { id: "v#0", video: "v", label: "roll", source: "a.png", target: "b.png", action: "roll it", score: -0.5 };
 * Deno.writeTextFileSync(`${folder}/trajectories.jsonl`, JSON.stringify(one));
 * assertEquals(ws.synthesis.readAnnotated(`${folder}/trajectories.jsonl`).map(({ action }) => action), ["roll it"]);
 * ```
 */
export function readAnnotated(path: string): AnnotatedTrajectory[] {
  if (!exists(path)) throw new UserError(`Cannot find annotated trajectories in ${path}: run "deno task annotate" first`);
  return readText(path).split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const entry = parseLine(line);
    if (!entry) {
      throw new UserError(
        `${path}:${i + 1}: the line is no annotated trajectory: id, video, label, source, target, action and score are needed`,
      );
    }
    return [entry];
  });
}

function parseLine(line: string): AnnotatedTrajectory | undefined {
  try {
    const entry = JSON.parse(line) as Record<string, unknown>;
    const texts = ["id", "video", "label", "source", "target", "action"].every((key) => typeof entry[key] === "string");
    const numbers = [entry["score"], entry["sum"] ?? 0].every((value) => typeof value === "number");
    const named = entry["dataset"] === undefined || typeof entry["dataset"] === "string";
    return texts && numbers && named ? entry as unknown as AnnotatedTrajectory : undefined;
  } catch {
    return;
  }
}

/** The subset of trajectories that a dynamics model annotated. */
export const SYNTHETIC = "synthetic";

/**
 * Filtered trajectories to train on, as the subset "synthetic". Frames outside the file's folder are refused.
 *
 * @param path a `trajectories.jsonl`
 * @param most how many of each data set, the likeliest in each class; 0 takes all
 * @returns trajectories whose frames are there, and the others with the reason
 *
 * @example Frames that are not there
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const one = { id: "v#0", video: "v", label: "roll", source: "a.png", target: "b.png", action: "roll it", score: -0.5 };
 * Deno.writeTextFileSync(`${folder}/trajectories.jsonl`, JSON.stringify(one));
 * assertEquals(ws.synthesis.readSynthetic(`${folder}/trajectories.jsonl`, 0).problems.length, 1);
 * ```
 */
export function readSynthetic(path: string, most: number): TrajectoryList {
  const all = readAnnotated(path);
  const problems: Problem[] = [];
  const trajectories: Trajectory[] = [];
  for (const { id, action, source, target } of topKOfDataSets(all, (own) => most === 0 ? own.length : most)) {
    const lost = [source, target].find((file) => !isInside(file) || !exists(`${parent(path)}/${file}`));
    if (lost !== undefined) problems.push({ id, reason: `${lost} not found beside ${path}` });
    else if (action.trim() === "") problems.push({ id, reason: "it has no action" });
    else {
      const [before, after] = [source, target].map((file) => fileObservation(`${parent(path)}/${file}`)) as [Observation, Observation];
      trajectories.push({ id, subset: SYNTHETIC, source: before, action, target: after });
    }
  }
  return { trajectories, problems };
}

/** Whether a path stays below the folder that it counts from. */
export function isInside(file: string): boolean {
  return !/^[/\\]|^\w:/.test(file) && !file.split(/[\\/]+/).includes("..");
}
