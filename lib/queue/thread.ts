/**
 * The thread that holds a worker's connection. Heartbeats must go on while a model computes, which blocks the main thread for
 * as long as a batch takes; a process that is killed or stopped takes its thread with it, and the job goes to another.
 *
 * @module
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { hostname } from "node:os";
import { UserError } from "../errors.ts";
import { answerFor, connectQueue, publishJobs, removeRun, type RunJobs, standingOf, takeJob, type Taken, WAIT } from "./jetstream.ts";
import type { Call, Reply } from "./queue.ts";

/** No batch takes so long, in milliseconds: after that the main thread hangs, and another worker gets the job. */
const LONGEST = 3_600_000;

const scope = self as unknown as { onmessage: (event: MessageEvent<Call>) => void; postMessage(reply: Reply): void };

let connection: NatsConnection | undefined;
let taken: (Taken & { readonly since: number }) | undefined;
let run = "";
const work = { worker: `${hostname()}:${Deno.pid}`, batches: 0, items: 0, begun: Date.now() };

const calls: Readonly<Record<Call["name"], (argument: never) => Promise<unknown>>> = {
  async open({ address, jobs }: { address: string; jobs: RunJobs }) {
    connection = await connectQueue(address);
    run = jobs.run;
    tellOutages(connection);
    await publishJobs(connection, jobs);
    await answerFor(connection, run, () => ({ ...work, seconds: (Date.now() - work.begun) / 1000 }));
    setInterval(() => {
      if (taken && Date.now() - taken.since < LONGEST) taken.message.working();
    }, WAIT / 4);
  },
  async next() {
    const found = await takeJob(connection!, run);
    taken = found && { ...found, since: Date.now() };
    return found && { job: found.job, tries: found.tries };
  },
  async done() {
    await taken?.message.ackAck({ timeout: 5000 }).catch(() => {}); // not heard: the job comes again, and its file is there
    work.batches++;
    work.items += taken?.job.ids?.length ?? 0;
    taken = undefined;
  },
  later(milliseconds: number) {
    taken?.message.nak(milliseconds);
    taken = undefined;
    return Promise.resolve();
  },
  standing: async () => await standingOf(connection!, run),
  async finish() {
    await removeRun(connection!, run);
    taken = undefined;
  },
  close: async () => await connection?.close(),
};

/** Says that the server is away, and back. */
async function tellOutages(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect") console.warn("The queue is away: this worker goes on when it is back");
    if (type === "reconnect") console.warn("The queue is back");
  }
}

scope.onmessage = async ({ data: { id, name, argument } }) => {
  try {
    scope.postMessage({ id, value: await calls[name](argument as never) });
  } catch (error) {
    const isOurs = error instanceof UserError;
    scope.postMessage({ id, error: { message: (error as Error).message, stack: (error as Error).stack, isOurs } });
  }
};
