/**
 * Stages that other tasks build on: found where they are, run first where they are not.
 *
 * @module
 */
import type { Invocation } from "../lib/cli.ts";
import { exists } from "../lib/files.ts";
import { runFolder } from "../lib/run.ts";
import { main as trainCdm } from "./train_cdm.ts";
import { main as trainCwm } from "./train_cwm.ts";

/** What runs a stage that trains an adapter. */
const TRAINING: Readonly<Record<string, { readonly train: typeof trainCdm; readonly flags: Readonly<Record<string, string>> }>> = {
  "train-cdm": { train: trainCdm, flags: {} },
  "train-cwm": { train: trainCwm, flags: {} },
  "train-cft": { train: trainCwm, flags: { cft: "" } },
};

/** The flag of tasks that run earlier stages. */
export const DEPENDENCY_FLAGS = { "no-deps": "refuse instead of running an earlier stage that is missing" } as const;

/**
 * The folder of an adapter. A stage of this experiment that has not been run is run first.
 *
 * @param name a stage (train-cdm, train-cwm, train-cft) or a folder
 * @param invocation of the task that needs it
 * @throws Error when the stage is missing and `--no-deps` was given
 */
export async function adapterFolder(name: string, { config, flags, overrides }: Invocation): Promise<string> {
  const stage = TRAINING[name];
  if (!stage) return name;
  const folder = runFolder(config, name, {});
  if (!exists(`${folder}/result.json`)) {
    if ("no-deps" in flags) throw new Error(`Cannot go on without ${folder}: run "deno task ${name}" first, or leave out --no-deps`);
    console.log(`${folder} is not there: running ${name} first`);
    const passed = Object.fromEntries(Object.entries(flags).filter(([flag]) => flag === "config" || flag === "allow-missing"));
    await stage.train({ config, flags: { ...passed, ...stage.flags }, overrides });
  }
  return `${folder}/adapter`;
}
