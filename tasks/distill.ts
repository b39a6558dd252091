/**
 * Distils verification (paper §3.3) into the world model: for transitions of the training it draws candidates, keeps the one that the dynamics
 * model finds likeliest, and of those the likeliest share. `train-cwm --cwm.init=… --cwm.synthetic=…` goes on from there, so that one sample
 * keeps some of what choosing among many gives. This goes beyond the paper.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { pathsOf, trainingTrajectories, withSynthetic } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels, requireDecoder } from "../lib/experiment/models.ts";
import { originOf } from "../lib/experiment/origin.ts";
import { outputsOf } from "../lib/experiment/pipeline.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { digestOf } from "../lib/experiment/run.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, PROVENANCE_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { ofWorldModel } from "../lib/experiment/training_config.ts";
import { permutation, randomStream } from "../lib/engine/mod.ts";
import { appendLine, fileNameOf, resumeLog, writeFile } from "../lib/files.ts";
import { mean } from "../lib/metrics/mod.ts";
import { pairSheet } from "../lib/report/video_sheets.ts";
import { drawObservations, rewardCandidates } from "../lib/sample/mod.ts";
import { type AnnotatedTrajectory, stratifiedTopK } from "../lib/synthesis/mod.ts";
import { decodedImages, encodePng, squareCrop } from "../lib/tokens/mod.ts";

const TASK: TaskInfo = {
  name: "distill",
  about: "Draws candidates for transitions of the training and keeps what the dynamics model finds likeliest, to train on.",
  sections: ["data", "model", "distill"],
  needs: ({ config: { cwm } }) => pathsOf(cwm.synthetic),
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...PROVENANCE_FLAG },
};

/** Runs the task. */
async function main(given: Invocation): Promise<void> {
  const invocation = ofWorldModel(given);
  const { config } = invocation;
  const { distill: options, seed } = config;

  // 1. Transitions of the training, both models on one base
  const synthetic = pathsOf(config.cwm.synthetic).flatMap((name) => outputsOf(name, config));
  const list = withSynthetic(trainingTrajectories(config), synthetic, config.cwm.syntheticLimit);
  const order = permutation(randomStream("distill", seed), list.trajectories.length).slice(0, options.sources || undefined);
  const chosen = order.map((i) => list.trajectories[i]!);
  const inputs = { trajectories: digestOf(chosen.map(({ id, action }) => [id, action])) };
  const stage = await openStage(invocation, TASK, { inputs, adapters: { cwm: options.adapter, cdm: options.cdm } });
  if (!stage) return;
  const { folder } = stage;
  const origin = originOf(invocation, stage, "cwm");
  const models = loadModels(config, { image: stage.adapters["cwm"], text: stage.adapters["cdm"] });
  requireDecoder(models, config);
  const { image, vqgan, vocabulary } = models;
  const { items, problems } = await encodeBench({ ...list, trajectories: chosen }, vqgan);
  writeSkipped(folder, problems);

  // 2. Some transitions at a time: the likeliest candidate of each
  const best = resumeLog<AnnotatedTrajectory>(`${folder}/log.jsonl`);
  const progress = showProgress("distill", items.length, best.length);
  while (best.length < items.length) {
    const behind = best.length % options.together; // after a stop: the same chunks again, for the same bits
    const chunk = items.slice(best.length - behind, best.length - behind + options.together);
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const drawn = drawObservations(image, vocabulary, queries, options.candidates, { ...options, seed });
    const rewards = rewardCandidates(models, queries, drawn, options.likelihood);
    for (const [i, { trajectory: { id, subset, action, source } }] of chunk.entries().drop(behind)) {
      const score = Math.max(...rewards[i]!);
      const place = rewards[i]!.indexOf(score);
      const [picture] = decodedImages(vqgan, [drawn[i]![place]!]);
      const files = [`frames/${fileNameOf(id)}-source.png`, `frames/${fileNameOf(id)}-target.png`] as const;
      const seen = squareCrop(await source.load(), vqgan.config.resolution);
      writeFile(`${folder}/${files[0]}`, await encodePng(seen), undefined, false);
      writeFile(`${folder}/${files[1]}`, await encodePng(picture!, origin(action, seed, place)), undefined, false);
      const moments = { sourceTime: 0, targetTime: 0, sourceFrame: 0, targetFrame: 0, duration: 0 };
      best.push({ id, video: id, label: subset, source: files[0], target: files[1], action, score, cdm: stage.inputs["cdm"]!, ...moments });
      appendLine(`${folder}/log.jsonl`, JSON.stringify(best.at(-1)));
    }
    progress.update(best.length);
  }
  progress.stop();

  // 3. The likeliest share of each subset
  const kept = stratifiedTopK(best, Math.round(options.share * best.length));
  writeFile(`${folder}/trajectories.jsonl`, kept.map((one) => JSON.stringify(one) + "\n").join(""));
  const shown = kept.slice(0, 12);
  if (kept.length > 0) writeFile(`${folder}/pairs.png`, await pairSheet(folder, shown, origin(shown.map(({ action }) => action), seed)));
  const scores = { drawn: mean(best.map(({ score }) => score)), kept: mean(kept.map(({ score }) => score)) };
  stage.finish({ kind: "distillation", drawn: best.length, kept: kept.length, scores });
  console.log(
    `${kept.length} of ${best.length} transitions kept, log-likelihood of the action ${scores.drawn.toFixed(2)} → ${
      scores.kept.toFixed(2)
    }\n` +
      `  ${folder}/trajectories.jsonl   for train-cwm --cwm.synthetic\n  ${folder}/pairs.png            sources and chosen pictures`,
  );
}

if (import.meta.main) await runTask(TASK, main);
