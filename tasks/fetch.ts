/**
 * Fetches models and data sets by name. Says first how much it is, under which licence, and what its owner has to be asked for.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import {
  CATALOGUE,
  checkRoom,
  describeCatalogue,
  describeItem,
  describePlan,
  describeSteps,
  fetchItem,
  finishItem,
  freeBytes,
  type Item,
  lengthOf,
  makeOf,
  openBytes,
  openClient,
  openFiles,
  type Plan,
  planItem,
  readRecord,
  sizeText,
} from "../lib/fetch/mod.ts";
import { exists } from "../lib/files.ts";

const TASK: TaskInfo = {
  name: "fetch",
  about:
    "Fetches models and data sets by name; without a name it lists them. Broken downloads go on, digests are checked. HF_TOKEN is sent to Hugging Face (or HF_ENDPOINT, or --mirror) alone. --dry-run contacts nothing.",
  sections: [],
  names: Object.fromEntries(Object.entries(CATALOGUE).map(([name, { about }]) => [name, about])),
  switches: { accept: "say that you have read the terms of what is named, and accept them" },
  flags: {
    to: "the folder above all others (default data)",
    mirror: "an address to fetch everything from: Hugging Face's repositories at its root, HOST/PATH for the rest",
    parts: "how many files or archives of a data set in many",
  },
};

/** Runs the task. */
async function main({ flags, names = [] }: Invocation): Promise<void> {
  const to = flags["to"] ?? "data";
  if (names.length === 0) return console.log(describeCatalogue(to));
  const parts = partsOf(flags["parts"]);

  // 1. What it is, before anything is contacted
  for (const name of names) console.log(describeItem(name, CATALOGUE[name]!, to));
  if ("dry-run" in flags) return console.log(`${sizeText(freeBytes(to))} are free in ${to}. Nothing was contacted.`);
  const open = names.find((name) => CATALOGUE[name]!.accept && CATALOGUE[name]!.sources.length > 0 && !("accept" in flags));
  if (open !== undefined) {
    throw new UserError(`Cannot fetch ${open} before its terms are accepted: read ${CATALOGUE[open]!.terms} and add --accept`);
  }

  // 2. One after the other
  const client = openClient(flags["mirror"]);
  const waiting: string[] = [];
  for (const name of names) {
    const item = CATALOGUE[name]!;
    const folder = `${to}/${item.folder}`;
    const record = readRecord(name, folder);
    if (record?.finished && record.parts === (parts ?? null) && !("restart" in flags)) {
      console.log(`${name} is in ${folder}; --restart fetches it again`);
      continue;
    }
    if (item.sources.length === 0) {
      if (!await complete(name, item, folder)) waiting.push(name);
      continue;
    }
    const plan = await planItem(item, client, parts);
    console.log(describePlan(name, plan));
    const restart = "restart" in flags;
    checkRoom(openBytes(openFiles(plan, restart ? undefined : record), folder), folder);
    const fetched = await fetchAll(name, item, plan, { client, folder, ...(parts && { parts }), restart });
    const isComplete = await complete(name, item, folder);
    if (isComplete) finishItem(fetched, folder);
    else waiting.push(name);
  }
  if (waiting.length > 0) {
    throw new UserError(
      `Cannot fetch all of ${waiting.join(" and ")}: the owner gives it on request alone, by the steps above; then run this again`,
    );
  }
}

/** Fetches the files of an item under a bar of megabytes. */
async function fetchAll(name: string, item: Item, plan: Plan, options: Omit<Parameters<typeof fetchItem>[3], "onBytes">) {
  const MB = 1e6;
  const total = Math.max(1, Math.ceil(plan.files.reduce((sum, file) => sum + lengthOf(file), 0) / MB));
  const progress = showProgress(`fetch ${name} (MB)`, total);
  let last = 0;
  const onBytes = (bytes: number, note: string) => {
    if (performance.now() - last < 500) return; // the time left is reckoned from the last updates: half a second each
    last = performance.now();
    progress.update(Math.min(Math.floor(bytes / MB), total), note);
  };
  try {
    return await fetchItem(name, item, plan, { ...options, onBytes });
  } finally {
    progress.stop();
  }
}

/** Makes of an item what is to be made, once what was asked for by hand is there; whether it is complete. */
async function complete(name: string, item: Item, folder: string): Promise<boolean> {
  const isThere = item.done === undefined || exists(`${folder}/${item.done}`);
  if (isThere && item.make) {
    const make = await makeOf(item.make);
    const progress = showProgress(`make ${name}`, 100);
    const said = await make(folder, (share) => progress.update(Math.floor(100 * share))).finally(() => progress.stop());
    console.log(said);
  }
  const left = isThere ? "" : "; what is left to do:\n" + describeSteps(item);
  console.log(`${name} ${item.sources.length > 0 || isThere ? "is in" : "goes to"} ${folder}${left}`);
  return isThere || (item.sources.length > 0 && item.make === undefined);
}

function partsOf(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,5}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new UserError(`Cannot use --parts="${text}": give a whole number from 1`);
}

if (import.meta.main) await runTask(TASK, main);
