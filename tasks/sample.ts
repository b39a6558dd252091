/**
 * Predictions of the next observation for a whole bench (paper §4): a PNG and a line of JSON each, in the layout that
 * the evaluating tasks and `judge` read. A run that was stopped resumes with the next trajectory.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels, requireDecoder } from "../lib/experiment/models.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, SHARD_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { appendLine, fileNameOf, readBytes, resumeLog, writeFile } from "../lib/files.ts";
import { scorePicture } from "../lib/judge/mod.ts";
import { scoreName } from "../lib/judge/picture_score.ts";
import { mean } from "../lib/metrics/mod.ts";
import { drawSheet } from "../lib/report/mod.ts";
import { drawObservations, logLikelihoods } from "../lib/sample/mod.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import { decodedImages, decodeImage, encodePng, squareCrop, worldSequence } from "../lib/tokens/mod.ts";

const TASK: TaskInfo = {
  name: "sample",
  about: "Predicts the next observation of every trajectory of a bench.",
  sections: ["data", "bench", "model", "sample"],
  needs: ({ config }) => [config.sample.adapter],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...SHARD_FLAG },
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

  // 1. The model and the bench, less what is done already
  const models = loadModels(config, { image: stage.adapters["adapter"] });
  requireDecoder(models, config);
  const { image, vqgan, vocabulary } = models;
  const { items, problems } = await encodeBench(bench.list, vqgan);
  writeSkipped(folder, problems);
  const own = shardOf(items, flags["shard"] ?? "0/1");
  const done = resumeLog<Prediction>(`${folder}/predictions.jsonl`);
  const open = own.slice(done.length);

  // 2. Some trajectories at a time
  const progress = showProgress("sample", own.length, done.length);
  for (let start = 0; start < open.length; start += options.batch) {
    const chunk = open.slice(start, start + options.batch);
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const codes = drawObservations(image, vocabulary, queries, 1, { ...options, seed }).map(([one]) => one!);
    const families = queries.map(({ source, action }, i) => [worldSequence(vocabulary, source, action, codes[i]!)]);
    const likelihoods = logLikelihoods(image, families);
    const pictures = decodedImages(vqgan, codes);
    for (const [i, { trajectory }] of chunk.entries()) {
      const file = `images/${fileNameOf(trajectory.id)}.png`;
      writeFile(`${folder}/${file}`, await encodePng(pictures[i]!), undefined, false);
      const { id, subset, action } = trajectory;
      const scored = await scorePicture(trajectory, bench.truths.get(id), pictures[i]!);
      const line: Prediction = { id, subset, action, image: file, seed, logLikelihood: likelihoods[i]![0]!.mean, ...scored };
      appendLine(`${folder}/predictions.jsonl`, JSON.stringify(line));
      done.push(line);
    }
    progress.update(done.length);
  }
  progress.stop();

  // 3. Numbers and a picture
  const known = done.filter(({ right }) => right !== null);
  const score = mean(done.map(({ score }) => score));
  const right = known.length === 0 ? null : mean(known.map(({ right }) => Number(right)));
  const rows = await Promise.all(
    own.slice(0, 10).map(async ({ trajectory: { action, source, target } }, i) => ({
      caption: action,
      images: [
        squareCrop(await source.load(), vqgan.config.resolution),
        squareCrop(await target.load(), vqgan.config.resolution),
        await decodeImage(readBytes(`${folder}/${done[i]!.image}`), done[i]!.image),
      ],
    })),
  );
  writeFile(`${folder}/predictions.png`, await drawSheet(["source", "target", "prediction", ""], rows));
  const scored = scoreName(bench.truths.size > 0);
  stage.finish({ kind: "samples", predictions: done.length, skipped: problems.length, score, right, scored });
  const share = right === null ? "" : `, right ${(100 * right).toFixed(0)} %`;
  console.log(
    `${done.length} predictions, score ${score.toFixed(2)} (${scored})${share}\n${stage.note && `${stage.note}\n`}` +
      `  ${folder}/predictions.jsonl, images/\n  ${folder}/predictions.png   source, target, prediction`,
  );
}

if (import.meta.main) await runTask(TASK, main);
