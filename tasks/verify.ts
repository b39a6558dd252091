/**
 * Verification at test time (paper §3.3, Figure 8): candidates of the world model, rewarded by the dynamics model. One pool of
 * candidates gives the curves for every N; the oracle shows what a perfect verifier would reach.
 *
 * @module
 */
import { DEPENDENCY_FLAGS, type Invocation, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import { appendLine, resumeLog, writeFile } from "../lib/files.ts";
import { scoreName, scorePicture } from "../lib/judge/mod.ts";
import { mean } from "../lib/metrics/mod.ts";
import { drawSheet, plotLines, type TableRow, writeTable } from "../lib/report/mod.ts";
import { dryRunText, finishedText, openRun, runFolder, showProgress, writeSkipped } from "../lib/experiment/run.ts";
import { drawObservations, expectedBestOf, rewardCandidates } from "../lib/sample/mod.ts";
import { encodePng, type RgbImage, squareCrop } from "../lib/tokens/mod.ts";
import { decodedImages, type Trajectory } from "../lib/trajectories/mod.ts";
import { ensureEngine } from "./setup.ts";
import { adapterFolder } from "./stages.ts";
import { digestFor, encodeBench, fileNameOf, loadModels, planBench } from "./world_model.ts";

const TASK: TaskInfo = {
  name: "verify",
  about: "Draws candidates of the next observation, and chooses by the dynamics model's likelihood of the action.",
  sections: ["data", "model", "verify"],
  flags: DEPENDENCY_FLAGS,
};

/** A line of `candidates.jsonl`: one trajectory's pool. */
interface Pool {
  readonly id: string;
  readonly subset: string;
  readonly repeat: number;
  readonly rewards: readonly number[]; // mean log-likelihood a token of the action, by the dynamics model
  readonly scores: readonly number[];
  readonly right: readonly (boolean | null)[];
  readonly chosen: number;
}

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { verify: options, seed } = config;
  const bench = planBench(config, options.bench);
  const folder = runFolder(config, "verify", flags);
  if ("dry-run" in flags) {
    return console.log(dryRunText({ config, stage: "verify", sections: TASK.sections, inputs: bench.inputs, folder }));
  }
  const backend = await ensureEngine(config.model.backend);
  const [cwm, cdm] = [await adapterFolder(options.adapter, invocation), await adapterFolder(options.cdm, invocation)];
  const base = bench.inputs["base"]!;
  const inputs = { ...bench.inputs, cwm: digestFor(cwm, base), cdm: digestFor(cdm, base) };
  const run = openRun({ task: TASK.name, stage: "verify", config, sections: ["seed", "data", "model", "verify"], inputs, backend, flags });
  if (run.finished) return console.log(`${Deno.readTextFileSync(`${folder}/table.md`)}\n${finishedText(folder)}`);

  // 1. Both models on one base, the bench
  const { image, text, vqgan, vocabulary } = loadModels(config, cwm, cdm);
  const { items, problems } = await encodeBench(bench, vqgan);
  writeSkipped(folder, problems);
  const pools = resumeLog<Pool>(`${folder}/candidates.jsonl`);
  const total = options.repeats * items.length;

  // 2. Pools: candidates, rewards, scores; the chosen one is kept as a picture
  const progress = showProgress("verify", total, pools.length);
  while (pools.length < total) {
    const [repeat, start] = [Math.floor(pools.length / items.length), pools.length % items.length];
    const chunk = items.slice(start, start + options.together);
    const queries = chunk.map(({ source, trajectory: { id, action } }) => ({ id, source, action }));
    const drawn = drawObservations(image, vocabulary, queries, options.candidates, { ...options, seed: seed + repeat });
    const rewards = rewardCandidates(text, vocabulary, queries, drawn);
    for (const [i, { trajectory }] of chunk.entries()) {
      const { pool, pictures } = await judgePool(trajectory, decodedImages(vqgan, drawn[i]!), rewards[i]!);
      writeFile(`${folder}/images/${repeat}/${fileNameOf(trajectory.id)}.png`, await encodePng(pictures[pool.chosen]!), undefined, false);
      appendLine(`${folder}/candidates.jsonl`, JSON.stringify(pool));
      pools.push(pool);
      if (pools.length <= SHOWN) await drawPool(`${folder}/pools/${pools.length}`, trajectory, pool, pictures);
    }
    progress.update(pools.length);
  }
  progress.stop();

  // 3. Curves over N
  const rows = curveRows(pools, options.candidates, options.repeats);
  const table = writeTable(`${folder}/table`, rows);
  const points = rows.map(({ N, chooser, score }) => ({ x: N as number, y: score as number, line: chooser as string }));
  await plotLines(`${folder}/curves`, points, { x: "candidates N", y: scoreName(bench.truths.size > 0) });
  run.finish({ pools: pools.length, skipped: problems.length, curves: rows, scored: scoreName(bench.truths.size > 0) });
  console.log(
    `${table}\n\n  score: ${
      scoreName(bench.truths.size > 0)
    }\n  ${folder}/curves.png   score against N (Figure 8)\n  ${folder}/pools/     ${SHOWN} pools with rewards and scores\n  ${folder}/candidates.jsonl   every reward and score`,
  );

  async function judgePool(trajectory: Trajectory, pictures: readonly RgbImage[], rewards: readonly number[]) {
    const { id, subset } = trajectory;
    const scored = await Promise.all(pictures.map((picture) => scorePicture(trajectory, bench.truths.get(id), picture)));
    const pool: Pool = {
      ...{ id, subset, repeat: Math.floor(pools.length / items.length), rewards },
      ...{ scores: scored.map(({ score }) => score), right: scored.map(({ right }) => right) },
      chosen: rewards.indexOf(Math.max(...rewards)),
    };
    return { pool, pictures };
  }

  async function drawPool(
    path: string,
    { action, source, target }: Trajectory,
    { rewards, scores, chosen }: Pool,
    pictures: readonly RgbImage[],
  ) {
    const truth = [source, target].map(async (one) => squareCrop(await one.load(), vqgan.config.resolution));
    const caption = rewards.map((reward, i) => `${i === chosen ? "→ " : ""}${reward.toFixed(2)} (${scores[i]!.toFixed(0)})`).join("   ");
    const rows = [{ caption: action, images: await Promise.all(truth) }, { caption, images: [...pictures] }];
    writeFile(`${path}.png`, await drawSheet(pictures.map((_, i) => `${i + 1}`), rows));
  }
}

const SHOWN = 6; // pools that are drawn

/** Score and share of right ones for each N and way to choose: mean over the repeats, deviation, interval. */
function curveRows(pools: readonly Pool[], candidates: number, repeats: number): TableRow[] {
  const choosers = {
    "dynamics model": ({ rewards }: Pool) => rewards,
    oracle: ({ scores }: Pool) => scores,
  };
  return Object.entries(choosers).flatMap(([chooser, rewardsOf]) =>
    Array.from({ length: candidates }, (_, i) => {
      const each = Array.from({ length: repeats }, (_, repeat) => {
        const own = pools.filter((pool) => pool.repeat === repeat);
        const expected = (worth: (pool: Pool) => readonly number[]) =>
          mean(own.map((pool) => expectedBestOf(rewardsOf(pool), worth(pool), i + 1)));
        return { score: expected(({ scores }) => scores), right: expected(({ right }) => right.map(Number)) };
      });
      const known = pools.every(({ right }) => right.every((value) => value !== null));
      const scores = each.map(({ score }) => score);
      const items = [...Map.groupBy(pools, ({ id }) => id).values()]
        .map((own) => mean(own.map((pool) => expectedBestOf(rewardsOf(pool), pool.scores, i + 1))));
      const half = 1.96 * deviation(items) / Math.sqrt(items.length);
      return {
        ...{ N: i + 1, chooser, score: mean(scores), "deviation of repeats": deviation(scores), "± 95 % over trajectories": half },
        right: known ? mean(each.map(({ right }) => right)) : null,
      };
    })
  );
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return values.length < 2 ? 0 : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

if (import.meta.main) await runTask(TASK, main);
