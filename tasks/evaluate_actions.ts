/**
 * Measures the actions that dynamics models predict (paper Table 1): ROUGE, BLEU, BERTScore by subset, and in the tiny world
 * whether they mean what was done.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels } from "../lib/experiment/models.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { fileNameOf, writeFile } from "../lib/files.ts";
import { doesTheSame } from "../lib/gates/mod.ts";
import { type ActionPair, type ActionScores, openBertScorer, scoreActions } from "../lib/metrics/mod.ts";
import { actionSignatures } from "../lib/metrics/actions.ts";
import { loadAdapter } from "../lib/model/mod.ts";
import { drawActions, writeTable } from "../lib/report/mod.ts";
import { predictActions } from "../lib/sample/mod.ts";

const TASK: TaskInfo = {
  name: "evaluate-actions",
  about: "Measures the actions that dynamics models predict against what was done.",
  sections: ["data", "bench", "model", "evaluate"],
  needs: ({ config }) => config.evaluate.dynamics,
  switches: STAGE_SWITCHES,
  flags: BENCH_FLAG,
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config } = invocation;
  const { evaluate: options, seed } = config;

  // 1. Trajectories, and whose actions are measured
  const bench = benchTrajectories(config);
  const stage = await openStage(invocation, TASK, { bench, adapters: Object.fromEntries(options.dynamics.map((name) => [name, name])) });
  if (!stage) return;
  const { folder, note } = stage;
  const { text, chameleon, vqgan, vocabulary } = loadModels(config, {});
  const { items, problems } = await encodeBench(bench.list, vqgan);
  writeSkipped(folder, problems);
  const scorer = options.bertModel === "" ? undefined : await openBertScorer(options.bertModel);

  // 2. Actions of each dynamics model, and their scores
  const scores: Record<string, Record<string, ActionScores>> = {};
  const said: Record<string, string[]> = {};
  const progress = showProgress(TASK.name, options.dynamics.length);
  for (const [name, path] of Object.entries(stage.adapters)) {
    const adapter = path === undefined ? undefined : loadAdapter(path, chameleon.config);
    const actions = predictActions({ ...text, adapter }, vocabulary, items, {
      ...{ temperature: options.temperature, seed, streams: items.map(({ trajectory: { id } }) => id) },
    });
    const pairs = items.map(({ trajectory: { id, subset, action } }, i): ActionPair => {
      const truth = bench.truths.get(id);
      return { id, subset, predicted: actions[i]!, reference: action, meant: truth && doesTheSame(actions[i]!, truth) };
    });
    writeFile(`${folder}/actions/${fileNameOf(name)}.jsonl`, pairs.map((pair) => JSON.stringify(pair) + "\n").join(""));
    const bert = await scorer?.score(pairs.map(({ predicted }) => predicted), pairs.map(({ reference }) => reference));
    scores[name] = scoreActions(pairs, bert);
    said[name] = actions;
    progress.update(Object.keys(scores).length, name);
  }
  progress.stop();
  await scorer?.close();

  // 3. Table and picture
  const rows = Object.entries(scores).flatMap(([system, subsets]) =>
    Object.entries(subsets).map(([subset, own]) => ({ system, subset, ...own }))
  );
  const signatures = actionSignatures(scorer);
  const table = writeTable(`${folder}/table`, rows, note);
  await drawActions(`${folder}/actions.png`, items.slice(0, 8), Object.values(said), vqgan.config.resolution);
  stage.finish({ kind: "actions", dynamics: scores, signatures });
  const named = Object.entries(signatures).map(([name, signature]) => `${name}: ${signature}`).join("\n");
  console.log(`${table}\n\n${named}\n\n  ${folder}/actions.png   ${["reference", ...Object.keys(said)].join(" → ")}`);
}

if (import.meta.main) await runTask(TASK, main);
