/**
 * Takes the README's pictures from a finished `reproduce`, and draws the tiny world's.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { exists, readBytes, writeFile } from "../lib/files.ts";
import { FAMILIES, worldTrajectories } from "../lib/world/mod.ts";
import { drawFamilies } from "../lib/report/mod.ts";

const TASK: TaskInfo = {
  name: "pictures",
  about: "Takes the README's pictures from a finished reproduce.",
  sections: ["data"],
  flags: { of: "the folder of task reproduce (default runs/EXPERIMENT/paper-SEED)" },
};

/** Where each picture is from. */
const SOURCES: Readonly<Record<string, string>> = {
  "predictions.png": "cwm/predictions.png",
  "verification.png": "verify-c-ft/curves.png",
  "probe.png": "probe-cdm/likelihoods.png",
};

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  const of = flags["of"] || `runs/${config.experiment}/paper-${config.seed}`;
  const out = flags["run"] || "data/pictures";
  const missing = Object.values(SOURCES).find((path) => !exists(`${of}/${path}`));
  if (missing) throw new UserError(`Cannot take pictures from ${of}: ${missing} is not there; run deno task reproduce first`);
  if ("dry-run" in flags) return console.log(Object.entries(SOURCES).map(([name, path]) => `${of}/${path} → ${out}/${name}`).join("\n"));
  for (const [name, path] of Object.entries(SOURCES)) writeFile(`${out}/${name}`, readBytes(`${of}/${path}`));
  writeFile(`${out}/world.png`, await drawFamilies(worldTrajectories(config.data.difficulty, config.seed, "bench", 2 * FAMILIES.length)));
  console.log(`${Object.keys(SOURCES).length + 1} pictures in ${out}`);
}

if (import.meta.main) await runTask(TASK, main);
