/**
 * The queue that long stages share their batches by: starts a NATS server on this machine, or shows how far all runs and workers are.
 *
 * @module
 */
import { cacheFolder } from "../lib/engine/mod.ts";
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { duration } from "../lib/experiment/progress.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { allStandings, connectQueue, type Standing, type WorkerAnswer, workersOf } from "../lib/queue/jetstream.ts";
import { startServer } from "../lib/queue/server.ts";
import { mebibytes } from "../lib/model/memory.ts";
import { markdownTable } from "../lib/report/table.ts";

const DEFAULT_ADDRESS = "127.0.0.1:4222";

const TASK: TaskInfo = {
  name: "queue",
  about:
    "Starts the queue for --queue=nats://HOST:PORT on this machine, until it is stopped; or shows how far its runs are, and who works.",
  sections: [],
  verbs: { start: "start a NATS server with JetStream (deno task setup --queue installs it)", status: "show runs and workers" },
  flags: {
    listen: `where it listens (default ${DEFAULT_ADDRESS}); for other machines 0.0.0.0:4222, with a token in NATS_TOKEN`,
    store: "the folder that keeps the jobs (default queue in the cache folder)",
    queue: `whose status is shown (default nats://${DEFAULT_ADDRESS})`,
  },
};

/** Runs the task. */
async function main({ verb, flags }: Invocation): Promise<void> {
  const [listen, store] = [flags["listen"] ?? DEFAULT_ADDRESS, flags["store"] ?? `${cacheFolder()}/queue`];
  if (verb === "start") {
    if ("dry-run" in flags) return console.log(`A server would listen on ${listen} and keep its jobs in ${store}.`);
    return await start(listen, store);
  }
  if (verb === "status") return await show(flags["queue"] ?? `nats://${DEFAULT_ADDRESS}`);
  throw new UserError("Cannot tell what to do: give start or status, as in deno task queue status");
}

/** Starts a server, and ends it with this process. */
async function start(listen: string, store: string): Promise<void> {
  const { process, address } = await startServer(listen, store);
  const end = () => process.kill("SIGINT");
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, end);
  console.log(`The queue is at ${address}; its jobs are kept in ${store}. Ctrl-C stops it, and they stay.`);
  console.log(`  deno task annotate --queue=${address}    as often as there are workers, on machines that share the run's folder`);
  const { code } = await process.status;
  Deno.exit(code);
}

/** A row for each run, a row for each worker. */
async function show(address: string): Promise<void> {
  const connection = await connectQueue(address);
  try {
    const runs = await allStandings(connection);
    if (runs.length === 0) return console.log(`There is no run on ${address}: all are finished, or none was begun.`);
    const workers = await Promise.all(runs.map(({ run }) => workersOf(connection, run)));
    console.log(markdownTable(runs.map((run, i) => rowOf(run, workers[i]!))));
    const rows = runs.flatMap(({ run }, i) => workers[i]!.map((worker) => ({ run, ...speedOf(worker) })));
    console.log(rows.length > 0 ? `\n${markdownTable(rows)}` : "\nNobody is at work.");
  } finally {
    await connection.close();
  }
}

function rowOf({ run, about, jobs, done, inWork, again, bytes }: Standing, workers: readonly WorkerAnswer[]) {
  const speed = workers.reduce((sum, { batches, seconds }) => sum + batches / seconds, 0); // batches a second, of all
  const left = speed === 0 ? "" : duration((jobs - 1 - done) / speed);
  return { run, stage: about, batches: jobs - 1, done, "in work": inWork, "given out again": again, left, "on disk": mebibytes(bytes) };
}

function speedOf({ worker, batches, items, seconds }: WorkerAnswer) {
  return { worker, batches, items, "items/s": Number((items / seconds).toPrecision(3)), since: duration(seconds) };
}

if (import.meta.main) await runTask(TASK, main);
