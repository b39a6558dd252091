/**
 * Chameleon as Meta published it, and GAIR's Anole, to the layout that models are read from: Hugging Face's. Tensors pass through
 * memory one at a time; a conversion that was stopped goes on with the next shard.
 *
 * @module
 */
import { planConversion } from "../lib/convert/meta_layout.ts";
import { bytesIn, openTarget, requireRoom, requireVacant } from "../lib/convert/target.ts";
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { writeFile } from "../lib/files.ts";
import { bytesOf, SHARD_BYTES, writeShards } from "../lib/model/shards.ts";

const TASK: TaskInfo = {
  name: "convert",
  about: "Converts Chameleon from Meta's layout, or Anole from GAIR's, to Hugging Face's. Pickles are read, never run.",
  sections: [],
  flags: {
    from: "the folder with models/ and tokenizer/, as Meta and GAIR publish it",
    to: "the folder of the converted checkpoint, empty or not there",
    size: "the model in models/, as 7b; may be left out where there is one",
  },
};

/** Runs the task. */
function main({ flags }: Invocation): void {
  const { from, to } = flags;
  if (!from || !to) throw new UserError("Cannot convert without both folders: give --from=DIR and --to=DIR");
  requireVacant(to);

  // 1. The plan: tables of the sources alone, checked against each other
  const { config, tensors, files, sources } = planConversion(from, flags["size"]);
  const bytes = bytesOf(tensors);
  const sized = `${config.layers} blocks of width ${config.hiddenSize}, ${tensors.length} tensors, ${(bytes / 1e9).toFixed(2)} GB`;
  const shards = `in shards of ${SHARD_BYTES / 1e9} GB at most`;
  console.log(`${from}: ${sources.length - 1} ${sources.length === 2 ? "file" : "files"} of weights, ${sized}; ${shards}`);
  if ("dry-run" in flags) {
    requireRoom(to, bytes);
    return console.log(`Nothing was written; the checkpoint would go to ${to}.`);
  }

  // 2. The shards, then the small files
  const made = sources.map((path) => [path, Deno.statSync(path).size, Deno.statSync(path).mtime?.getTime()]);
  const target = openTarget(to, { made, files, shardBytes: SHARD_BYTES });
  if (target.resumed) console.log(`Going on in ${target.folder}`);
  let done = bytesIn(target.folder);
  requireRoom(target.folder, bytes - done);
  const megabytes = Math.ceil(bytes / 1e6);
  const progress = showProgress("megabytes", megabytes, Math.floor(done / 1e6));
  const shown = tensors.map((tensor) => ({
    ...tensor,
    bytes: () => {
      const content = tensor.bytes();
      progress.update(Math.floor((done += content.length) / 1e6), tensor.name);
      return content;
    },
  }));
  writeShards(target.folder, shown, { resume: true });
  for (const [name, text] of Object.entries(files)) writeFile(`${target.folder}/${name}`, text);
  progress.update(megabytes);
  progress.stop();
  target.finish();
  console.log(`${to}: give it to any task as --model.path=${to}`);
}

if (import.meta.main) await runTask(TASK, main);
