/**
 * A task's run: its folder, its manifest, and what is seen while it works.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import cliProgress from "cli-progress";
import type { Config } from "./config.ts";
import { type Disk, exists, readJson, realDisk, writeFile } from "../files.ts";
import type { Backend } from "../engine/backend.ts";
import type { Problem } from "../trajectories/aurora.ts";

/** What a run is told at its start. */
export interface RunOptions {
  /** The task. */
  readonly task: string;
  /** The folder's last part. */
  readonly stage: string;
  /** The configuration. */
  readonly config: Config;
  /** Sections of it that the result depends on. */
  readonly sections: readonly (keyof Config)[];
  /** Hashes of inputs, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** What the engine runs on; absent when the stage needs no engine. */
  readonly backend?: Backend;
  /** Flags of the command line. */
  readonly flags: Readonly<Record<string, string>>;
  /** The disk. */
  readonly disk?: Disk;
}

/** An open run. */
export interface Run {
  /** Its folder. */
  readonly folder: string;
  /** Digest of config and inputs: equal digests give equal results. */
  readonly digest: string;
  /** Whether it was finished before. */
  readonly finished: boolean;
  /** Writes `result.json` and the manifest's end. */
  finish(result: Readonly<Record<string, unknown>>): void;
}

/** The workbench's version. */
export const VERSION = "0.1.0";

/** The folder of a run. */
export function runFolder(config: Config, stage: string, flags: Readonly<Record<string, string>>): string {
  return flags["run"] || `runs/${config.experiment}/${stage}`;
}

/**
 * Opens a run's folder: a new one, or one to go on with.
 *
 * @param options task, config, inputs
 * @throws UserError when the folder cannot be written, another process works in it, or it belongs to another config
 */
export function openRun(options: RunOptions): Run {
  const { task, stage, config, sections, inputs, backend, flags, disk = realDisk } = options;
  const folder = runFolder(config, stage, flags);
  const resolved = Object.fromEntries(sections.map((section) => [section, config[section]]));
  const digest = digestOf({ task, resolved, inputs });
  if ("restart" in flags && exists(`${folder}/manifest.json`)) disk.remove(folder);
  const path = `${folder}/manifest.json`;
  const before = exists(path) ? readJson(path) as Partial<Manifest> : undefined;
  if (before && before.digest !== digest) refuseOther(folder, before, resolved, inputs);
  const manifest: Manifest = {
    task,
    digest,
    config: resolved,
    seed: config.seed,
    inputs,
    versions: { worldstrap: VERSION, deno: Deno.version.deno, ...(backend && { [backend.name]: backend.version }) },
    backend: backend ? { name: backend.name, reason: backend.reason, threads: backend.threads, gpu: backend.gpu } : null,
    started: before?.started ?? new Date().toISOString(),
    finished: before?.finished ?? null,
    seconds: before?.seconds ?? 0,
    peakMemoryMiB: before?.peakMemoryMiB ?? 0,
  };
  if (manifest.finished === null) { // a finished run is only looked at
    lock(folder, disk);
    writeFile(path, JSON.stringify(manifest, null, 2) + "\n", disk);
  }
  const clock = performance.now();
  return {
    folder,
    digest,
    finished: manifest.finished !== null,
    finish(result) {
      writeFile(`${folder}/result.json`, JSON.stringify(result, null, 2) + "\n", disk);
      const end = {
        finished: new Date().toISOString(),
        seconds: Math.round(manifest.seconds + (performance.now() - clock) / 1000),
        peakMemoryMiB: Math.max(manifest.peakMemoryMiB, Math.round(peakMemory() / 2 ** 20)),
      };
      writeFile(path, JSON.stringify({ ...manifest, ...end }, null, 2) + "\n", disk);
      disk.remove(`${folder}/lock.json`);
    },
  };
}

/** What is said of a run that needs nothing more. */
export function finishedText(folder: string): string {
  return `${folder} is finished already; --restart begins anew.`;
}

/** Writes what was left out and why to `skipped.jsonl`, and says how many; nothing when nothing was. */
export function writeSkipped(folder: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  writeFile(`${folder}/skipped.jsonl`, problems.map((problem) => JSON.stringify(problem) + "\n").join(""));
  const reasons = Map.groupBy(problems, ({ reason }) => reason).entries().map(([reason, own]) => `${own.length} × ${reason}`);
  console.warn(`Left out ${problems.length} (${folder}/skipped.jsonl): ${[...reasons.take(4)].join("; ")}`);
}

/** What a dry run shows of a stage. */
export interface DryRun {
  /** The configuration. */
  readonly config: Config;
  /** The stage that would run. */
  readonly stage: string;
  /** Sections that it reads. */
  readonly sections: readonly string[];
  /** Digests of its inputs. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Where it would go. */
  readonly folder: string;
}

/** Config, digests of inputs, free disk, and the stage that would run. */
export function dryRunText({ config, stage, sections, inputs, folder }: DryRun): string {
  const shown = Object.fromEntries(["experiment", "seed", ...sections].map((section) => [section, config[section as keyof Config]]));
  const { bavail, bsize } = statfsSync(".");
  return [
    JSON.stringify(shown, null, 2),
    `Inputs: ${Object.entries(inputs).map(([name, digest]) => `${name} ${digest}`).join(", ")}`,
    `Free disk: ${(bavail * bsize / 2 ** 30).toFixed(1)} GiB`,
    `Stages: ${stage}`,
    `Nothing was written; the run would go to ${folder}.`,
  ].join("\n");
}

/** A digest of anything that JSON can hold. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}

/** The most memory this process has held, in bytes. */
export function peakMemory(): number {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"));
    if (match) return Number(match[1]) * 1024;
  } catch { /* not Linux */ }
  return Deno.memoryUsage().rss;
}

/** Memory that this machine has free for us, in bytes. */
export function freeMemory(): number {
  return Deno.systemMemoryInfo().available;
}

/** A bar that shows how far a long work is, with the time left. */
export interface Progress {
  /** Shows that `done` of the total is done. */
  update(done: number, note?: string): void;
  /** Takes the bar away. */
  stop(): void;
}

/**
 * Starts a progress bar; without a terminal it prints a line now and then. The time left is reckoned from this
 * process's own last steps, the first (which compiles) left out.
 */
export function showProgress(name: string, total: number, done = 0): Progress {
  if (!Deno.stderr.isTerminal()) return progressLines(name, total);
  const bar = new cliProgress.SingleBar({
    format: `${name} {bar} {value}/{total} {note} {left}`,
    hideCursor: true,
    clearOnComplete: false,
    stream: undefined,
  } as never, cliProgress.Presets.shades_classic);
  bar.start(total, done, { note: "", left: "" });
  const left = timeLeft(total);
  return {
    update: (value, note = "") => bar.update(value, { note, left: left(value) }),
    stop: () => bar.stop(),
  };
}

function progressLines(name: string, total: number): Progress {
  const left = timeLeft(total);
  let last = 0;
  return {
    update(value, note = "") {
      const remaining = left(value);
      if (performance.now() - last < 5000 && value < total) return;
      last = performance.now();
      console.error(`${name} ${value}/${total} ${note} ${remaining}`);
    },
    stop() {},
  };
}

function timeLeft(total: number): (done: number) => string {
  const recent: { readonly done: number; readonly at: number }[] = [];
  return (done) => {
    recent.push({ done, at: performance.now() });
    if (recent.length > 21) recent.shift();
    if (recent.length < 3) return "";
    const [first, last] = [recent[1]!, recent.at(-1)!];
    const seconds = (last.at - first.at) / 1000 / Math.max(1, last.done - first.done) * (total - done);
    return seconds < 1 ? "" : `${duration(seconds)} left`;
  };
}

/** Seconds as people say them: "4 min 10 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
}

interface Manifest {
  readonly task: string;
  readonly digest: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly inputs: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly backend: Readonly<Record<string, unknown>> | null;
  readonly started: string;
  readonly finished: string | null;
  readonly seconds: number;
  readonly peakMemoryMiB: number;
}

function lock(folder: string, disk: Disk): void {
  const path = `${folder}/lock.json`;
  if (exists(path)) {
    let pid: unknown;
    try {
      pid = JSON.parse(Deno.readTextFileSync(path)).pid;
    } catch { /* cut off by a kill: nobody holds it */ }
    if (typeof pid === "number" && pid !== Deno.pid && exists(`/proc/${pid}`)) {
      throw new UserError(`Cannot use ${folder} as process ${pid} works in it: wait for it, or choose another folder with --run=DIR`);
    }
  }
  writeFile(path, JSON.stringify({ pid: Deno.pid }) + "\n", disk);
}

function refuseOther(folder: string, before: Partial<Manifest>, config: Record<string, unknown>, inputs: Record<string, string>): never {
  const found = firstDifference({ config: before.config, inputs: before.inputs }, { config, inputs }, "");
  const what = found
    ? `"${found.path.replace(/^config\./, "")}" was ${JSON.stringify(found.a)} and is now ${JSON.stringify(found.b)}`
    : "its task differs";
  throw new UserError(
    `Cannot go on in ${folder} as it was begun with another config: ${what}. Begin anew with --restart, or elsewhere with --run=DIR`,
  );
}

function firstDifference(a: unknown, b: unknown, path: string): { path: string; a: unknown; b: unknown } | undefined {
  const isObject = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null;
  if (!isObject(a) || !isObject(b)) return JSON.stringify(a) === JSON.stringify(b) ? undefined : { path, a, b };
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = firstDifference(a[key], b[key], path ? `${path}.${key}` : key);
    if (found) return found;
  }
}
