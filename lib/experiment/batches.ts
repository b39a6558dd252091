/**
 * Long stages batch by batch. What is in a batch does not depend on who works on it, and each leaves a file of its own, so that one
 * process, several shards and the workers of a queue leave the same bits.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists, readJsonLines, readText, writeFile } from "../files.ts";
import { shardOf } from "../synthesis/mod.ts";
import type { Problem } from "../trajectories/mod.ts";
import { showProgress } from "./progress.ts";

/** Items that go through a model together: the smallest part of a stage that is given to a worker. */
export interface Batch<Item> {
  /** Its place among all of the stage. */
  readonly index: number;
  /** What is in it, in order. */
  readonly items: readonly Item[];
}

/** A stage's work. */
export interface Work<Item, Line> {
  /** The stage's name, for the progress. */
  readonly name: string;
  /** What an item is, for the progress: "videos". */
  readonly unit: string;
  /** The run's folder. */
  readonly folder: string;
  /** What this process may work on, in order. */
  readonly batches: readonly Batch<Item>[];
  /** An item's name. */
  readonly idOf: (item: Item) => string;
  /** Works on a batch. Doing so twice must leave the same files, and give the same lines. */
  readonly run: (batch: Batch<Item>) => Promise<readonly Line[]>;
}

/** What came of all batches. */
export interface Worked<Line> {
  /** Lines in the order of the batches. */
  readonly lines: readonly Line[];
  /** Items of batches that were set aside, with why. */
  readonly problems: readonly Problem[];
}

/**
 * Splits items into batches.
 *
 * @param items all of them, in an order that all workers share
 * @param size items in a batch; the last may have fewer
 * @param from the first batch's place
 */
export function batchesOf<Item>(items: readonly Item[], size: number, from = 0): Batch<Item>[] {
  return Array.from(
    { length: Math.ceil(items.length / size) },
    (_, i) => ({ index: from + i, items: items.slice(i * size, (i + 1) * size) }),
  );
}

/**
 * The batches of a shard.
 *
 * @param batches of the whole stage
 * @param shard i/n, or undefined for all
 * @param setting the key that says how many items a batch has
 * @throws UserError when there are more shards than batches
 */
export function ownBatches<Item>(batches: readonly Batch<Item>[], shard: string | undefined, setting: string): Batch<Item>[] {
  const n = Number(shard?.split("/")[1] ?? 1);
  if (n > Math.max(1, batches.length)) {
    throw new UserError(`Cannot split ${batches.length} batches into ${n} shards: take fewer shards, or a smaller ${setting}`);
  }
  return shardOf(batches, shard ?? "0/1");
}

/**
 * Works through batches in this process; those that an earlier one has done are not done again.
 *
 * @param work the batches
 * @returns what came of them
 */
export async function workThrough<Item, Line>(work: Work<Item, Line>): Promise<Worked<Line>> {
  const { name, unit, folder, batches } = work;
  const open = batches.filter(({ index }) => !isDone(folder, index));
  const total = countOf(batches);
  const before = total - countOf(open);
  const progress = showProgress(name, total, before);
  const clock = performance.now();
  let done = 0;
  if (open.length > 0) progress.update(before, unit); // the first batch may take minutes
  for (const batch of open) {
    await doBatch(work, batch);
    done += batch.items.length;
    const rate = done / ((performance.now() - clock) / 1000);
    progress.update(before + done, rate < 1 ? `${(60 * rate).toFixed(1)} ${unit}/min` : `${rate.toFixed(1)} ${unit}/s`);
  }
  progress.stop();
  return collect(work);
}

/** Works on a batch, and writes what came of it, unless a faster worker has. */
export async function doBatch<Item, Line>({ folder, run }: Work<Item, Line>, batch: Batch<Item>): Promise<void> {
  const lines = await run(batch);
  if (isDone(folder, batch.index)) return;
  writeFile(partOf(folder, batch.index), lines.map((line) => JSON.stringify(line) + "\n").join(""));
}

/** Gives a batch up, with why. */
export function setAside(folder: string, index: number, reason: string): void {
  writeFile(asideOf(folder, index), reason + "\n");
}

/** Whether a batch is done, or set aside. */
export function isDone(folder: string, index: number): boolean {
  return exists(partOf(folder, index)) || exists(asideOf(folder, index));
}

/** What came of all batches, from the files that they left. */
export function collect<Item, Line>({ folder, batches, idOf }: Work<Item, Line>): Worked<Line> {
  const lines: Line[] = [];
  const problems: Problem[] = [];
  for (const { index, items } of batches) {
    if (exists(partOf(folder, index))) lines.push(...readJsonLines<Line>(partOf(folder, index)));
    else {
      const reason = `batch ${index} was set aside: ${readText(asideOf(folder, index)).trim()}`;
      problems.push(...items.map((item) => ({ id: idOf(item), reason })));
    }
  }
  return { lines, problems };
}

function countOf(batches: readonly Batch<unknown>[]): number {
  return batches.reduce((sum, { items }) => sum + items.length, 0);
}

/** A thousand files a folder. */
function placeOf(folder: string, index: number): string {
  const digits = (number: number) => `${number}`.padStart(3, "0");
  return `${folder}/parts/${digits(Math.floor(index / 1000))}/${digits(index % 1000)}`;
}

function partOf(folder: string, index: number): string {
  return `${placeOf(folder, index)}.jsonl`;
}

function asideOf(folder: string, index: number): string {
  return `${placeOf(folder, index)}.aside.txt`;
}
