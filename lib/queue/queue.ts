/**
 * A queue as a worker sees it: the next job, done, later. The connection lives in a thread of its own.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Job, RunJobs, Standing } from "./jetstream.ts";

/** A question to the thread. */
export interface Call {
  /** Which question. */
  readonly id: number;
  /** What is wanted. */
  readonly name: "open" | "next" | "done" | "later" | "standing" | "finish" | "close";
  /** With what. */
  readonly argument?: unknown;
}

/** Its answer. */
export interface Reply {
  /** To which question. */
  readonly id: number;
  /** What was wanted. */
  readonly value?: unknown;
  /** Or why not. */
  readonly error?: { readonly message: string; readonly stack: string | undefined; readonly isOurs: boolean };
}

/** A queue. A worker has one job at a time. */
export interface Queue {
  /** Takes the next job; waits for those that other workers may hand back. Undefined when another has finished the run. */
  next(): Promise<{ readonly job: Job; readonly tries: number } | undefined>;
  /** The job is done: nobody gets it again. */
  done(): Promise<void>;
  /** The job is given to somebody else, after some milliseconds. */
  later(milliseconds: number): Promise<void>;
  /** How far all workers are; undefined when another has finished the run. */
  standing(): Promise<Standing | undefined>;
  /** The run is finished: the queue forgets it, and all workers may go. */
  finish(): Promise<void>;
  /** Leaves; a job that is neither done nor handed back goes to another after a while. */
  close(): Promise<void>;
}

/**
 * Opens a queue, and publishes a run's jobs unless another worker has.
 *
 * @param address nats://HOST:PORT
 * @param jobs of the run
 * @returns the queue; close it
 * @throws UserError when it cannot be reached
 */
export async function openQueue(address: string, jobs: RunJobs): Promise<Queue> {
  const thread = new Worker(new URL("./thread.ts", import.meta.url).href, { type: "module" });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const failAll = (error: Error) => waiting.forEach(({ reject }) => reject(error));
  thread.onmessage = ({ data: { id, value, error } }: MessageEvent<Reply>) => {
    const own = waiting.get(id)!;
    waiting.delete(id);
    if (error) own.reject(error.isOurs ? new UserError(error.message) : Object.assign(new Error(error.message), { stack: error.stack }));
    else own.resolve(value);
  };
  thread.onerror = (event) => {
    event.preventDefault();
    failAll(new Error(`The queue's thread ended: ${event.message}`));
  };
  let calls = 0;
  const call = <T>(name: Call["name"], argument?: unknown): Promise<T> => {
    const own = Promise.withResolvers<unknown>();
    waiting.set(++calls, own);
    thread.postMessage({ id: calls, name, argument } satisfies Call);
    return own.promise as Promise<T>;
  };
  const close = () => call<void>("close").catch(() => {}).finally(() => thread.terminate());
  try {
    await call("open", { address, jobs });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...{ next: () => call("next"), done: () => call("done"), later: (milliseconds) => call("later", milliseconds) },
    ...{ standing: () => call("standing"), finish: () => call("finish"), close },
  };
}
