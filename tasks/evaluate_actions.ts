/**
 * Measures the actions that dynamics models predict (paper Table 1): ROUGE, BLEU, BERTScore by subset, and in the tiny world
 * whether they mean what was done.
 *
 * @module
 */
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { batchesOf, type Work } from "../lib/experiment/batches.ts";
import { type Named, parseNamed, readActions } from "../lib/experiment/actions_file.ts";
import { type Bench, benchTrajectories, pathsOf } from "../lib/experiment/datasets.ts";
import { encodeBench, loadModels } from "../lib/experiment/models.ts";
import { workTogether } from "../lib/experiment/queue_work.ts";
import { digestOf } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage, type Stage, writeSkipped } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, QUEUE_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { unlessOfDisk, UserError } from "../lib/errors.ts";
import { fileNameOf, writeFile } from "../lib/files.ts";
import { doesTheSame } from "../lib/gates/mod.ts";
import { type ActionPair, type ActionScores, openBertScorer, scoreActions } from "../lib/metrics/mod.ts";
import { actionSignatures } from "../lib/metrics/actions.ts";
import { loadAdapter } from "../lib/model/mod.ts";
import { drawActions, writeTable } from "../lib/report/mod.ts";
import { lookAtTrajectories, picturePairs, predictActions } from "../lib/sample/mod.ts";
import { BATCH } from "../lib/sample/predict_actions.ts";
import { type Problem, type Trajectory, type TrajectoryList, usableTrajectories } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "evaluate-actions",
  about: "Measures the actions that dynamics models predict, and those of other systems as text, against what was done.",
  sections: ["data", "bench", "model", "evaluate"],
  switches: STAGE_SWITCHES,
  flags: {
    ...{ ...BENCH_FLAG, ...QUEUE_FLAG },
    actions: 'NAME=FILE.jsonl of other systems, separated by commas: lines as {"id": "ag-0", "action": "…"}; short for --evaluate.actions',
  },
};

/** Actions of one system by trajectory. */
type Said = ReadonlyMap<string, string>;

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { evaluate: options } = config;

  // 1. Trajectories, and whose actions are measured
  const bench = benchTrajectories(config);
  const { trajectories } = usableTrajectories(bench.list, true);
  const dynamics = options.dynamics.map(parseNamed);
  const others = pathsOf(options.actions).flatMap(listOf).map(parseNamed);
  requireDistinct([...dynamics, ...others]);
  const read = others.map((other) => ({ ...other, ...readActions(other, trajectories.map(({ id }) => id)) }));
  const task = dynamics.length > 0 ? TASK : { ...TASK, sections: ["data", "bench", "evaluate"] as const }; // texts alone need no base
  const adapters = Object.fromEntries(dynamics.map(({ name, path }) => [inputOf(name), path]));
  const inputs = Object.fromEntries(read.map(({ name, actions }) => [`actions of ${name}`, digestOf([...actions])]));
  const stage = await openStage(invocation, task, { bench, adapters, inputs });
  if (!stage) return;
  const { folder, note } = stage;

  // 2. Actions of each dynamics model, beside those that were read
  const predicted = dynamics.length > 0 ? await predictAll(config, stage, dynamics, bench.list, flags["queue"]) : NOTHING_PREDICTED;
  if (!predicted) return; // another worker measures
  writeSkipped(folder, [...bench.list.problems, ...predicted.problems, ...read.flatMap(({ problems }) => problems)]);
  const said = new Map<string, Said>([...predicted.said, ...read.map(({ name, actions }) => [name, actions] as const)]);

  // 3. Scores, a table and a picture
  const scorer = options.bertModel === "" ? undefined : await openBertScorer(options.bertModel);
  const scores: Record<string, Record<string, ActionScores>> = {};
  for (const [name, actions] of said) {
    const pairs = pairsOf(trajectories, actions, bench.truths);
    writeFile(`${folder}/actions/${fileNameOf(name)}.jsonl`, pairs.map((pair) => JSON.stringify(pair) + "\n").join(""));
    const bert = await scorer?.score(pairs.map(({ predicted }) => predicted), pairs.map(({ reference }) => reference));
    scores[name] = scoreActions(pairs, bert);
  }
  await scorer?.close();
  const rows = Object.entries(scores).flatMap(([system, subsets]) =>
    Object.entries(subsets).map(([subset, own]) => ({ system, subset, ...own }))
  );
  const signatures = actionSignatures(scorer);
  const table = writeTable(`${folder}/table`, rows, note);
  const shown = await firstReadable(trajectories, 8);
  const columns = [...said.values()].map((actions) => shown.map(({ id }) => actions.get(id) ?? ""));
  await drawActions(`${folder}/actions.png`, shown.map((trajectory) => ({ trajectory })), columns, predicted.side);
  stage.finish({ kind: "actions", dynamics: scores, signatures });
  await predicted.finish();
  const named = Object.entries(signatures).map(([name, signature]) => `${name}: ${signature}`).join("\n");
  console.log(`${table}\n\n${named}\n\n  ${folder}/actions.png   ${["reference", ...said.keys()].join(" → ")}`);
}

/** A dynamics model's name among the inputs: its own may be base or bench, which are inputs too. */
function inputOf(name: string): string {
  return `dynamics model ${name}`;
}

/** What dynamics models said. */
interface Predicted {
  readonly said: ReadonlyMap<string, Said>;
  readonly problems: readonly Problem[];
  readonly side: number; // pixels that the models see of a picture's side
  finish(): Promise<void>; // lets the other workers go
}

const NOTHING_PREDICTED: Predicted = { said: new Map(), problems: [], side: 256, finish: () => Promise.resolve() };

/** Who is asked, and of what. */
interface Asked {
  readonly system: string;
  readonly trajectory: Trajectory;
}

/** What each dynamics model says of every trajectory that it can read; undefined when another worker of a queue measures it. */
async function predictAll(
  config: Config,
  { adapters, folder }: Stage,
  dynamics: readonly Named[],
  list: TrajectoryList,
  queue: string | undefined,
): Promise<Predicted | undefined> {
  const { text, chameleon, vqgan, vocabulary } = loadModels(config, {});
  const { items, problems } = await encodeBench(list, vqgan);
  const readable = new Map(items.map((item) => [item.trajectory, item]));
  const loaded = new Map(dynamics.map(({ name }) => {
    const path = adapters[inputOf(name)];
    return [name, path && loadAdapter(path, chameleon.config)];
  }));
  const asked = [...loaded.keys()].flatMap((system) => list.trajectories.map((trajectory) => ({ system, trajectory })));
  const count = Math.ceil(list.trajectories.length / BATCH); // batches of one system
  const work: Work<Asked, readonly [system: string, id: string, action: string]> = {
    ...{ name: TASK.name, unit: "actions", folder, idOf: ({ system, trajectory: { id } }) => `${system}: ${id}` },
    batches: [...Map.groupBy(asked, ({ system }) => system).values()].flatMap((own, i) => batchesOf(own, BATCH, i * count)),
    run: async ({ items }) => {
      const { system } = items[0]!;
      const pairs = items.flatMap(({ trajectory }) => readable.get(trajectory) ?? []);
      const streams = pairs.map(({ trajectory: { id } }) => id);
      const options = { temperature: config.evaluate.temperature, seed: config.seed, streams };
      if (pairs.length === 0) return [];
      using look = await lookAtTrajectories({ text: { ...text, adapter: loaded.get(system) || undefined }, vqgan, vocabulary }, pairs);
      const actions = predictActions(look.text, look.vocabulary, picturePairs(look), options);
      return actions.map((action, i) => [system, streams[i]!, action] as const);
    },
  };
  const worked = await workTogether(work, queue);
  if (!worked) return;
  const said = new Map([...loaded.keys()].map((name) => [name, new Map<string, string>()]));
  for (const [system, id, action] of worked.lines) said.get(system)!.set(id, action);
  return { ...worked, said, problems: [...problems.slice(list.problems.length), ...worked.problems], side: vqgan.config.resolution };
}

/** Predictions beside references; a trajectory without one is left out. */
function pairsOf(trajectories: readonly Trajectory[], actions: Said, truths: Bench["truths"]): ActionPair[] {
  return trajectories.flatMap(({ id, subset, action }) => {
    const [predicted, truth] = [actions.get(id), truths.get(id)];
    if (predicted === undefined) return [];
    return [{ id, subset, predicted, reference: action, meant: truth && doesTheSame(predicted, truth) }];
  });
}

/** The first trajectories whose pictures can be shown. */
async function firstReadable(trajectories: readonly Trajectory[], most: number): Promise<Trajectory[]> {
  const readable: Trajectory[] = [];
  for (const trajectory of trajectories) {
    const { source, target } = trajectory;
    if (await Promise.all([source.load(), target.load()]).then(() => true, unlessOfDisk(false))) readable.push(trajectory);
    if (readable.length === most) break;
  }
  return readable;
}

function requireDistinct(systems: readonly { readonly name: string }[]): void {
  const names = systems.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new UserError(`Cannot measure two systems named ${twice}: give each a name of its own, NAME=FILE`);
  if (names.length === 0) throw new UserError("Cannot measure nobody's actions: give --evaluate.dynamics or --actions=NAME=FILE.jsonl");
}

if (import.meta.main) await runTask(TASK, main);
