/**
 * Stages that other tasks build on: found where they are, run first where they are not.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import type { Invocation } from "../lib/experiment/cli.ts";
import { exists } from "../lib/files.ts";
import { runFolder } from "../lib/experiment/run.ts";
import { main as annotate } from "./annotate.ts";
import { main as filter } from "./filter.ts";
import { main as trainCdm } from "./train_cdm.ts";
import { main as trainCwm } from "./train_cwm.ts";

/** A stage that can be run by another task. */
interface Stage {
  readonly main: (invocation: Invocation) => Promise<void>;
  readonly flags: Readonly<Record<string, string>>;
}

/** By functions: these modules import each other. */
const STAGES: Readonly<Record<string, () => Stage>> = {
  "train-cdm": () => ({ main: trainCdm, flags: {} }),
  "train-cwm": () => ({ main: trainCwm, flags: {} }),
  "train-cft": () => ({ main: trainCwm, flags: { cft: "" } }),
  annotate: () => ({ main: annotate, flags: {} }),
  filter: () => ({ main: filter, flags: {} }),
};

/** The folder of an adapter: a folder, or a stage (train-cdm, train-cwm, train-cft). */
export async function adapterFolder(name: string, invocation: Invocation): Promise<string> {
  return name in STAGES ? `${await stageFolder(name, invocation)}/adapter` : name;
}

/** A file of trajectories: a file, or a stage (annotate, filter). */
export async function trajectoriesFile(name: string, invocation: Invocation): Promise<string> {
  return name in STAGES ? `${await stageFolder(name, invocation)}/trajectories.jsonl` : name;
}

/** The folder of a stage of this experiment; when it has not been run it is run first, unless `--no-deps` was given. */
async function stageFolder(name: string, { config, flags, overrides }: Invocation): Promise<string> {
  const folder = runFolder(config, name, {});
  if (exists(`${folder}/result.json`)) return folder;
  if ("no-deps" in flags) throw new UserError(`Cannot go on without ${folder}: run "deno task ${name}" first, or leave out --no-deps`);
  console.log(`${folder} is not there: running ${name} first`);
  const { main, flags: own } = STAGES[name]!();
  const passed = Object.fromEntries(Object.entries(flags).filter(([flag]) => flag === "config" || flag === "allow-missing"));
  await main({ config, flags: { ...passed, ...own }, overrides });
  return folder;
}
