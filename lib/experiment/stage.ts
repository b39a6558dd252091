/**
 * Opening a stage: the plan, the dry run, the engine, adapters checked against their base, the run's folder.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { type Backend, openBackend, type Share } from "../engine/mod.ts";
import { installLibtensorflow, planInstallation } from "../engine/install.ts";
import { printable, UserError } from "../errors.ts";
import { exists, parent, readText, writeFile } from "../files.ts";
import { type CheckpointPlan, planCheckpoint } from "../model/mod.ts";
import { checkpointDigest } from "../model/checkpoint.ts";
import { adapterDigest } from "../model/peft.ts";
import type { Problem } from "../trajectories/mod.ts";
import type { Invocation, TaskInfo } from "./task.ts";
import type { Bench } from "./datasets.ts";
import { announceMemory } from "./plan.ts";
import { overlapNote, requireNoOverlap, seenPictures } from "./overlap.ts";
import { adapterFolder, runMissing, shardName } from "./pipeline.ts";
import { openRun, readManifest, requirePlace, type Run, runFolder } from "./run.ts";
import type { Config } from "./schema.ts";

/** What a stage depends on. */
export interface StagePlan {
  /** The folder's last part, when it is not the task's name. */
  readonly stage?: string;
  /** Sections of the configuration that the result depends on, when they are not the task's and the seed. */
  readonly sections?: readonly (keyof Config)[];
  /** Digests of inputs by name; base, bench and adapters come of themselves. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** What is measured on. */
  readonly bench?: Bench;
  /** Adapters by what they are for: names of stages, which are run first where they are missing, paths, or "base" for none. */
  readonly adapters?: Readonly<Record<string, string>>;
  /** Pictures shared with the bench, when the stage has counted them itself. */
  readonly overlap?: number;
  /** Whether another worker writes into the folder, and this one does not. */
  readonly leaveAlone?: boolean;
  /** The engine, when the stage has opened it already. */
  readonly backend?: Backend | undefined;
}

/** An open stage. */
export interface Stage extends Run {
  /** What the engine runs on; undefined for stages without a model. */
  readonly backend: Backend | undefined;
  /** The folders of the adapters; undefined for the base alone. */
  readonly adapters: Readonly<Record<string, string | undefined>>;
  /** Digests of the inputs, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** What every table must say of this measurement, or "". */
  readonly note: string;
}

/**
 * Opens a stage; a dry run and a finished run are told and give undefined.
 *
 * @param invocation of the task
 * @param task the task; it uses the engine when it reads section `model`
 * @param plan what the stage depends on
 * @returns the stage, or undefined when there is nothing to do
 * @throws UserError when an adapter is not there, was trained on another base or on the bench, or the folder is another run's
 */
export async function openStage(invocation: Invocation, task: TaskInfo, plan: StagePlan): Promise<Stage | undefined> {
  const { config, flags } = invocation;
  const { bench, adapters: names = {}, sections = ["seed", ...task.sections] } = plan;
  const shared = requireAlone(flags);
  const stage = plan.stage ?? shardName(task.name, flags["shard"]);
  const folder = runFolder(config, stage, flags);
  const checkpoint = task.sections.includes("model") ? planCheckpoint(config.model.path, config.model.precision) : undefined;
  const known = {
    ...(checkpoint && { base: checkpointDigest(checkpoint) }),
    ...(bench && { bench: bench.digest }),
    ...(flags["shard"] && { shard: flags["shard"] }),
    ...plan.inputs,
  };
  if (checkpoint && !task.name.startsWith("train-")) announceMemory(task.name, config, checkpoint); // a training has done so
  if (!plan.leaveAlone) requirePlace(folder, task.name);
  await runMissing(Object.values(names), invocation); // now that whatever a task reads of its own is known to be there
  if ("dry-run" in flags) return void console.log(dryRunText(config, task, stage, known, folder));
  const backend = plan.backend ?? (checkpoint && await ensureEngine(config.model.backend));
  const adapters = Object.fromEntries(
    Object.entries(names).map(([use, name]) => [use, name === "base" || name === "" ? undefined : adapterFolder(name, config)]),
  );
  const folders = Object.values(adapters).filter((adapter) => adapter !== undefined);
  const digests = Object.fromEntries(Object.entries(adapters).map(([use, adapter]) => [use, digestFor(adapter, checkpoint)]));
  const overlap = plan.overlap ?? (bench ? await seenPictures(bench, folders) : 0);
  requireNoOverlap(overlap, flags);
  const inputs = { ...known, ...digests };
  const { leaveAlone = false } = plan;
  const restart = "restart" in flags;
  const run = openRun({ task: task.name, folder, config, sections, inputs, overlap, backend, restart, shared, leaveAlone });
  if (run.finished) return void console.log(finishedText(folder));
  return { ...run, backend, adapters, inputs, note: overlapNote(overlap) };
}

/** Whether a queue's workers share the folder; then none of them may start over, or take a part for itself. */
function requireAlone(flags: Invocation["flags"]): boolean {
  if (!("queue" in flags)) return false;
  if ("shard" in flags) throw new UserError("Cannot take a shard of what a queue deals out: give --shard or --queue");
  if ("restart" in flags) {
    throw new UserError(
      "Cannot start over with --queue, as other workers may be at it: remove the run's folder, or take another by --run=DIR",
    );
  }
  return true;
}

/** The digest of an adapter, once it is known to be there and of this base: its run says of which it is. */
export function digestFor(adapter: string | undefined, checkpoint: CheckpointPlan | undefined): string {
  if (adapter === undefined) return "none";
  const training = [adapter, parent(adapter)].map(readManifest).find((manifest) => manifest !== undefined);
  const made = training?.inputs["base"];
  const base = checkpoint && checkpointDigest(checkpoint);
  if (made !== undefined && base !== undefined && made !== base) {
    throw new UserError(
      `Cannot use ${adapter}: it was trained on another base (${made}) than model.path is (${base}); set model.path to that base`,
    );
  }
  if (training?.finished === null && !exists(`${adapter}/adapter_config.json`)) {
    throw new UserError(
      `Cannot use ${adapter}: the training in its folder (${training.task}) is not finished; the same command goes on with it`,
    );
  }
  return adapterDigest(adapter);
}

/**
 * Opens the engine, after installing libtensorflow when it is wanted and not there. Where it cannot be had, wasm does.
 *
 * @param want the configured backend
 * @param share of the machine, where several processes work on it
 * @returns what was opened
 * @throws UserError when libtensorflow was asked for and cannot be had
 */
export async function ensureEngine(want: Config["model"]["backend"], share?: Share): Promise<Backend> {
  if (want !== "wasm") await installMissing(want === "tensorflow");
  const backend = await openBackend(want, share);
  if (backend.name === "wasm") console.log(`Backend wasm ${backend.version}: ${backend.reason}`);
  return backend;
}

async function installMissing(required: boolean): Promise<void> {
  const plan = await planInstallation(false); // an installed CUDA build counts as well
  if (plan.installed) return;
  console.log(plan.text);
  try {
    await installLibtensorflow(false);
  } catch (error) {
    if (required || !(error instanceof UserError)) throw error;
    console.log(`libtensorflow could not be installed (${error.message}): going on with wasm, which is slower`);
  }
}

/** What is said of a run that needs nothing more, with its table. */
function finishedText(folder: string): string {
  const table = exists(`${folder}/table.md`) ? `${readText(`${folder}/table.md`)}\n` : "";
  return `${table}${folder} is finished already; --restart starts over.`;
}

function dryRunText(config: Config, task: TaskInfo, stage: string, inputs: Readonly<Record<string, string>>, folder: string): string {
  const shown = Object.fromEntries((["experiment", "seed", ...task.sections] as const).map((section) => [section, config[section]]));
  const { bavail, bsize } = statfsSync(".");
  return [
    JSON.stringify(shown, null, 2),
    `Inputs: ${Object.entries(inputs).map(([name, digest]) => `${name} ${digest}`).join(", ")}`,
    `Free disk: ${(bavail * bsize / 2 ** 30).toFixed(1)} GiB`,
    `Stage: ${stage}`,
    `Nothing was written; the run would go to ${folder}.`,
  ].join("\n");
}

/** Writes what was left out and why to `skipped.jsonl`, and says how many; nothing when nothing was. */
export function writeSkipped(folder: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  writeFile(`${folder}/skipped.jsonl`, problems.map((problem) => JSON.stringify(problem) + "\n").join(""));
  const reasons = Map.groupBy(problems, ({ reason }) => reason).entries().map(([reason, own]) => `${own.length} × ${reason}`);
  console.warn(printable(`Left out ${problems.length} (${folder}/skipped.jsonl): ${[...reasons.take(4)].join("; ")}`));
}
