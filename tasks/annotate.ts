/**
 * Annotates unlabelled videos (paper §3.2): key-frame pairs by optical flow, the action between them by the dynamics model,
 * its likelihood as a score. A run that was stopped goes on with the next video.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { loadModels } from "../lib/experiment/models.ts";
import { batchesOf, ownBatches, type Work } from "../lib/experiment/batches.ts";
import { shardName } from "../lib/experiment/pipeline.ts";
import { digestOf, runFolder } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { workTogether } from "../lib/experiment/queue_work.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { actionsOf, renderInto, withTruth, worldFiles, worldOf, type WorldVideos } from "../lib/experiment/world_videos.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo, WORKER_FLAGS } from "../lib/experiment/task.ts";
import { isOfDisk, UserError } from "../lib/errors.ts";
import { fileNameOf, readText, writeFile } from "../lib/files.ts";
import { contactSheet } from "../lib/report/mod.ts";
import { pairSheet } from "../lib/report/video_sheets.ts";
import {
  type AnnotatedTrajectory,
  annotatePairs,
  type Annotator,
  type EarlierPairs,
  earlierPairs,
  listDataSets,
  pairsOfVideo,
  type VideoFile,
  type VideoList,
  videoStatistics,
} from "../lib/synthesis/mod.ts";
import { keepTrajectories } from "../lib/synthesis/annotate.ts";
import { withVideoFile } from "../lib/synthesis/videos.ts";
import type { Problem } from "../lib/trajectories/mod.ts";
import { type MotionPool, openMotionPool } from "../lib/video/mod.ts";

const TASK: TaskInfo = {
  name: "annotate",
  about: "Turns unlabelled videos into trajectories: key-frame pairs, and the action that the dynamics model sees between them.",
  sections: ["data", "model", "annotate"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...WORKER_FLAGS },
};

/** What came of a video. */
type Line = { readonly video: string } & ({ readonly trajectories: readonly AnnotatedTrajectory[] } | { readonly skipped: string });

/** What videos are annotated with. */
interface Tools {
  readonly annotator: Annotator;
  readonly config: Config;
  readonly folder: string;
  readonly world: WorldVideos | undefined;
  readonly pool: MotionPool;
  readonly earlier: EarlierPairs | undefined;
}

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { annotate: options } = config;
  const folder = runFolder(config, shardName(TASK.name, flags["shard"]), flags);

  // 1. The videos, the run, the dynamics model
  if (options.from !== "" && options.sheets) {
    throw new UserError("Cannot draw sheets of videos (annotate.sheets) with annotate.from, which reads none: leave one of them out");
  }
  const earlier = options.from === "" ? undefined : earlierPairs(options.from);
  const world = worldOf(config, earlier?.videos);
  const list = earlier ?? (world ? { videos: worldFiles(folder, world) } : await listReal(config, `${folder}/videos`));
  const batches = ownBatches(batchesOf(list.videos, options.videosAtOnce), flags["shard"], "annotate.videosAtOnce");
  const names = digestOf(batches.map(({ items }) => items.map(({ id }) => id)));
  const inputs = { videos: names, ...(earlier && { pairs: digestOf(readText(options.from)) }) };
  const stage = await openStage(invocation, TASK, { inputs, adapters: { cdm: options.cdm } });
  if (!stage) return;
  const { text, vqgan, vocabulary } = loadModels(config, { text: stage.adapters["cdm"] });
  const annotator: Annotator = { text, vqgan, vocabulary, cdm: stage.inputs["cdm"]! };

  // 2. Some videos at a time, a line each
  const pool = openMotionPool();
  const work: Work<VideoFile, Line> = {
    ...{ name: TASK.name, unit: "videos", folder, batches, idOf: ({ id }) => id },
    run: ({ index, items }) => annotateVideos(index, items, { annotator, config, folder, world, pool, earlier }),
  };
  const worked = await workTogether(work, flags["queue"]);
  pool.close();
  if (!worked) return; // another worker puts it together
  const { lines, problems: aside } = worked;

  // 3. One file of trajectories, what was left out, a picture
  const trajectories = lines.flatMap((line) => "trajectories" in line ? line.trajectories : []);
  const skipped = lines.flatMap((line): Problem[] => "skipped" in line ? [{ id: line.video, reason: line.skipped }] : []);
  const problems = [...skipped, ...aside];
  const videos = batches.reduce((sum, { items }) => sum + items.length, 0);
  writeSkipped(folder, [..."problems" in list ? list.problems : [], ...problems]);
  writeFile(`${folder}/trajectories.jsonl`, trajectories.map((trajectory) => JSON.stringify(trajectory) + "\n").join(""));
  if (trajectories.length > 0) writeFile(`${folder}/pairs.png`, await pairSheet(folder, trajectories.slice(0, 12)));
  const known = trajectories.filter(({ right }) => right !== undefined);
  const right = known.length === 0 ? null : known.filter((one) => one.right).length / known.length;
  const statistics = videoStatistics(trajectories);
  const counts = { videos, skipped: problems.length, trajectories: trajectories.length };
  stage.finish({ kind: "annotation", ...counts, right, statistics: { ...statistics } });
  await worked.finish();
  console.log(
    `${trajectories.length} trajectories of ${statistics.videos} videos, ${problems.length} of ${videos} videos left out${
      right === null ? "" : `; the action is what was done in ${(100 * right).toFixed(0)} %`
    }\n  ${folder}/trajectories.jsonl\n  ${folder}/pairs.png   key-frame pairs with their actions`,
  );
}

/** The lines of videos: their pairs together through the model. */
async function annotateVideos(
  batch: number,
  videos: readonly VideoFile[],
  { annotator, config: { annotate: options, seed }, folder, world, pool, earlier }: Tools,
): Promise<Line[]> {
  const pairsOf = async (video: VideoFile) => {
    if (earlier) return await earlier.pairsOf(video);
    if (world) await renderInto(video, world, options.lossless);
    return await withVideoFile(video, (path) => pairsOfVideo(path, options, pool)).catch((error) => reasonOf(error, video));
  };
  const found = await Promise.all(videos.map(async (video) => ({ video, pairs: await pairsOf(video) })));
  const images = found.flatMap(({ pairs }) => typeof pairs === "string" ? [] : pairs.pairs.map((pair) => pair.images));
  const streams = found.flatMap(({ video, pairs }) =>
    typeof pairs === "string" ? [] : pairs.pairs.map(({ number }) => `${video.id}#${number}`)
  );
  const choice = { temperature: options.temperature, seed, streams }; // an action does not depend on what is drawn with it
  const truths = options.oracle && world ? found.flatMap((one) => actionsOf(one, world, seed)) : undefined;
  const annotated = images.length === 0 ? [] : annotatePairs(annotator, images, choice, truths);
  const lines: Line[] = [];
  for (const { video, pairs } of found) {
    if (typeof pairs === "string") {
      lines.push({ video: video.id, skipped: pairs });
      continue;
    }
    const own = annotated.splice(0, pairs.pairs.length);
    const trajectories = (await keepTrajectories(folder, video, pairs, own, annotator.cdm)).map((one) =>
      withTruth({ ...one, batch }, video, world)
    );
    if (options.sheets) {
      const sheet = await withVideoFile(video, (path) => contactSheet({ ...video, path }, pairs, own));
      writeFile(`${folder}/sheets/${fileNameOf(video.id)}.png`, sheet);
    }
    lines.push(
      trajectories.length > 0 ? { video: video.id, trajectories } : { video: video.id, skipped: "the model said nothing of its pairs" },
    );
  }
  return lines;
}

/** The videos of the data sets that are named, or of the one without a name. */
async function listReal({ annotate: { videos, clips, hours, datasets }, seed }: Config, folder: string): Promise<VideoList> {
  if (videos !== "" && Object.keys(datasets).length > 0) {
    throw new UserError(`Cannot annotate both annotate.videos (${videos}) and annotate.datasets: leave one out, as --annotate.datasets={}`);
  }
  const list = await listDataSets(videos === "" ? datasets : { "": { videos, clips, hours } }, seed, folder);
  const counts = Map.groupBy(list.videos, ({ dataset }) => dataset ?? videos).entries().map(([name, own]) => `${own.length} of ${name}`);
  console.log(`Videos: ${[...counts].join(", ")}`);
  return list;
}

/** Why a video is left out; a disk that failed is no fault of the video, which would be missing for good. */
function reasonOf(error: unknown, { path }: VideoFile): string {
  if (isOfDisk(error)) throw error;
  return (error as Error).message.replace(`Cannot read ${path} as a video: `, "").replaceAll(path, "it");
}

if (import.meta.main) await runTask(TASK, main);
