/**
 * Verification at test time (paper §3.3, Figure 8): candidates of the world model, rewarded by the dynamics model. One pool of
 * candidates gives the curves for every N; the oracle shows what a perfect verifier would reach. Every candidate is kept, so that
 * `judge --pools` and `evaluate-images --pools` can score the same pools.
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
import { fileNameOf, writeFile } from "../lib/files.ts";
import { type Candidate, scorePicture } from "../lib/judge/mod.ts";
import { scoreName, scorerName } from "../lib/judge/picture_score.ts";
import { CURVES_NOTE, plotCurves } from "../lib/report/curves.ts";
import { drawSheet, scoredPools, verificationCurves, writeTable } from "../lib/report/mod.ts";
import { drawObservations, rewardCandidates } from "../lib/sample/mod.ts";
import { decodedImages, encodePng, type RgbImage, squareCrop } from "../lib/tokens/mod.ts";
import type { EncodedTrajectory, Trajectory } from "../lib/trajectories/mod.ts";
import type { WorldTrajectory } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "verify",
  about: "Draws candidates of the next observation, and chooses by the dynamics model's likelihood of the action.",
  sections: ["data", "bench", "model", "verify"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...WORKER_FLAGS, ...PROVENANCE_FLAG },
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
  const origin = originOf(invocation, stage, "cwm");
  const isWorld = bench.truths.size > 0;

  // 1. Both models on one base, the bench
  const models = loadModels(config, { image: stage.adapters["cwm"], text: stage.adapters["cdm"] });
  requireDecoder(models, config);
  const { image, vqgan, vocabulary } = models;
  const all = batchesOf(bench.list.trajectories, options.together);
  const own = ownBatches(all, flags["shard"], "verify.together");
  const { items, problems } = await encodeBench({ ...bench.list, trajectories: own.flatMap(({ items }) => items) }, vqgan);
  const readable = new Map(items.map((item) => [item.trajectory, item]));
  const shown = new Set(items.slice(0, SHOWN).map(({ trajectory }) => trajectory));

  // 2. Pools: candidates with rewards and scores, every one kept as a picture
  const drawPools = async (repeat: number, chunk: readonly EncodedTrajectory[]): Promise<Candidate[]> => {
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const drawing = { repeat, seed: seed + repeat };
    const drawn = drawObservations(image, vocabulary, queries, options.candidates, { ...options, seed: seed + repeat });
    const rewards = rewardCandidates(models, queries, drawn, options.likelihood);
    const pools: Candidate[][] = [];
    for (const [i, { trajectory }] of chunk.entries()) {
      const pictures = decodedImages(vqgan, drawn[i]!);
      const pool = await scorePool(trajectory, bench.truths.get(trajectory.id), pictures, rewards[i]!, drawing);
      for (const [j, picture] of pictures.entries()) {
        const png = await encodePng(picture, origin(trajectory.action, drawing.seed, j));
        writeFile(`${folder}/${pool[j]!.image}`, png, undefined, false);
      }
      if (repeat === 0 && shown.has(trajectory)) {
        const place = items.findIndex((item) => item.trajectory === trajectory) + 1;
        writeFile(`${folder}/pools/${place}.png`, await poolSheet(trajectory, pool, pictures, origin(trajectory.action, drawing.seed)));
      }
      pools.push(pool);
    }
    return pools.flat();
  };
  const batches = Array.from(
    { length: options.repeats },
    (_, repeat) =>
      own.map(({ index, items }) => ({ index: repeat * all.length + index, items: items.map((trajectory) => ({ repeat, trajectory })) })),
  )
    .flat();
  const work: Work<{ repeat: number; trajectory: Trajectory }, Candidate> = {
    ...{ name: TASK.name, unit: "pools", folder, batches, idOf: ({ repeat, trajectory: { id } }) => `${id}, repeat ${repeat}` },
    run: async ({ items }) => {
      const chunk = items.flatMap(({ trajectory }) => readable.get(trajectory) ?? []);
      return chunk.length === 0 ? [] : await drawPools(items[0]!.repeat, chunk);
    },
  };
  const worked = await workTogether(work, flags["queue"]);
  if (!worked) return; // another worker puts it together
  const { lines: done, problems: aside } = worked;
  writeFile(`${folder}/candidates.jsonl`, done.map((candidate) => JSON.stringify(candidate) + "\n").join(""));
  writeSkipped(folder, [...problems, ...aside]);

  // 3. Curves over N
  const scored = scoreName(isWorld);
  const curves = verificationCurves(scoredPools(done, scorerName(isWorld)));
  const note = [CURVES_NOTE, stage.note].filter(Boolean).join(" ");
  const table = writeTable(`${folder}/table`, curves, note);
  await plotCurves(`${folder}/curves`, curves, scored);
  stage.finish({ kind: "verification", pools: done.length / options.candidates, skipped: problems.length + aside.length, curves, scored });
  await worked.finish();
  console.log(
    `${table}\n\n  score: ${scored}\n  ${folder}/curves.png   score against N (Figure 8)\n  ${folder}/pools/     ${shown.size} pools with rewards and scores\n` +
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
async function poolSheet({ action, source, target }: Trajectory, pool: readonly Candidate[], pictures: readonly RgbImage[], xmp?: string) {
  const truth = await Promise.all([source, target].map(async (one) => squareCrop(await one.load(), pictures[0]!.width)));
  const texts = pool.map(({ logLikelihood, chosen, scores }) =>
    `${chosen ? "→ " : ""}${logLikelihood.toFixed(2)} (${Object.values(scores)[0]!.toFixed(0)})`
  );
  const rows = [{ caption: action, images: truth }, { caption: texts.join("   "), images: [...pictures] }];
  return await drawSheet(pictures.map((_, i) => `${i + 1}`), rows, xmp);
}

if (import.meta.main) await runTask(TASK, main);
