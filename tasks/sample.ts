/**
 * Predictions of the next observation for a whole bench (paper §4): a PNG and a line of JSON each, in the layout that
 * the evaluating tasks and `judge` read. A run that was stopped resumes with the next trajectory.
 *
 * @module
 */
import { batchesOf, ownBatches, type Work } from "../lib/experiment/batches.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels, requireDecoder } from "../lib/experiment/models.ts";
import { originOf } from "../lib/experiment/origin.ts";
import { workTogether } from "../lib/experiment/queue_work.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, PROVENANCE_FLAG, STAGE_SWITCHES, type TaskInfo, WORKER_FLAGS } from "../lib/experiment/task.ts";
import { fileNameOf, readBytes, writeFile } from "../lib/files.ts";
import { scorePicture } from "../lib/judge/mod.ts";
import { scoreName } from "../lib/judge/picture_score.ts";
import { mean } from "../lib/metrics/mod.ts";
import { drawSheet } from "../lib/report/mod.ts";
import { drawObservations, logLikelihoods } from "../lib/sample/mod.ts";
import { decodedImages, decodeImage, encodePng, squareCrop, worldSequence } from "../lib/tokens/mod.ts";
import type { EncodedTrajectory, Trajectory } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "sample",
  about: "Predicts the next observation of every trajectory of a bench.",
  sections: ["data", "bench", "model", "sample"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...WORKER_FLAGS, ...PROVENANCE_FLAG },
};

/** A line of `predictions.jsonl`. */
interface Prediction {
  readonly id: string;
  readonly subset: string;
  readonly action: string;
  readonly image: string; // a file in the folder
  readonly seed: number;
  readonly logLikelihood: number; // mean per token, at temperature 1 over all image tokens
  readonly score: number;
  readonly right: boolean | null;
}

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { sample: options, seed } = config;
  const bench = benchTrajectories(config);
  const stage = await openStage(invocation, TASK, { bench, adapters: { adapter: options.adapter } });
  if (!stage) return;
  const { folder } = stage;
  const origin = originOf(invocation, stage, "adapter");

  // 1. The model and the bench, less what is done already
  const models = loadModels(config, { image: stage.adapters["adapter"] });
  requireDecoder(models, config);
  const { image, vqgan, vocabulary } = models;
  const all = batchesOf(bench.list.trajectories, options.batch);
  const batches = ownBatches(all, flags["shard"], "sample.batch");
  const { items, problems } = await encodeBench({ ...bench.list, trajectories: batches.flatMap(({ items }) => items) }, vqgan);
  const readable = new Map(items.map((item) => [item.trajectory, item]));

  // 2. Some trajectories at a time
  const predict = async (chunk: readonly EncodedTrajectory[]): Promise<Prediction[]> => {
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const codes = drawObservations(image, vocabulary, queries, 1, { ...options, seed }).map(([one]) => one!);
    const families = queries.map(({ source, action }, i) => [worldSequence(vocabulary, source, action, codes[i]!)]);
    const likelihoods = logLikelihoods(image, families);
    const pictures = decodedImages(vqgan, codes);
    return await Promise.all(chunk.map(async ({ trajectory }, i): Promise<Prediction> => {
      const { id, subset, action } = trajectory;
      const file = `images/${fileNameOf(id)}.png`;
      writeFile(`${folder}/${file}`, await encodePng(pictures[i]!, origin(action, seed)), undefined, false);
      const scored = await scorePicture(trajectory, bench.truths.get(id), pictures[i]!);
      return { id, subset, action, image: file, seed, logLikelihood: likelihoods[i]![0]!.mean, ...scored };
    }));
  };
  const work: Work<Trajectory, Prediction> = {
    ...{ name: TASK.name, unit: "predictions", folder, batches, idOf: ({ id }) => id },
    run: async ({ items }) => {
      const chunk = items.flatMap((trajectory) => readable.get(trajectory) ?? []);
      return chunk.length === 0 ? [] : await predict(chunk);
    },
  };
  const worked = await workTogether(work, flags["queue"]);
  if (!worked) return; // another worker puts it together
  const { lines: done, problems: aside } = worked;
  writeFile(`${folder}/predictions.jsonl`, done.map((line) => JSON.stringify(line) + "\n").join(""));
  writeSkipped(folder, [...problems, ...aside]);

  // 3. Numbers and a picture
  const known = done.filter(({ right }) => right !== null);
  const score = mean(done.map(({ score }) => score));
  const right = known.length === 0 ? null : mean(known.map(({ right }) => Number(right)));
  const images = new Map(done.map(({ id, image }) => [id, image]));
  const rows = await Promise.all(
    items.slice(0, 10).filter(({ trajectory: { id } }) => images.has(id)).map(async ({ trajectory: { id, action, source, target } }) => ({
      caption: action,
      images: [
        squareCrop(await source.load(), vqgan.config.resolution),
        squareCrop(await target.load(), vqgan.config.resolution),
        await decodeImage(readBytes(`${folder}/${images.get(id)}`), images.get(id)!),
      ],
    })),
  );
  const headings = ["source", "target", "prediction", ""];
  writeFile(`${folder}/predictions.png`, await drawSheet(headings, rows, origin(rows.map(({ caption }) => caption), seed)));
  const scored = scoreName(bench.truths.size > 0);
  stage.finish({ kind: "samples", predictions: done.length, skipped: problems.length + aside.length, score, right, scored });
  await worked.finish();
  const share = right === null ? "" : `, right ${(100 * right).toFixed(0)} %`;
  console.log(
    `${done.length} predictions, score ${score.toFixed(2)} (${scored})${share}\n${stage.note && `${stage.note}\n`}` +
      `  ${folder}/predictions.jsonl, images/\n  ${folder}/predictions.png   source, target, prediction`,
  );
}

if (import.meta.main) await runTask(TASK, main);
