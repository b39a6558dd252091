/**
 * Filters annotated trajectories (paper §3.2, A.5): stratified top-k by the dynamics model's likelihood, and what the paper
 * tells of its data: Table 4, Figure 11, and a gallery to look at.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { pathsOf } from "../lib/experiment/datasets.ts";
import { outputsOf } from "../lib/experiment/pipeline.ts";
import { digestOf } from "../lib/experiment/run.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { UserError } from "../lib/errors.ts";
import { exists, parent, writeFile } from "../lib/files.ts";
import { type GalleryPart, plotCounts, plotDistributions, writeTable } from "../lib/report/mod.ts";
import { dataSetRows, rightOf } from "../lib/report/data_sets.ts";
import { galleryHtml } from "../lib/report/gallery.ts";
import { type AnnotatedTrajectory, readAnnotated, topKOfDataSets } from "../lib/synthesis/mod.ts";
import { isInside, rankedBy } from "../lib/synthesis/filter.ts";
import type { Problem } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "filter",
  about: "Keeps the likeliest of the annotated trajectories in each class, and draws what they are like.",
  sections: ["filter"],
  needs: ({ config }) => pathsOf(config.filter.trajectories),
  switches: STAGE_SWITCHES,
  flags: BENCH_FLAG,
};

const SHOWN = 12; // trajectories in each part of the gallery

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config } = invocation;
  const { keep, share, likelihood } = config.filter;
  const stages = pathsOf(config.filter.trajectories).map((name) => outputsOf(name, config));
  const paths = stages.flat();
  const lists = "dry-run" in invocation.flags
    ? []
    : stages.flatMap((paths, from) => paths.map((path) => ({ path, from, trajectories: rankedBy(likelihood, readAnnotated(path), path) })));
  const inputs = { trajectories: digestOf(lists.map(({ trajectories }) => trajectories.map(({ id, score }) => [id, score]))) };
  const stage = await openStage(invocation, TASK, { sections: ["filter"], inputs });
  if (!stage) return;
  const { folder } = stage;

  // 1. The likeliest of each class in each data set; their frames come along
  const problems: Problem[] = [];
  const all = inOrder(lists).filter(([path, one]) => isWhole(one, path, problems)).map(([, one]) => one);
  const home = new Map(lists.flatMap(({ path, trajectories }) => trajectories.map((one) => [one, parent(path)] as const)));
  writeSkipped(folder, problems);
  if (all.length === 0) throw new UserError(`Cannot filter ${paths.join(", ")}: there is no trajectory`);
  const kept = topKOfDataSets(all, (own) => keep || Math.round(share * own.length));
  Deno.mkdirSync(`${folder}/frames`, { recursive: true });
  const filtered = kept.map((one, i) => {
    const files = ["source", "target"].map((side) => `frames/${i}-${side}.png`) as [string, string];
    Deno.copyFileSync(`${home.get(one)}/${one.source}`, `${folder}/${files[0]}`);
    Deno.copyFileSync(`${home.get(one)}/${one.target}`, `${folder}/${files[1]}`);
    return { ...one, source: files[0], target: files[1] };
  });
  writeFile(`${folder}/trajectories.jsonl`, filtered.map((one) => JSON.stringify(one) + "\n").join(""));

  // 2. Table 4, classes before and after, Figure 11, the gallery
  const rows = dataSetRows(all, kept);
  const table = writeTable(`${folder}/table`, rows);
  const classes = classCounts(all, kept);
  writeTable(`${folder}/classes`, classes);
  await plotDistributions(
    `${folder}/scores`,
    all.map(({ score, label }) => ({ x: score, group: label })),
    { x: `log-likelihood ${likelihood === "mean" ? "a token" : "of the action"}, all annotated`, y: "class" },
  );
  const counts = classes.flatMap(({ class: group, annotated, filtered }) => [
    { group, series: "annotated", count: annotated },
    { group, series: "filtered", count: filtered },
  ]);
  await plotCounts(`${folder}/classes`, counts, { x: "trajectories", y: "class" });
  writeFile(`${folder}/gallery.html`, galleryHtml("Annotated trajectories, by likelihood", folder, galleryParts(filtered)));
  const right = { annotated: rightOf(all), filtered: rightOf(kept) };
  stage.finish({ kind: "filter", annotated: all.length, filtered: kept.length, right, classes, datasets: rows });
  console.log(
    `${table}\n\n  ${folder}/trajectories.jsonl\n  ${folder}/gallery.html   the best, the median, the worst of those kept\n  ${folder}/scores.png, classes.png`,
  );
}

/** Annotated trajectories with their files, those of a stage's shards in the order that one process would have left. */
function inOrder(
  lists: readonly { readonly path: string; readonly from: number; readonly trajectories: readonly AnnotatedTrajectory[] }[],
): (readonly [path: string, one: AnnotatedTrajectory])[] {
  return [...Map.groupBy(lists, ({ from }) => from).values()].flatMap((shards) => {
    const own = shards.flatMap(({ path, trajectories }) => trajectories.map((one) => [path, one] as const));
    return shards.length === 1 ? own : own.toSorted(([, a], [, b]) => (a.batch ?? 0) - (b.batch ?? 0));
  });
}

function isWhole({ id, source, target }: AnnotatedTrajectory, path: string, problems: Problem[]): boolean {
  const lost = [source, target].find((file) => !isInside(file) || !exists(`${parent(path)}/${file}`));
  if (lost !== undefined) problems.push({ id, reason: `${lost} not found beside ${path}` });
  return lost === undefined;
}

/** How many of a class there are, before and after. */
interface ClassCount extends Record<string, string | number | null> {
  readonly class: string;
  readonly annotated: number;
  readonly filtered: number;
}

function classCounts(all: readonly AnnotatedTrajectory[], kept: readonly AnnotatedTrajectory[]): ClassCount[] {
  const labels = [...new Set(all.map(({ label }) => label))].sort();
  return labels.map((label) => {
    const [before, after] = [all, kept].map((list) => list.filter((one) => one.label === label)) as [
      AnnotatedTrajectory[],
      AnnotatedTrajectory[],
    ];
    return {
      class: label,
      annotated: before.length,
      filtered: after.length,
      "right before": rightOf(before),
      "right after": rightOf(after),
    };
  });
}

function galleryParts(trajectories: readonly AnnotatedTrajectory[]): GalleryPart[] {
  const sorted = trajectories.toSorted((a, b) => b.score - a.score);
  const middle = Math.max(0, (sorted.length - SHOWN) >> 1);
  return [
    { title: "The likeliest", trajectories: sorted.slice(0, SHOWN) },
    { title: "The median", trajectories: sorted.slice(middle, middle + SHOWN) },
    { title: "The least likely", trajectories: sorted.slice(-SHOWN) },
  ];
}

if (import.meta.main) await runTask(TASK, main);
