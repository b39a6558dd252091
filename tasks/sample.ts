/**
 * Predictions of the next observation for a whole bench (paper §4): a PNG and a line of JSON each, in the layout that
 * `evaluate` and `judge` read. A run that was stopped goes on with the next trajectory.
 *
 * @module
 */
import { DEPENDENCY_FLAGS, type Invocation, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import { appendLine, resumeLog, writeFile } from "../lib/files.ts";
import { scoreName, scorePicture } from "../lib/judge/mod.ts";
import { mean } from "../lib/metrics/mod.ts";
import { drawSheet } from "../lib/report/mod.ts";
import { dryRunText, finishedText, openRun, runFolder, showProgress, writeSkipped } from "../lib/experiment/run.ts";
import { drawObservations, logLikelihoods } from "../lib/sample/mod.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import { decodeImage, encodePng, squareCrop, worldSequence } from "../lib/tokens/mod.ts";
import { decodedImages } from "../lib/trajectories/mod.ts";
import { ensureEngine } from "./setup.ts";
import { adapterFolder } from "./stages.ts";
import { digestFor, encodeBench, fileNameOf, loadModels, planBench } from "./world_model.ts";

const TASK: TaskInfo = {
  name: "sample",
  about: "Predicts the next observation of every trajectory of a bench.",
  sections: ["data", "model", "sample"],
  flags: { ...DEPENDENCY_FLAGS, shard: "i/n: take every n-th trajectory, for n workers with a run each" },
};

/** A line of `predictions.jsonl`. */
interface Prediction {
  readonly id: string;
  readonly subset: string;
  readonly action: string;
  readonly image: string; // a file in the folder
  readonly seed: number;
  readonly logLikelihood: number; // mean of a token, at temperature 1 over all image tokens
  readonly score: number;
  readonly right: boolean | null;
}

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { sample: options, seed } = config;
  const bench = planBench(config, options.bench);
  const shard = flags["shard"] || "0/1";
  const stage = flags["shard"] ? `sample-${shard.replace("/", "-of-")}` : "sample";
  const folder = runFolder(config, stage, flags);
  if ("dry-run" in flags) return console.log(dryRunText({ config, stage, sections: TASK.sections, inputs: bench.inputs, folder }));
  const backend = await ensureEngine(config.model.backend);
  const adapter = options.adapter === "base" ? undefined : await adapterFolder(options.adapter, invocation);
  const inputs = { ...bench.inputs, shard, adapter: adapter === undefined ? "none" : digestFor(adapter, bench.inputs["base"]!) };
  const run = openRun({ task: TASK.name, stage, config, sections: ["seed", "data", "model", "sample"], inputs, backend, flags });
  if (run.finished) return console.log(finishedText(folder));

  // 1. The model and the bench, less what is done already
  const { image, vqgan, vocabulary } = loadModels(config, adapter);
  const { items, problems } = await encodeBench(bench, vqgan);
  writeSkipped(folder, problems);
  const own = shardOf(items, shard);
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
        await decodeImage(Deno.readFileSync(`${folder}/${done[i]!.image}`), done[i]!.image),
      ],
    })),
  );
  writeFile(`${folder}/predictions.png`, await drawSheet(["source", "target", "prediction", ""], rows));
  run.finish({ predictions: done.length, skipped: problems.length, score, right, scored: scoreName(bench.truths.size > 0) });
  console.log(
    `${done.length} predictions, score ${score.toFixed(2)} (${scoreName(bench.truths.size > 0)})${
      right === null ? "" : `, right ${(100 * right).toFixed(0)} %`
    }\n  ${folder}/predictions.jsonl, images/\n  ${folder}/predictions.png   source, target, prediction`,
  );
}

if (import.meta.main) await runTask(TASK, main);
