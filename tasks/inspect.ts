/**
 * Says where pictures and videos come from, as their files say it.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { inspectFile, provenanceText } from "../lib/provenance/mod.ts";

const TASK: TaskInfo = {
  name: "inspect",
  about: "Says of pictures and videos with which base, adapter, seed and action a model made them, as their files tell.",
  sections: [],
  paths: "pictures (PNG, JPEG, WebP, GIF, BMP, TIFF) and videos (by the names' ends), one or several",
};

/** Runs the task. */
async function main({ names = [] }: Invocation): Promise<void> {
  if (names.length === 0) throw new UserError("Cannot inspect nothing: give the files, as deno task inspect images/a.png");
  for (const path of names) {
    const found = await inspectFile(path);
    console.log(`${path}: ${found ? provenanceText(found) : "nothing says that this workbench made it"}`);
  }
}

if (import.meta.main) await runTask(TASK, main);
