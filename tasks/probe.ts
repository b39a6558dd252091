/**
 * The preference probe (paper §2, Figures 2 and 4): does a model find true transitions likelier than manipulated ones, as a
 * dynamics model and as a world model? For the base, or with an adapter.
 *
 * @module
 */
import { DEPENDENCY_FLAGS, type Invocation, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import type { Config } from "../lib/experiment/config.ts";
import { benchTrajectories, pathsOf } from "../lib/experiment/datasets.ts";
import { requireKey } from "../lib/llm/mod.ts";
import { contradictActions, type NamedPreference, preferencesBySubset, probe } from "../lib/probe/mod.ts";
import { adapterDigest, checkpointDigest, freezeHead, loadAdapter, loadModel, planCheckpoint } from "../lib/model/mod.ts";
import { plotScatter, writeTable } from "../lib/report/mod.ts";
import { digestOf, dryRunText, finishedText, openRun, runFolder, showProgress, writeSkipped } from "../lib/experiment/run.ts";
import { cacheFolder } from "../lib/engine/mod.ts";
import { loadVocabulary } from "../lib/tokens/mod.ts";
import { type Counterfactuals, readCounterfactuals } from "../lib/probe/mod.ts";
import { encodeTrajectories, type Trajectory, usableTrajectories } from "../lib/trajectories/mod.ts";
import { counterfactualActions, type WorldTrajectory } from "../lib/world/mod.ts";
import { ensureEngine } from "./setup.ts";
import { adapterFolder } from "./stages.ts";

const TASK: TaskInfo = {
  name: "probe",
  about: "Compares the likelihoods of true and manipulated transitions, for a checkpoint and, if given, an adapter.",
  sections: ["data", "model", "probe"],
  flags: DEPENDENCY_FLAGS,
};

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { model: { path, precision }, probe: options, seed } = config;

  // 1. Trajectories and the adapter
  const { list, world } = benchTrajectories(config, options.bench);
  const checkpoint = planCheckpoint(path, precision);
  const inputs = { base: checkpointDigest(checkpoint), trajectories: digestOf(list.trajectories.map(({ id, action }) => [id, action])) };
  const folder = runFolder(config, "probe", flags);
  if ("dry-run" in flags) return console.log(dryRunText({ config, stage: "probe", sections: TASK.sections, inputs, folder }));
  if (options.rewriter !== "" && !world) requireKey();
  const backend = await ensureEngine(config.model.backend);
  const adapterAt = options.adapter === "" ? undefined : await adapterFolder(options.adapter, invocation);
  const digests = { ...inputs, adapter: adapterAt === undefined ? "none" : adapterDigest(adapterAt) };
  const sections = ["seed", "data", "model", "probe"] as const;
  const run = openRun({ task: TASK.name, stage: "probe", config, sections, inputs: digests, backend, flags });
  if (run.finished) return console.log(`${Deno.readTextFileSync(`${folder}/table.md`)}\n${finishedText(folder)}`);

  // 2. The model, trajectories in its tokens, and actions that contradict theirs
  const model = loadModel(path, precision);
  const vocabulary = loadVocabulary(path, checkpoint.config.vq.codes);
  const adapter = adapterAt === undefined ? undefined : loadAdapter(adapterAt, checkpoint.config);
  const { encoded, problems } = await encodeTrajectories(usableTrajectories(list, true).trajectories, model.vqgan, cacheFolder());
  if (encoded.length === 0) usableTrajectories({ trajectories: [], problems }, false);
  const counterfactuals = await contradict(config, encoded.map(({ trajectory }) => trajectory), world);
  writeSkipped(folder, [...list.problems, ...problems, ...counterfactuals.problems]);
  const { chameleon } = model;
  const text = { model: chameleon, adapter, head: chameleon.head, firstId: 0, pad: vocabulary.pad };
  const image = { ...text, head: freezeHead(chameleon, vocabulary), firstId: vocabulary.firstImage };

  // 3. Likelihoods
  const progress = showProgress("probe", encoded.length);
  const points = probe({ text, image, vocabulary }, encoded, counterfactuals.actions, seed, (done) => progress.update(done));
  progress.stop();

  // 4. Tables and plots
  const preferences = preferencesBySubset(points);
  const rows = preferences.map(({ subset, task, negative, prefersReference, interval, pearson, n }) => ({
    ...{ subset, task, negative, "prefers reference": prefersReference, from: interval[0], to: interval[1], pearson, n },
  }));
  const table = writeTable(`${folder}/table`, rows);
  await plotScatter(
    `${folder}/likelihoods`,
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
  console.log(`${table}\n\n  ${folder}/likelihoods.png   a panel for each task and manipulation; above the line the truth is likelier`);
}

/** Contradicting actions: from the world itself, from lists, and from a language model for those that are left. */
async function contradict(
  { data, seed, probe: { counterfactuals, rewriter } }: Config,
  trajectories: readonly Trajectory[],
  world: readonly WorldTrajectory[] | undefined,
): Promise<Counterfactuals> {
  const known = world
    ? { actions: counterfactualActions(world, data.difficulty, seed), problems: [] }
    : readCounterfactuals(trajectories, pathsOf(counterfactuals));
  if (rewriter === "" || world) return known;
  const open = trajectories.filter(({ id }) => !known.actions.has(id));
  const prompt = Deno.readTextFileSync("data/prompts/counterfactual.md");
  const progress = showProgress("contradict", open.length);
  const options = { model: rewriter, cache: cacheFolder(), onAnswer: (done: number) => progress.update(done) };
  const written = await contradictActions(open, prompt, options);
  progress.stop();
  return { actions: new Map([...known.actions, ...written.actions]), problems: written.problems };
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
