/**
 * The preference probe (paper §2, Figures 2 and 4): does a model find true transitions likelier than manipulated ones, as a
 * dynamics model and as a world model? For the base, or with an adapter.
 *
 * @module
 */
import { type Invocation, runTask, type TaskInfo } from "../lib/cli.ts";
import type { Config } from "../lib/config.ts";
import { type NamedPreference, preferencesBySubset, probe } from "../lib/judge/mod.ts";
import { checkpointDigest, freezeHead, loadAdapter, loadModel, planCheckpoint } from "../lib/model/mod.ts";
import { plotScatter, writeTable } from "../lib/report/mod.ts";
import { digestOf, dryRunText, finishedText, openRun, runFolder, showProgress } from "../lib/run.ts";
import { cacheFolder } from "../lib/tensor/mod.ts";
import { loadVocabulary } from "../lib/tokens/mod.ts";
import { encodeTrajectories, readAurora, type TrajectoryList, usableTrajectories } from "../lib/trajectories/mod.ts";
import { counterfactualActions, worldTrajectories } from "../lib/world/mod.ts";
import { ensureEngine } from "./setup.ts";

const TASK: TaskInfo = {
  name: "probe",
  about: "Compares the likelihoods of true and manipulated transitions, for a checkpoint and, if given, an adapter.",
  sections: ["data", "model", "probe"],
};

/** Runs the task. */
export async function main({ config, flags }: Invocation): Promise<void> {
  const { model: { path, precision }, seed } = config;

  // 1. Trajectories, and actions that contradict theirs
  const { list, counterfactuals } = readBench(config);
  const { trajectories } = usableTrajectories(list, "allow-missing" in flags);
  const checkpoint = planCheckpoint(path, precision);
  const inputs = { base: checkpointDigest(checkpoint), trajectories: digestOf(trajectories.map(({ id, action }) => [id, action])) };
  const folder = runFolder(config, "probe", flags);
  if ("dry-run" in flags) return console.log(dryRunText({ config, stage: "probe", sections: TASK.sections, inputs, folder }));
  const backend = await ensureEngine(config.model.backend);
  const run = openRun({ task: TASK.name, stage: "probe", config, sections: ["seed", "data", "model", "probe"], inputs, backend, flags });
  if (run.finished) return console.log(`${Deno.readTextFileSync(`${run.folder}/table.md`)}\n${finishedText(run.folder)}`);

  // 2. The model, and trajectories in its tokens
  const model = loadModel(path, precision);
  const vocabulary = loadVocabulary(path, checkpoint.config.vq.codes);
  const adapter = config.probe.adapter === "" ? undefined : loadAdapter(config.probe.adapter, checkpoint.config);
  const { encoded, problems } = await encodeTrajectories(trajectories, model.vqgan, cacheFolder());
  usableTrajectories({ trajectories: encoded.map(({ trajectory }) => trajectory), problems }, "allow-missing" in flags);
  const { chameleon } = model;
  const text = { model: chameleon, adapter, head: chameleon.head, firstId: 0, pad: vocabulary.pad };
  const image = { ...text, head: freezeHead(chameleon, vocabulary), firstId: vocabulary.firstImage };

  // 3. Likelihoods
  const progress = showProgress("probe", encoded.length);
  const points = probe({ text, image, vocabulary }, encoded, counterfactuals, seed, (done) => progress.update(done));
  progress.stop();

  // 4. Tables and plots
  const preferences = preferencesBySubset(points);
  const rows = preferences.map(({ subset, task, negative, prefersReference, interval, pearson, n }) => ({
    ...{ subset, task, negative, "prefers reference": prefersReference, from: interval[0], to: interval[1], pearson, n },
  }));
  const table = writeTable(`${run.folder}/table`, rows);
  await plotScatter(
    `${run.folder}/likelihoods`,
    points.map(({ reference, manipulated, task, negative, subset }) => ({
      x: -reference,
      y: -manipulated,
      row: task,
      column: negative,
      group: subset,
    })),
    { x: "negative log-likelihood, true", y: "manipulated" },
  );
  run.finish(asResult(preferences));
  console.log(`${table}\n\n  ${run.folder}/likelihoods.png   a panel for each task and manipulation; above the line the truth is likelier`);
}

function readBench(config: Config): { list: TrajectoryList; counterfactuals: Map<string, string> } {
  const { data, seed, probe: { bench } } = config;
  if (data.aurora !== "") {
    const list = readAurora(data.aurora);
    const trajectories = data.limit === 0 ? list.trajectories : list.trajectories.slice(0, data.limit);
    return { list: { ...list, trajectories }, counterfactuals: new Map() };
  }
  const trajectories = worldTrajectories(data.difficulty, seed, "bench", bench);
  return { list: { trajectories, problems: [] }, counterfactuals: counterfactualActions(trajectories, data.difficulty, seed) };
}

/** `{subset: {task: {negative: {prefers_reference, interval, pearson, n}}}}` */
function asResult(preferences: readonly NamedPreference[]): Record<string, Record<string, Record<string, unknown>>> {
  const result: Record<string, Record<string, Record<string, unknown>>> = {};
  for (const { subset, task, negative, prefersReference, interval, pearson, n } of preferences) {
    ((result[subset] ??= {})[task] ??= {})[negative] = { prefers_reference: prefersReference, interval, pearson, n };
  }
  return result;
}

if (import.meta.main) await runTask(TASK, main);
