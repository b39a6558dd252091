/**
 * The preference probe (paper §2, Figures 2 and 4): does a model find true transitions likelier than manipulated ones, as a
 * dynamics model and as a world model? For the base, or with an adapter.
 *
 * @module
 */
import { cacheFolder } from "../lib/engine/mod.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { type Bench, benchTrajectories, pathsOf } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels } from "../lib/experiment/models.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import type { Result } from "../lib/experiment/results.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { readText } from "../lib/files.ts";
import { requireKey } from "../lib/llm/mod.ts";
import {
  type Counterfactuals,
  type NamedPreference,
  preferencesBySubset,
  probe,
  type ProbePoint,
  readCounterfactuals,
} from "../lib/probe/mod.ts";
import { contradictActions } from "../lib/probe/contradict.ts";
import { plotScatter, writeTable } from "../lib/report/mod.ts";
import type { Trajectory } from "../lib/trajectories/mod.ts";
import { counterfactualActions } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "probe",
  about: "Compares the likelihoods of true and manipulated transitions, for a checkpoint and, if given, an adapter.",
  sections: ["data", "bench", "model", "probe"],
  switches: STAGE_SWITCHES,
  flags: BENCH_FLAG,
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { probe: options, seed } = config;

  // 1. Trajectories, and the adapter
  const bench = benchTrajectories(config);
  if (options.rewriter !== "" && bench.truths.size === 0 && !("dry-run" in flags)) requireKey();
  const stage = await openStage(invocation, TASK, { bench, adapters: { adapter: options.adapter } });
  if (!stage) return;
  const { folder, adapters: { adapter } } = stage;

  // 2. The model, trajectories in its tokens, and actions that contradict theirs
  const models = loadModels(config, { text: adapter, image: adapter }, options.head);
  const { items, problems } = await encodeBench(bench.list, models.vqgan);
  const counterfactuals = await contradict(config, items.map(({ trajectory }) => trajectory), bench);
  writeSkipped(folder, [...problems, ...counterfactuals.problems]);

  // 3. Likelihoods
  const progress = showProgress("probe", items.length);
  const points = await probe(models, items, counterfactuals.actions, seed, {
    likelihood: options.likelihood,
    onDone: (done) => progress.update(done),
  });
  progress.stop();

  // 4. Tables and plots
  const preferences = [...preferencesBySubset(points), ...preferencesByHalf(points, bench)];
  const rows = preferences.map(({ subset, task, negative, prefersReference, interval, pearson, n }) => ({
    ...{ subset, task, negative, "prefers reference": prefersReference, from: interval[0], to: interval[1], pearson, n },
  }));
  const table = writeTable(`${folder}/table`, rows, stage.note);
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
  stage.finish({ kind: "probe", preferences: byName(preferences) });
  console.log(`${table}\n\n  ${folder}/likelihoods.png   a panel for each task and manipulation; above the line the truth is likelier`);
}

/** Apart, in the regime `scarce`: transitions of what supervision shows, and the others. */
function preferencesByHalf(points: readonly ProbePoint[], { truths }: Bench): NamedPreference[] {
  const halves = points.flatMap((point) => {
    const half = truths.get(point.id)?.half;
    return half ? [{ ...point, subset: half }] : [];
  });
  return preferencesBySubset(halves).filter(({ subset }) => subset !== "all");
}

/** Contradicting actions: from the world itself, from lists, and from a language model for those that are left. */
async function contradict(
  { data, seed, probe: { counterfactuals, rewriter } }: Config,
  trajectories: readonly Trajectory[],
  { truths }: Bench,
): Promise<Counterfactuals> {
  const isWorld = truths.size > 0;
  const known = isWorld
    ? { actions: counterfactualActions([...truths.values()], data.difficulty, seed), problems: [] }
    : readCounterfactuals(trajectories, pathsOf(counterfactuals));
  if (rewriter === "" || isWorld) return known;
  const open = trajectories.filter(({ id }) => !known.actions.has(id));
  const prompt = readText("data/prompts/counterfactual.md");
  const progress = showProgress("contradict", open.length);
  const options = { model: rewriter, cache: cacheFolder(), onAnswer: (done: number) => progress.update(done) };
  const written = await contradictActions(open, prompt, options);
  progress.stop();
  return { actions: new Map([...known.actions, ...written.actions]), problems: written.problems };
}

type Preferences = Extract<Result, { kind: "probe" }>["preferences"];

/** By subset, task and manipulation. */
function byName(preferences: readonly NamedPreference[]): Preferences {
  const result: Preferences = {};
  for (const { subset, task, negative, prefersReference, interval, pearson, n } of preferences) {
    ((result[subset] ??= {})[task] ??= {})[negative] = { prefers_reference: prefersReference, interval, pearson, n };
  }
  return result;
}

if (import.meta.main) await runTask(TASK, main);
