/**
 * The part of task evaluate that measures the dynamics model's actions (paper Table 1): ROUGE, BLEU, BERTScore by subset, and in the tiny world whether
 * they mean what was done.
 *
 * @module
 */
import type { Invocation } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { writeFile } from "../lib/files.ts";
import { doesTheSame } from "../lib/gates/mod.ts";
import { type ActionPair, actionSignatures, type BertScorer, openBertScorer, scoreActions } from "../lib/metrics/mod.ts";
import { adapterDigest, checkpointDigest, loadAdapter, loadModel, planCheckpoint } from "../lib/model/mod.ts";
import { drawSheet, writeTable } from "../lib/report/mod.ts";
import { digestOf, dryRunText, finishedText, openRun, runFolder, showProgress, writeSkipped } from "../lib/experiment/run.ts";
import { predictActions, textRule } from "../lib/sample/mod.ts";
import { cacheFolder } from "../lib/engine/mod.ts";
import { loadVocabulary, squareCrop } from "../lib/tokens/mod.ts";
import { encodeTrajectories, usableTrajectories } from "../lib/trajectories/mod.ts";
import { ensureEngine } from "./setup.ts";
import { adapterFolder } from "./stages.ts";

const SECTIONS = ["data", "model", "evaluate"] as const;

/**
 * Measures the actions of the configured systems, or goes on measuring them.
 *
 * @param invocation of task evaluate
 */
export async function evaluateActions(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { data, model: { path, precision }, evaluate, seed } = config;

  // 1. Trajectories, and whose actions are measured
  const { list, world } = benchTrajectories(config, evaluate.bench);
  const checkpoint = planCheckpoint(path, precision);
  const folder = runFolder(config, "evaluate", flags);
  const digests = { base: checkpointDigest(checkpoint), trajectories: digestOf(list.trajectories.map(({ id, action }) => [id, action])) };
  if ("dry-run" in flags) return console.log(dryRunText({ config, stage: "evaluate", sections: SECTIONS, inputs: digests, folder }));
  const backend = await ensureEngine(config.model.backend);
  const systems = new Map<string, string | undefined>();
  for (const name of evaluate.dynamics) systems.set(name, name === "base" ? undefined : await adapterFolder(name, invocation));
  const adapters = Object.fromEntries(systems.entries().map(([name, adapter]) => [name, adapter ? adapterDigest(adapter) : "none"]));
  const run = openRun({
    task: "evaluate",
    stage: "evaluate",
    config,
    sections: ["seed", ...SECTIONS],
    inputs: { ...digests, ...adapters },
    backend,
    flags,
  });
  if (run.finished) return console.log(`${Deno.readTextFileSync(`${folder}/table.md`)}\n${finishedText(folder)}`);

  // 2. The model, and trajectories in its tokens
  const { chameleon, vqgan } = loadModel(path, precision);
  const vocabulary = loadVocabulary(path, checkpoint.config.vq.codes);
  usableTrajectories(list, true);
  const { encoded, problems } = await encodeTrajectories(list.trajectories, vqgan, cacheFolder());
  writeSkipped(folder, [...list.problems, ...problems]);
  const truths = new Map(world?.map((trajectory) => [trajectory.id, trajectory]));
  const scorer = evaluate.bertModel === "" ? undefined : await openBertScorer(evaluate.bertModel);

  // 3. Actions of each system, and their scores
  const rule = textRule(vocabulary);
  const results: Record<string, ReturnType<typeof scoreActions>> = {};
  const said: Record<string, string[]> = {};
  const progress = showProgress("evaluate", systems.size);
  for (const [name, folderOf] of systems) {
    const adapter = folderOf === undefined ? undefined : loadAdapter(folderOf, checkpoint.config);
    const sampler = { model: chameleon, adapter, head: chameleon.head, firstId: 0, pad: vocabulary.pad, rule };
    said[name] = predictActions(sampler, vocabulary, encoded, { temperature: evaluate.temperature, seed });
    const pairs = encoded.map(({ trajectory: { id, subset, action } }, i): ActionPair => {
      const predicted = said[name]![i]!;
      const truth = truths.get(id);
      return { id, subset, predicted, reference: action, meant: truth && doesTheSame(predicted, truth) };
    });
    writeFile(`${folder}/actions/${name.replaceAll(/[^\w.-]+/g, "_")}.jsonl`, pairs.map((pair) => JSON.stringify(pair) + "\n").join(""));
    results[name] = scoreActions(pairs, await bertScores(scorer, pairs));
    progress.update(Object.keys(results).length, name);
  }
  progress.stop();
  await scorer?.close();
  rule.dispose();

  // 4. Table and picture
  const rows = Object.entries(results).flatMap(([system, subsets]) =>
    Object.entries(subsets).map(([subset, scores]) => ({ system, subset, ...scores }))
  );
  const signatures = actionSignatures(scorer);
  const table = writeTable(`${folder}/table`, rows);
  const shown = encoded.slice(0, 8);
  const pictures = await Promise.all(shown.map(async ({ trajectory: { source, action, target } }, i) => ({
    caption: [action, ...Object.values(said).map((actions) => actions[i] || "(nothing)")].join(" → "),
    images: [await source.load(), await target.load()].map((image) => squareCrop(image, vqgan.config.resolution)),
  })));
  writeFile(`${folder}/actions.png`, await drawSheet(["source", "target", "", ""], pictures));
  run.finish({ data: data.aurora === "" ? "tiny world" : data.aurora, dynamics: results, signatures });
  console.log(
    `${table}\n\n${Object.entries(signatures).map(([name, text]) => `${name}: ${text}`).join("\n")}\n\n  ${folder}/actions.png   ${
      ["reference", ...systems.keys()].join(" → ")
    }`,
  );
}

async function bertScores(scorer: BertScorer | undefined, pairs: readonly ActionPair[]): Promise<number[] | undefined> {
  return await scorer?.score(pairs.map(({ predicted }) => predicted), pairs.map(({ reference }) => reference));
}
