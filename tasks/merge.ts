/**
 * A base and its LoRA adapter as one checkpoint in Hugging Face's layout, for programs that know no adapters. Files keep their
 * names; a merging that was stopped goes on with the next one.
 *
 * @module
 */
import { mergedFiles } from "../lib/convert/merge.ts";
import { bytesIn, openTarget, requireRoom, requireVacant } from "../lib/convert/target.ts";
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { adapterFolder } from "../lib/experiment/pipeline.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { digestFor, ensureEngine } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, type TaskInfo } from "../lib/experiment/task.ts";
import { exists } from "../lib/files.ts";
import { loadAdapter, planCheckpoint } from "../lib/model/mod.ts";
import { checkpointDigest } from "../lib/model/checkpoint.ts";
import { disposeAdapter } from "../lib/model/lora.ts";
import { readModelHeaders, writeSafetensors } from "../lib/model/safetensors.ts";
import { bytesOf } from "../lib/model/shards.ts";

const TASK: TaskInfo = {
  name: "merge",
  about: "Writes the base with an adapter merged into it: summed in float32, rounded once to what the base stores.",
  sections: ["model"],
  needs: ({ flags }) => flags["adapter"] ? [flags["adapter"]] : [],
  switches: { "no-deps": "refuse instead of training an adapter that is missing" },
  flags: {
    ...BENCH_FLAG,
    adapter: "a stage, as train-cwm, its run's folder, or an adapter's in PEFT's layout",
    to: "the folder of the merged checkpoint, empty or not there",
  },
};

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  const { adapter: name, to } = flags;
  if (!name || !to) throw new UserError("Cannot merge without an adapter and a folder: give --adapter=STAGE_OR_DIR and --to=DIR");
  requireVacant(to);

  // 1. The base and an adapter that is one of it
  const { path } = config.model;
  const plan = planCheckpoint(path, "float32");
  const folder = adapterFolder(name, config);
  if ("dry-run" in flags && !exists(folder)) return console.log(`Nothing was written; ${folder} is not there yet.`);
  const digests = { base: checkpointDigest(plan), adapter: digestFor(folder, plan) };
  await ensureEngine(config.model.backend);
  const adapter = loadAdapter(folder, plan.config);
  const files = mergedFiles(plan.config, readModelHeaders(path), adapter);
  const others = [...Deno.readDirSync(path)].map(({ name }) => name)
    .filter((name) => Deno.statSync(`${path}/${name}`).isFile && !files.some((file) => file.name === name));
  const weights = files.flatMap(({ tensors }) => tensors);
  const bytes = bytesOf(weights) + others.reduce((sum, name) => sum + Deno.statSync(`${path}/${name}`).size, 0);
  console.log(`${path} with ${folder} (α / rank ${adapter.scale}): ${weights.length} tensors, ${(bytes / 1e9).toFixed(2)} GB`);
  if ("dry-run" in flags) {
    requireRoom(to, bytes);
    return console.log(`Nothing was written; the checkpoint would go to ${to}.`);
  }

  // 2. The base's files: weights merged, the others as they are
  const target = openTarget(to, digests);
  requireRoom(target.folder, bytes - bytesIn(target.folder));
  const progress = showProgress(TASK.name, files.length);
  for (const [i, { name, tensors }] of files.entries()) {
    if (!exists(`${target.folder}/${name}`)) writeSafetensors(`${target.folder}/${name}`, tensors);
    progress.update(i + 1, name);
  }
  for (const name of others) Deno.copyFileSync(`${path}/${name}`, `${target.folder}/${name}`);
  progress.stop();
  disposeAdapter(adapter);
  target.finish();
  console.log(`${to}: give it to any task as --model.path=${to}`);
}

if (import.meta.main) await runTask(TASK, main);
