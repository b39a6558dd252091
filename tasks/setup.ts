/**
 * Installs libtensorflow into the user's cache: the wheel comes by the ordinary Python client, two libraries of it stay.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { openBackend } from "../lib/engine/mod.ts";
import { checkGpuLayout, installLibtensorflow, planInstallation } from "../lib/engine/install.ts";
import { describeServer, installServer } from "../lib/queue/server.ts";
import { mebibytes } from "../lib/model/memory.ts";

const TASK: TaskInfo = {
  name: "setup",
  about: "Installs libtensorflow into a cache folder outside the repository; LIBTENSORFLOW_DIR overrides the folder.",
  sections: [],
  switches: { gpu: "the CUDA build and NVIDIA's libraries (Linux)", queue: "the NATS server of task queue, and nothing else" },
};

/** Runs the task. */
async function main({ flags }: Invocation): Promise<void> {
  if ("queue" in flags) {
    console.log(describeServer());
    return "dry-run" in flags ? undefined : await installServer();
  }
  const gpu = "gpu" in flags;
  const plan = await planInstallation(gpu);
  console.log(plan.text);
  if ("dry-run" in flags) return gpu ? await showGpuLayout() : undefined;
  if (plan.installed) return;
  await installLibtensorflow(gpu);
  const backend = await openBackend("tensorflow");
  console.log(`libtensorflow ${backend.version} works${backend.gpu ? " with a GPU" : ""}: ${plan.folder}, ${mebibytes(plan.bytes())}`);
}

async function showGpuLayout(): Promise<void> {
  const { bytes, folders, missing } = await checkGpuLayout();
  for (const [folder, files] of Object.entries(folders)) console.log(`  ${folder}: ${files.length} libraries`);
  console.log(
    `${mebibytes(bytes)} to fetch; ${missing.length === 0 ? "all that the engine needs is there" : `missing: ${missing.join(", ")}`}`,
  );
  if (missing.length > 0) throw new UserError("Cannot use these CUDA wheels: their layout is another one than this version expects");
}

if (import.meta.main) await runTask(TASK, main);
