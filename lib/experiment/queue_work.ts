/**
 * Batches that a queue deals out to all who run the same command in one folder. What is done is known by the files that batches
 * leave; the queue says only who does what, so that it may lose everything and nothing is lost.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists, parent, readJson, realDisk, temporaryName, writeFile } from "../files.ts";
import { openQueue, type Queue } from "../queue/queue.ts";
import { type Batch, collect, doBatch, isDone, setAside, type Work, type Worked, workThrough } from "./batches.ts";
import { showProgress } from "./progress.ts";

/** So often a batch is given out before it is set aside. */
const TRIES = 5;

/** A worker that fails at so many batches, one after the other, stops: it is not the batches then. */
const FAILURES = 3;

/** What came of all batches, for the one worker that puts them together. */
export interface Gathered<Line> extends Worked<Line> {
  /** Tells the queue, and the other workers by it, that the run is finished. */
  finish(): Promise<void>;
}

/**
 * Works through batches, alone or with others.
 *
 * @param work the batches
 * @param address of a queue; undefined works alone
 * @returns what came of all of them; undefined when another worker puts them together, and has
 */
export async function workTogether<Item, Line>(
  work: Work<Item, Line>,
  address: string | undefined,
): Promise<Gathered<Line> | undefined> {
  if (address !== undefined) return await workFromQueue(work, address);
  return { ...await workThrough(work), finish: () => Promise.resolve() };
}

/**
 * Works on batches as long as there are any.
 *
 * @param work all batches of the run
 * @param address of the queue
 * @returns what came of all of them; undefined when another worker puts them together, and has
 * @throws UserError when the queue cannot be reached or has lost the run, or this worker fails again and again
 */
export async function workFromQueue<Item, Line>(work: Work<Item, Line>, address: string): Promise<Gathered<Line> | undefined> {
  const { name, folder, batches, idOf } = work;
  const ids = batches.map(({ items }) => items.map(idOf));
  const queue = await openQueue(address, { run: nameOfRun(folder), about: `${name} in ${folder}`, batches: ids });
  try {
    if (await takeAll(work, queue)) return { ...collect(work), finish: () => queue.finish().finally(() => queue.close()) };
  } catch (error) {
    await queue.close();
    throw error;
  }
  await queue.close();
  if (exists(`${folder}/result.json`)) return void console.log(`${folder} is finished; another worker has put it together.`);
  throw new UserError(`Cannot go on in ${folder}: the queue no longer has the run; start the task again, what is done is kept`);
}

/** Takes jobs until this worker has the last one and everything is done, or another has finished the run. */
async function takeAll<Item, Line>(work: Work<Item, Line>, queue: Queue): Promise<boolean> {
  const { name, unit, batches } = work;
  const progress = showProgress(name, batches.length);
  const clock = performance.now();
  const failed = new Set<number>();
  let items = 0;
  try {
    for (let taken = await queue.next(); taken; taken = await queue.next()) {
      const { job: { batch: index }, tries } = taken;
      if (index === undefined) {
        if (await isLast(work, queue)) return true;
        continue;
      }
      const batch = batches[index]!;
      const error = await tryBatch(work, batch, tries);
      if (error === undefined) {
        await queue.done();
        failed.clear();
        items += batch.items.length;
      } else {
        console.error(`\nBatch ${index} failed (${tries} of ${TRIES} tries): ${error.message}`);
        if (failed.add(index).size >= FAILURES) throw error;
        await queue.later(1000);
      }
      const standing = await queue.standing();
      progress.update(
        standing?.done ?? batches.length,
        `batches by all, ${(items / ((performance.now() - clock) / 1000)).toFixed(1)} ${unit}/s by this worker`,
      );
    }
  } finally {
    progress.stop();
  }
  return false;
}

/** Does a batch that is not done, or sets it aside when it was tried too often; why it failed, if it is to be tried again. */
async function tryBatch<Item, Line>(work: Work<Item, Line>, batch: Batch<Item>, tries: number): Promise<Error | undefined> {
  const { folder } = work;
  if (isDone(folder, batch.index)) return;
  try {
    if (tries > TRIES) return void setAside(folder, batch.index, `none of ${TRIES} workers finished it`);
    await doBatch(work, batch);
  } catch (error) {
    if (tries < TRIES) return error as Error;
    setAside(folder, batch.index, `it failed ${TRIES} times, at last so: ${(error as Error).message}`);
  }
}

/** Whether all else is done: what no worker has any more, this one does itself. */
async function isLast<Item, Line>(work: Work<Item, Line>, queue: Queue): Promise<boolean> {
  const standing = await queue.standing();
  if (!standing || standing.done < standing.jobs - 1) {
    await queue.later(1000);
    return false;
  }
  for (const batch of work.batches) if (!isDone(work.folder, batch.index)) await doBatch(work, batch); // its file was removed
  return true;
}

/** The run's name on the queue: made by the first worker, read by all others. */
function nameOfRun(folder: string): string {
  const path = `${folder}/queue.json`;
  if (!exists(path)) {
    const own = temporaryName(path);
    const stage = folder.slice(parent(folder).length + 1).replaceAll(/\W+/g, "-");
    writeFile(own, JSON.stringify({ run: `${stage}-${crypto.randomUUID().slice(0, 8)}` }) + "\n");
    try {
      Deno.linkSync(own, path); // one of all workers succeeds
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    } finally {
      realDisk.remove(own);
    }
  }
  const { run } = readJson(path) as { run?: unknown };
  if (typeof run === "string" && /^[\w-]{1,200}$/.test(run)) return run;
  throw new UserError(`Cannot use ${path}: it was not written by Worldstrap; remove it`);
}
