/**
 * Stages that build on each other: what a stage leaves, where it lies, and running what is missing as processes of their own.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists, parent } from "../files.ts";
import type { Invocation } from "./task.ts";
import type { Config } from "./schema.ts";

/** A stage that others build on. */
export interface StageKind {
  /** Its name in configurations, and its folder's last part. */
  readonly name: string;
  /** The task that runs it. */
  readonly task: string;
  /** Arguments that make the task this stage. */
  readonly args: readonly string[];
  /** What others take of it, in its folder. */
  readonly output: string;
}

/** The stages that a configuration may name instead of a path. */
export const STAGES: readonly StageKind[] = [
  { name: "train-cdm", task: "train-cdm", args: [], output: "adapter" },
  { name: "train-cwm", task: "train-cwm", args: [], output: "adapter" },
  { name: "train-cft", task: "train-cwm", args: ["--cft"], output: "adapter" },
  { name: "annotate", task: "annotate", args: [], output: "trajectories.jsonl" },
  { name: "filter", task: "filter", args: [], output: "trajectories.jsonl" },
  { name: "distill", task: "distill", args: [], output: "trajectories.jsonl" },
];

/** A task as a process: its name and arguments. */
export interface TaskRun {
  /** As in `deno task NAME`. */
  readonly task: string;
  /** Arguments after the name. */
  readonly args: readonly string[];
}

/**
 * Runs a task in a process of its own, with the permissions that `deno.json` gives it; what it prints is shown.
 *
 * @param run the task
 * @throws UserError when it fails; it has said why
 */
export async function runTaskProcess({ task, args }: TaskRun): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), { args: ["task", "--quiet", task, ...args], stdin: "null" }).spawn();
  const { code } = await child.status;
  if (code !== 0) throw new UserError(`Cannot go on as ${task} ended with code ${code}; what it said stands above`);
}

/**
 * Runs the stages among some names that have left nothing yet, unless `--no-deps` was given; a dry run says which they would be.
 *
 * @param names of stages; paths are passed over
 * @param invocation of the task that needs them: they get its configuration
 * @param mayRun whether this process may run them: of several workers, each would
 * @throws UserError naming a stage that is missing and may not be run, or shards that are missing
 */
export async function runMissing(names: readonly string[], invocation: Invocation, mayRun = true): Promise<void> {
  const { config, flags } = invocation;
  for (const { folder, ...stage } of missingStages(names, config)) {
    if ("dry-run" in flags) {
      console.log(`${folder} is not there: ${stage.task} would run first`);
      continue;
    }
    if ("no-deps" in flags || !mayRun) {
      const hint = mayRun ? ", or leave out --no-deps" : ", in one process";
      throw new UserError(`Cannot go on without ${folder}: run "deno task ${stage.name}" first${hint}`);
    }
    console.log(`${folder} is not there: running ${stage.name} first`);
    await runTaskProcess({ task: stage.task, args: [...stage.args, ...passedArguments(invocation)] });
  }
}

/** The stages among some names that have left nothing yet, with the folders where they would. */
export function missingStages(names: readonly string[], config: Config): (StageKind & { readonly folder: string })[] {
  return STAGES.filter(({ name }) => names.includes(name) && !outputsOf(name, config).every(exists))
    .map((stage) => ({ ...stage, folder: stageFolder(stage.name, config) }));
}

/** Arguments that give another task the same configuration, and what it may leave out or overlook. */
export function passedArguments({ flags, overrides }: Invocation): string[] {
  const config = flags["config"] === undefined ? [] : [`--config=${flags["config"]}`];
  const switches = ["allow-missing", "allow-overlap"].filter((name) => name in flags).map((name) => `--${name}`);
  return [...config, ...switches, ...overrides.map(({ key, value }) => `--${key}=${value}`)];
}

/**
 * What a stage leaves for others: an adapter's folder, or files of trajectories, one for each shard.
 *
 * @param name a stage of this experiment; or a path: of another run's folder, or of what it left
 * @param config names the experiment
 * @returns paths
 * @throws UserError when the stage was run in shards of which some are missing
 */
export function outputsOf(name: string, config: Config): string[] {
  const stage = STAGES.find((stage) => stage.name === name);
  if (stage) return shardFolders(stageFolder(name, config)).map((folder) => `${folder}/${stage.output}`);
  return (exists(name) ? [name] : shardFolders(name)).map((path) => {
    const left = STAGES.map(({ output }) => `${path}/${output}`).find(exists);
    return exists(`${path}/manifest.json`) && left !== undefined ? left : path;
  });
}

/** The folder of an adapter that a configuration names by stage or path. */
export function adapterFolder(name: string, config: Config): string {
  return outputsOf(name, config)[0]!;
}

function stageFolder(name: string, { experiment }: Config): string {
  return `runs/${experiment}/${name}`;
}

/**
 * The folders of a stage: its own, or those of its shards, `FOLDER-i-of-n`, when the stage was split.
 *
 * @param folder the stage's folder
 * @returns the folder itself, or the shards' folders in order
 * @throws UserError naming the shards that are missing or not finished
 */
export function shardFolders(folder: string): string[] {
  if (exists(`${folder}/result.json`) || !exists(parent(folder))) return [folder];
  const base = folder.slice(folder.lastIndexOf("/") + 1);
  const found = [...Deno.readDirSync(parent(folder))].flatMap(({ name }) => {
    const match = name.startsWith(`${base}-`) ? /^(\d+)-of-(\d+)$/.exec(name.slice(base.length + 1)) : null;
    return match ? [{ i: Number(match[1]), n: Number(match[2]) }] : [];
  });
  if (found.length === 0) return [folder];
  const n = Math.max(...found.map(({ n }) => n));
  const all = Array.from({ length: n }, (_, i) => ({ i, path: `${folder}-${i}-of-${n}` }));
  const missing = all.filter(({ path }) => !exists(`${path}/result.json`));
  if (missing.length === 0) return all.map(({ path }) => path);
  throw new UserError(
    `Cannot join the ${n} shards of ${folder}: ${missing.map(({ i }) => `${i}/${n}`).join(", ")} ${missing.length === 1 ? "is" : "are"} ` +
      `not finished; run "deno task ${base} --shard=${missing[0]!.i}/${n}"${missing.length === 1 ? "" : " and so on"} first`,
  );
}

/** The folder's last part of a stage, or of one of its shards. */
export function shardName(stage: string, shard: string | undefined): string {
  return shard ? `${stage}-${shard.replace("/", "-of-")}` : stage;
}
