/**
 * Training on several workers: starting them on this machine, joining those that a launcher started, and the check at the start that
 * all of them run the same code on the same data with the same configuration.
 *
 * @module
 */
import { createHash } from "node:crypto";
import project from "../../deno.json" with { type: "json" };
import { joinCluster, type Patience } from "../engine/collectives.ts";
import { printable, quoted, UserError } from "../errors.ts";
import { type Workers, workersOf } from "../train/workers.ts";
import { type LaunchedCluster, readCluster } from "./cluster.ts";
import { VERSION } from "./run.ts";
import type { Invocation, TaskInfo } from "./task.ts";

const ROOT = new URL("../../", import.meta.url);
const PATIENCE = 60; // seconds without a sign of life; JOIN times as many until all must have come, HANG times for a step with such signs
const JOIN = 5;
const HANG = 10; // ten minutes by default, as torch waits for NCCL
const GRACE = 10_000; // ms that workers have to stop by themselves once one has failed; nothing that they write can be half-written
const MOST = 256; // workers on one machine

/** The cluster that this process is part of, when it runs a task whose work is shared; undefined for a single process. */
export function clusterOf(task: TaskInfo): LaunchedCluster | undefined {
  return task.flags && "workers" in task.flags ? readCluster(Deno.env.toObject()) : undefined;
}

/**
 * Starts workers on this machine when `--workers` asks for them, and waits until they are done.
 *
 * @param task the task
 * @param invocation its command line
 * @param args the same as it was given
 * @returns whether workers did the work
 * @throws UserError when one of them fails
 */
export async function runWorkers(task: TaskInfo, { flags }: Invocation, args: readonly string[]): Promise<boolean> {
  if (flags["workers"] === undefined || "dry-run" in flags) return false;
  const count = workersAsked(flags);
  const cluster = clusterOf(task);
  if (cluster) {
    throw new UserError(
      `Cannot start ${count} workers as ${cluster.source} names ${cluster.addresses.length} already: leave out --workers`,
    );
  }
  if (count === 1) return false;
  const rest = args.filter((arg, i) => !/^--workers(=|$)/.test(arg) && args[i - 1] !== "--workers");
  const workers = environmentsOf(count).map((env, index) => startWorker(task.name, rest, env, index));
  const stop = (signal: Deno.Signal) => workers.forEach(({ child }) => killQuietly(child, signal));
  const onTerm = () => {
    stop("SIGTERM");
    setTimeout(() => stop("SIGKILL"), GRACE);
  };
  Deno.addSignalListener("SIGTERM", onTerm);
  try {
    await allDone(workers, () => stop("SIGKILL"));
  } finally {
    Deno.removeSignalListener("SIGTERM", onTerm);
  }
  return true;
}

/** How many workers a flag asks for; 1 without it. */
export function workersAsked(flags: Readonly<Record<string, string>>, name = "workers"): number {
  return wholeFlag(name, flags[name] ?? "1", MOST);
}

interface Worker {
  readonly child: Deno.ChildProcess;
  readonly said: Promise<string>; // the last line of what it says on standard error; the first worker's is shown as it comes
}

/** A worker as a process of its own, with the permissions that `deno.json` gives the task. */
function startWorker(task: string, args: readonly string[], env: Record<string, string>, index: number): Worker {
  const command = project.tasks[task as "train-cwm"].command.split(" ").slice(1);
  const script = new URL(command.at(-1)!, ROOT).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: [...command.slice(0, -1), script, ...args],
    ...{ env, stdin: "null", stdout: index === 0 ? "inherit" : "null", stderr: index === 0 ? "inherit" : "piped" },
  }).spawn();
  return { child, said: index === 0 ? Promise.resolve("") : lastLine(child.stderr) };
}

async function allDone(workers: readonly Worker[], stop: () => void): Promise<void> {
  const failed: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.all(workers.map(async ({ child, said }, i) => {
    const [{ success, code, signal }, words] = await Promise.all([child.status, said]);
    if (success) return;
    if (words) console.error(`worker ${i}: ${words}`);
    failed.push(`worker ${i} of ${workers.length} ended with ${signal ?? `code ${code}`}`);
    timer ??= setTimeout(stop, GRACE);
  }));
  clearTimeout(timer);
  if (failed.length > 0) {
    throw new UserError(`Cannot go on as ${failed[0]}: mend what is said above, and start again to go on from the last checkpoint`);
  }
}

async function lastLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) text = (text + piece).slice(-4000);
  return lastLineOf(text);
}

/** The last line of what a process said, safe to print. */
export function lastLineOf(text: string): string {
  return printable(text.trim().split("\n").at(-1)!);
}

function killQuietly(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch { /* it has ended */ }
}

/** What tells each of so many processes on this machine where the others are. */
export function environmentsOf(count: number): Record<string, string>[] {
  const worker = freeAddresses(count);
  return worker.map((_, index) => ({ TF_CONFIG: JSON.stringify({ cluster: { worker }, task: { type: "worker", index } }) }));
}

/** Addresses on this machine whose ports are free. */
export function freeAddresses(count: number): string[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const addresses = listeners.map(({ addr }) => `127.0.0.1:${(addr as Deno.NetAddr).port}`);
  listeners.forEach((listener) => listener.close());
  return addresses;
}

/** What the workers of a training must have in common, by what it is. */
export type Digests = Readonly<Record<string, string>>;

/**
 * Joins the other workers. The engine must be open, with this process's share of the machine.
 *
 * @param cluster all workers, and this one
 * @param flags of the command line; `--patience` says how long a worker may give no sign of life
 * @returns the workers
 * @throws UserError when another does not come, or a port is in use
 */
export async function joinWorkers(cluster: LaunchedCluster, flags: Readonly<Record<string, string>>): Promise<Workers> {
  const loss = wholeFlag("patience", flags["patience"] ?? `${PATIENCE}`, 86_400);
  const patience: Patience = { loss, join: JOIN * loss, hang: HANG * loss };
  const collectives = await joinCluster(cluster, patience);
  Deno.addSignalListener("SIGTERM", () => Deno.exit(143)); // TensorFlow's service would keep it for itself
  return workersOf(collectives);
}

/**
 * Checks that all workers have the same digests; all of them are told of the same difference.
 *
 * @param workers all of them
 * @param own this worker's digests: 16 hexadecimal digits each, under the same names on all
 * @throws UserError naming the worker and what differs
 */
export async function requireSame(workers: Workers, own: Digests): Promise<void> {
  const { rank, count } = workers;
  const mine = Object.values(own).flatMap((digest) => digest.match(/.{4}/g)!.map((four) => parseInt(four, 16)));
  const table = new Array<number>(count * mine.length).fill(0); // each worker fills its own row
  table.splice(rank * mine.length, mine.length, ...mine);
  const all = await workers.sumNumbers(table);
  const digestsOf = (worker: number) => all.slice(worker * mine.length, (worker + 1) * mine.length);
  for (let worker = 1; worker < count; worker++) {
    const place = digestsOf(worker).findIndex((number, i) => number !== digestsOf(0)[i]);
    if (place < 0) continue;
    await workers.leave(); // all have seen the table before the first one ends
    throw new UserError(
      `Cannot train together as the ${Object.keys(own)[place >> 2]} of worker ${worker} differs from that of worker 0: ` +
        "start all workers with the same version, data and command line",
    );
  }
}

/** A digest of the workbench's own code: its version, and the files of the library and of the tasks as they are. */
export function codeDigest(): string {
  const hash = createHash("sha256").update(`${VERSION} ${Deno.version.deno}`);
  for (const folder of ["lib", "tasks"]) {
    for (const path of filesBelow(new URL(folder, ROOT).pathname)) hash.update(Deno.readFileSync(path));
  }
  return hash.digest("hex").slice(0, 16);
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

function wholeFlag(name: string, text: string, most: number): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
  throw new UserError(`Cannot use --${name}=${quoted(text)}: give a whole number from 1 to ${most}`);
}
