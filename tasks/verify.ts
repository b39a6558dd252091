/**
 * Verification at test time (paper §3.3, Figure 8): candidates of the world model, rewarded by the dynamics model. One pool of
 * candidates gives the curves for every N; the oracle shows what a perfect verifier would reach. Every candidate is kept, so that
 * `judge --pools` and `evaluate-images --pools` can score the same pools.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels, requireDecoder } from "../lib/experiment/models.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, SHARD_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { appendLine, fileNameOf, writeFile } from "../lib/files.ts";
import { readCandidates } from "../lib/judge/candidates.ts";
import { type Candidate, scorePicture } from "../lib/judge/mod.ts";
import { scoreName, scorerName } from "../lib/judge/picture_score.ts";
import { CURVES_NOTE, plotCurves } from "../lib/report/curves.ts";
import { drawSheet, scoredPools, verificationCurves, writeTable } from "../lib/report/mod.ts";
import { drawObservations, rewardCandidates } from "../lib/sample/mod.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import { decodedImages, encodePng, type RgbImage, squareCrop } from "../lib/tokens/mod.ts";
import type { Trajectory } from "../lib/trajectories/mod.ts";
import type { WorldTrajectory } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "verify",
  about: "Draws candidates of the next observation, and chooses by the dynamics model's likelihood of the action.",
  sections: ["data", "bench", "model", "verify"],
  needs: ({ config: { verify } }) => [verify.adapter, verify.cdm],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...SHARD_FLAG },
};

const SHOWN = 6; // pools that are drawn

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { verify: options, seed } = config;
  const bench = benchTrajectories(config);
  const stage = await openStage(invocation, TASK, { bench, adapters: { cwm: options.adapter, cdm: options.cdm } });
  if (!stage) return;
  const { folder } = stage;
  const isWorld = bench.truths.size > 0;

  // 1. Both models on one base, the bench
  const models = loadModels(config, { image: stage.adapters["cwm"], text: stage.adapters["cdm"] });
  requireDecoder(models, config);
  const { image, text, vqgan, vocabulary } = models;
  const { items: all, problems } = await encodeBench(bench.list, vqgan);
  writeSkipped(folder, problems);
  const items = shardOf(all, flags["shard"] ?? "0/1");
  const done = resumePools(folder, options.candidates);
  const total = options.repeats * items.length;
  const count = () => done.length / options.candidates;

  // 2. Pools: candidates with rewards and scores, every one kept as a picture
  const progress = showProgress("verify", total, count());
  while (count() < total) {
    const [repeat, start] = [Math.floor(count() / items.length), count() % items.length];
    const behind = start % options.together; // after a stop: the same chunks again, for the same bits
    const chunk = items.slice(start - behind, start - behind + options.together);
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const drawn = drawObservations(image, vocabulary, queries, options.candidates, { ...options, seed: seed + repeat });
    const rewards = rewardCandidates(text, vocabulary, queries, drawn, options.likelihood);
    for (const [i, { trajectory }] of chunk.entries().drop(behind)) {
      const pictures = decodedImages(vqgan, drawn[i]!);
      const drawing = { repeat, seed: seed + repeat };
      const pool = await scorePool(trajectory, bench.truths.get(trajectory.id), pictures, rewards[i]!, drawing);
      for (const [j, picture] of pictures.entries()) writeFile(`${folder}/${pool[j]!.image}`, await encodePng(picture), undefined, false);
      appendLine(`${folder}/candidates.jsonl`, pool.map((candidate) => JSON.stringify(candidate)).join("\n"));
      done.push(...pool);
      if (count() <= SHOWN) writeFile(`${folder}/pools/${count()}.png`, await poolSheet(trajectory, pool, pictures));
    }
    progress.update(count());
  }
  progress.stop();

  // 3. Curves over N
  const scored = scoreName(isWorld);
  const curves = verificationCurves(scoredPools(done, scorerName(isWorld)));
  const note = [CURVES_NOTE, stage.note].filter(Boolean).join(" ");
  const table = writeTable(`${folder}/table`, curves, note);
  await plotCurves(`${folder}/curves`, curves, scored);
  stage.finish({ kind: "verification", pools: count(), skipped: problems.length, curves, scored });
  console.log(
    `${table}\n\n  score: ${scored}\n  ${folder}/curves.png   score against N (Figure 8)\n  ${folder}/pools/     ${SHOWN} pools with rewards and scores\n` +
      `  ${folder}/images/    every candidate; ${folder}/candidates.jsonl its reward and score`,
  );
}

/** A pool, once its pictures are scored. */
async function scorePool(
  trajectory: Trajectory,
  world: WorldTrajectory | undefined,
  pictures: readonly RgbImage[],
  rewards: readonly number[],
  drawn: { readonly repeat: number; readonly seed: number },
): Promise<Candidate[]> {
  const { id, subset } = trajectory;
  const chosen = rewards.indexOf(Math.max(...rewards));
  return await Promise.all(pictures.map(async (picture, index): Promise<Candidate> => {
    const { score, right } = await scorePicture(trajectory, world, picture);
    const image = `images/${drawn.repeat}/${fileNameOf(id)}-${index}.png`;
    const scores = { [scorerName(world !== undefined)]: score };
    return { id, subset, ...drawn, index, image, logLikelihood: rewards[index]!, chosen: index === chosen, scores, right };
  }));
}

/** Source and target above the candidates, each with its reward and score. */
async function poolSheet({ action, source, target }: Trajectory, pool: readonly Candidate[], pictures: readonly RgbImage[]) {
  const truth = await Promise.all([source, target].map(async (one) => squareCrop(await one.load(), pictures[0]!.width)));
  const texts = pool.map(({ logLikelihood, chosen, scores }) =>
    `${chosen ? "→ " : ""}${logLikelihood.toFixed(2)} (${Object.values(scores)[0]!.toFixed(0)})`
  );
  const rows = [{ caption: action, images: truth }, { caption: texts.join("   "), images: [...pictures] }];
  return await drawSheet(pictures.map((_, i) => `${i + 1}`), rows);
}

/** Candidates of a run that was stopped; of a pool that was being written nothing is kept. */
function resumePools(folder: string, size: number): Candidate[] {
  const kept = readCandidates(folder);
  const whole = kept.slice(0, kept.length - kept.length % size);
  if (whole.length < kept.length) writeFile(`${folder}/candidates.jsonl`, whole.map((one) => JSON.stringify(one) + "\n").join(""));
  return whole;
}

if (import.meta.main) await runTask(TASK, main);
