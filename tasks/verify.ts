/**
 * Verification at test time (paper §3.3, Figure 8): candidates of the world model, rewarded by the dynamics model. One pool of
 * candidates gives the curves for every N; the oracle shows what a perfect verifier would reach.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels, requireDecoder } from "../lib/experiment/models.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, SHARD_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { appendLine, fileNameOf, resumeLog, writeFile } from "../lib/files.ts";
import { scorePicture } from "../lib/judge/mod.ts";
import { scoreName } from "../lib/judge/picture_score.ts";
import { drawSheet, plotLines, type Pool, verificationCurves, writeTable } from "../lib/report/mod.ts";
import { drawObservations, rewardCandidates } from "../lib/sample/mod.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import { decodedImages, encodePng, type RgbImage, squareCrop } from "../lib/tokens/mod.ts";
import type { Trajectory } from "../lib/trajectories/mod.ts";

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

  // 1. Both models on one base, the bench
  const models = loadModels(config, { image: stage.adapters["cwm"], text: stage.adapters["cdm"] });
  requireDecoder(models, config);
  const { image, text, vqgan, vocabulary } = models;
  const { items: all, problems } = await encodeBench(bench.list, vqgan);
  writeSkipped(folder, problems);
  const items = shardOf(all, flags["shard"] ?? "0/1");
  const pools = resumeLog<Pool>(`${folder}/candidates.jsonl`);
  const total = options.repeats * items.length;

  // 2. Pools: candidates, rewards, scores; the chosen one is kept as a picture
  const progress = showProgress("verify", total, pools.length);
  while (pools.length < total) {
    const [repeat, start] = [Math.floor(pools.length / items.length), pools.length % items.length];
    const chunk = items.slice(start, start + options.together);
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const drawn = drawObservations(image, vocabulary, queries, options.candidates, { ...options, seed: seed + repeat });
    const rewards = rewardCandidates(text, vocabulary, queries, drawn, options.likelihood);
    for (const [i, { trajectory }] of chunk.entries()) {
      const pictures = decodedImages(vqgan, drawn[i]!);
      const scores = await scoreAll(trajectory, pictures);
      const { id, subset } = trajectory;
      const pool: Pool = { id, subset, repeat, rewards: rewards[i]!, ...scores, chosen: rewards[i]!.indexOf(Math.max(...rewards[i]!)) };
      writeFile(`${folder}/images/${repeat}/${fileNameOf(id)}.png`, await encodePng(pictures[pool.chosen]!), undefined, false);
      appendLine(`${folder}/candidates.jsonl`, JSON.stringify(pool));
      pools.push(pool);
      if (pools.length <= SHOWN) writeFile(`${folder}/pools/${pools.length}.png`, await poolSheet(trajectory, pool, pictures));
    }
    progress.update(pools.length);
  }
  progress.stop();

  // 3. Curves over N
  const scored = scoreName(bench.truths.size > 0);
  const curves = verificationCurves(pools);
  const table = writeTable(`${folder}/table`, curves, stage.note);
  await plotLines(`${folder}/curves`, curves.map(({ N, chooser, score }) => ({ x: N, y: score, line: chooser })), {
    x: "candidates N",
    y: scored,
  });
  stage.finish({ kind: "verification", pools: pools.length, skipped: problems.length, curves, scored });
  console.log(
    `${table}\n\n  score: ${scored}\n  ${folder}/curves.png   score against N (Figure 8)\n  ${folder}/pools/     ${SHOWN} pools with rewards and scores\n` +
      `  ${folder}/candidates.jsonl   every reward and score`,
  );

  async function scoreAll(trajectory: Trajectory, pictures: readonly RgbImage[]): Promise<Pick<Pool, "scores" | "right">> {
    const scored = await Promise.all(pictures.map((picture) => scorePicture(trajectory, bench.truths.get(trajectory.id), picture)));
    return { scores: scored.map(({ score }) => score), right: scored.map(({ right }) => right) };
  }

  async function poolSheet({ action, source, target }: Trajectory, pool: Pool, pictures: readonly RgbImage[]): Promise<Uint8Array> {
    const { rewards, scores, chosen } = pool;
    const truth = [source, target].map(async (one) => squareCrop(await one.load(), vqgan.config.resolution));
    const caption = rewards.map((reward, i) => `${i === chosen ? "→ " : ""}${reward.toFixed(2)} (${scores[i]!.toFixed(0)})`).join("   ");
    const rows = [{ caption: action, images: await Promise.all(truth) }, { caption, images: [...pictures] }];
    return await drawSheet(pictures.map((_, i) => `${i + 1}`), rows);
  }
}

if (import.meta.main) await runTask(TASK, main);
