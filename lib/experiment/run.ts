/**
 * A run: its folder, its manifest, and who may write into it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import project from "../../deno.json" with { type: "json" };
import type { Backend } from "../engine/mod.ts";
import { startOf } from "../engine/processor.ts";
import { quoted, UserError } from "../errors.ts";
import { type Disk, exists, parent, readJson, readText, realDisk, writeFile } from "../files.ts";
import { peakMemory } from "./memory.ts";
import { shardName } from "./pipeline.ts";
import type { Result } from "./results.ts";
import type { Config } from "./schema.ts";

/** What a run is told at its start. */
export interface RunOptions {
  /** The task. */
  readonly task: string;
  /** The run's folder. */
  readonly folder: string;
  /** The configuration. */
  readonly config: Config;
  /** Sections of it that the result depends on. */
  readonly sections: readonly (keyof Config)[];
  /** Digests of inputs, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Pictures that bench and training lists share, where that was allowed. */
  readonly overlap?: number;
  /** What the engine runs on; absent when the stage needs no engine. */
  readonly backend?: Backend | undefined;
  /** Whether to start over. */
  readonly restart?: boolean;
  /** Whether several processes work in the folder at once, as a queue's workers do. */
  readonly shared?: boolean;
  /** Whether another worker writes into the folder, and this one does not. */
  readonly leaveAlone?: boolean;
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
  finish(result: Result): void;
}

/** The workbench's version. */
export const VERSION: string = project.version;

/** What `manifest.json` says of a run. */
export interface Manifest {
  /** The task. */
  readonly task: string;
  /** Digest of task, config and inputs, 16 hexadecimal digits. */
  readonly digest: string;
  /** The sections of the configuration that the result depends on. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The seed. */
  readonly seed: number;
  /** Digests of inputs, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Pictures that bench and training lists share. */
  readonly overlap: number;
  /** Versions of Worldstrap, Deno and the backend. */
  readonly versions: Readonly<Record<string, string>>;
  /** What the engine ran on; null without an engine. */
  readonly backend: Readonly<Record<string, unknown>> | null;
  /** When it began, ISO 8601. */
  readonly started: string;
  /** When it was finished; null while it is not. */
  readonly finished: string | null;
  /** Seconds that its last process took. */
  readonly seconds: number;
  /** The most memory it held, MiB. */
  readonly peakMemoryMiB: number;
}

const MANIFEST: z.ZodType<Manifest> = z.looseObject({
  ...{ task: z.string(), digest: z.string().regex(/^[0-9a-f]{16}$/), config: z.record(z.string(), z.unknown()), seed: z.number() },
  ...{ inputs: z.record(z.string(), z.string()), overlap: z.number(), versions: z.record(z.string(), z.string()) },
  ...{ backend: z.record(z.string(), z.unknown()).nullable(), started: z.string(), finished: z.string().nullable() },
  ...{ seconds: z.number(), peakMemoryMiB: z.number() },
});

/**
 * Reads a run's manifest.
 *
 * @param folder the run's folder
 * @returns the manifest, or undefined when there is none
 * @throws UserError when `manifest.json` was not written by Worldstrap
 */
export function readManifest(folder: string): Manifest | undefined {
  const path = `${folder}/manifest.json`;
  if (!exists(path)) return;
  const parsed = MANIFEST.safeParse(readJson(path));
  if (parsed.success) return parsed.data;
  throw new UserError(
    `Cannot use ${folder} as a run's folder: its manifest.json is not Worldstrap's; choose another folder with --run=DIR`,
  );
}

/**
 * The folder of a run.
 *
 * @param config names the experiment
 * @param stage the folder's last part
 * @param flags of the command line; `--run` names another folder, to which a shard adds its own ending
 */
export function runFolder({ experiment }: Config, stage: string, { run, shard }: Readonly<Record<string, string>>): string {
  if (!run) return `runs/${experiment}/${stage}`;
  return shard === undefined || run.endsWith(shardName("", shard)) ? run : shardName(run, shard);
}

/**
 * Opens a run's folder: a new one, or one to resume.
 *
 * @param options task, folder, config, inputs
 * @returns the run
 * @throws UserError when the folder cannot be written, holds files of others, another process works in it, or it was begun
 *   with another config
 */
export function openRun(options: RunOptions): Run {
  const { task, folder, config, sections, inputs, overlap = 0, backend, restart = false, shared = false, disk = realDisk } = options;
  const resolved = Object.fromEntries(sections.map((section) => [section, config[section]]));
  const digest = digestOf({ task, resolved, inputs });
  if (options.leaveAlone) return { folder, digest, finished: false, finish: () => {} };
  const found = requirePlace(folder, task);
  if (restart) emptyRun(folder, disk);
  const path = `${folder}/manifest.json`;
  const before = restart ? undefined : found;
  if (before && before.digest !== digest) refuseOther(folder, before, resolved, inputs);
  const manifest: Manifest = {
    ...{ task, digest, config: resolved, seed: config.seed, inputs, overlap },
    versions: { worldstrap: VERSION, deno: Deno.version.deno, ...(backend && { [backend.name]: backend.version }) },
    backend: backend ? { name: backend.name, reason: backend.reason, threads: backend.threads, gpu: backend.gpu } : null,
    started: before?.started ?? new Date().toISOString(),
    finished: before?.finished ?? null,
    seconds: before?.seconds ?? 0,
    peakMemoryMiB: before?.peakMemoryMiB ?? 0,
  };
  if (manifest.finished === null) { // a finished run is only looked at
    if (!shared) {
      lock(folder, disk);
      removeCutOff(folder, disk);
    }
    writeFile(path, JSON.stringify(manifest, null, 2) + "\n", disk);
  }
  const clock = performance.now();
  return {
    ...{ folder, digest, finished: manifest.finished !== null },
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

/** A digest of anything that JSON can hold: 16 hexadecimal digits. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}

/** What a process was writing when it was killed. */
const CUT_OFF = /\.\d+\.tmp$/;

/** What tasks write into a run's folder: nothing else is ever removed from it. */
const OURS: readonly RegExp[] = [
  /^(manifest|result|lock|queue)\.json$/,
  /^(log|validation|skipped|predictions|candidates|scores|trajectories)\.jsonl$/,
  /^(table|tests|classes|votes|claims|curves)\.(md|csv|json)$/,
  /^(loss|curves|curves-[\p{L}\p{M}\p{N}_.@-]+|likelihoods|drift|scores|classes)\.(png|svg)$/u,
  /^(predictions|actions|pairs|tree)\.png$/,
  /^(gallery\.html|pictures\.sha256)$/,
  /^((vqgan|vqgan-local|transformer|transformer-near)\/)?(log\.jsonl|checkpoints\/\d+\.safetensors)$/,
  /^model\/((config|preprocessor_config|tokenizer|tokenizer_config|model\.safetensors\.index)\.json|model(-\d+-of-\d+)?\.safetensors)$/,
  /^adapter\/adapter_(config\.json|model\.safetensors)$/,
  /^samples\/\d+\.png$/,
  /^tensorboard\/events\.out\.tfevents\.0\.worldstrap$/,
  /^(images|frames|sheets|pools|strips)\/(\d+\/)?[\p{L}\p{M}\p{N}_.@~-]+\.png$/u, // names by fileNameOf
  /^videos\/([^/]+\/)?[\w.-]+\.mp4$/,
  /^parts\/\d+\/\d+\.(jsonl|aside\.txt)$/,
  /^actions\/[\p{L}\p{M}\p{N}_.@~-]+\.jsonl$/u,
  /^token\.txt$/,
  /^trees\/[0-9a-f]{32}\/(tree\.jsonl|pictures\/\d+\.png|exports\/\d+\.(silent\.)?(strip\.png|gif|mp4))$/,
  /^examples\/(trajectories\.jsonl|frames\/[\w.-]+\.png)$/,
  CUT_OFF,
];

/** Removes what tasks wrote into a run's folder, in runs inside it too, and names what stays; nothing while a process works in one. */
function emptyRun(folder: string, disk: Disk): void {
  if (!exists(`${folder}/manifest.json`)) return;
  const files = filesBelow(folder, "");
  for (const file of files) if (/(^|\/)lock\.json$/.test(file)) refuseHeld(parent(`${folder}/${file}`));
  const inner = files.filter((file) => file.endsWith("/manifest.json")).map((file) => file.slice(0, -"manifest.json".length));
  const own = (file: string) => file.slice(inner.findLast((prefix) => file.startsWith(prefix))?.length ?? 0);
  const [ours, others] = [files.filter((file) => isOurs(own(file))), files.filter((file) => !isOurs(own(file)))];
  for (const file of ours) disk.remove(`${folder}/${file}`);
  removeEmpty(folder);
  if (others.length > 0) {
    console.warn(`Left in ${folder}, as no task wrote them: ${others.slice(0, 8).map((file) => quoted(file)).join(", ")}`);
  }
}

/** Removes what processes that were killed were writing, a checkpoint of gigabytes perhaps; a run inside this one looks after itself. */
function removeCutOff(folder: string, disk: Disk): void {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isFile && CUT_OFF.test(name)) disk.remove(path);
    else if (isDirectory && !exists(`${path}/manifest.json`)) removeCutOff(path, disk);
  }
}

function isOurs(file: string): boolean {
  return OURS.some((pattern) => pattern.test(file));
}

/** Paths of all files below a folder; links are not followed. */
function filesBelow(folder: string, prefix: string): string[] {
  return [...Deno.readDirSync(`${folder}/${prefix}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(folder, `${prefix}${name}/`) : [`${prefix}${name}`]
  );
}

function removeEmpty(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) if (isDirectory) removeEmpty(`${folder}/${name}`);
  if ([...Deno.readDirSync(folder)].length === 0) Deno.removeSync(folder);
}

/**
 * Refuses a folder that is no place for a task's run: somebody else's, whose files could be overwritten, and another task's, which
 * `--restart` would remove.
 *
 * @param folder of the run to be
 * @param task its name
 * @returns the manifest of an earlier run of the task, or undefined
 * @throws UserError naming what the folder holds
 */
export function requirePlace(folder: string, task: string): Manifest | undefined {
  const before = readManifest(folder);
  if (before?.task === task) return before;
  if (before) {
    throw new UserError(`Cannot use ${folder} for ${task}, as it holds a run of task ${before.task}; choose another folder with --run=DIR`);
  }
  if (!exists(folder) || !Deno.statSync(folder).isDirectory) return;
  const foreign = [...Deno.readDirSync(folder)].filter(({ name, isDirectory }) => !isDirectory && !isOurs(name)).map(({ name }) => name);
  if (foreign.length === 0) return;
  throw new UserError(
    `Cannot use ${folder} as a run's folder: it holds files of another kind (${
      foreign.slice(0, 4).map((name) => quoted(name)).join(", ")
    }); ` +
      "choose a new folder with --run=DIR",
  );
}

/**
 * Refuses to write what is no run into a run's folder, where it would replace the run's own tables.
 *
 * @param folder that something is to be written into
 * @throws UserError naming the task whose run it holds
 */
export function refuseRun(folder: string): void {
  const run = readManifest(folder);
  if (run) throw new UserError(`Cannot write into ${folder}, as it holds a run of task ${run.task}; choose another folder with --run=DIR`);
}

function lock(folder: string, disk: Disk): void {
  refuseHeld(folder);
  writeFile(`${folder}/lock.json`, JSON.stringify({ pid: Deno.pid, start: startOf(Deno.pid) }) + "\n", disk);
}

/** A run is left to the living process that works in it. */
function refuseHeld(folder: string): void {
  const path = `${folder}/lock.json`;
  if (!exists(path)) return;
  const text = readText(path);
  let held: { pid?: unknown; start?: unknown } = {};
  try {
    held = JSON.parse(text);
  } catch { /* cut off by a kill: nobody holds it */ }
  const { pid, start } = held;
  const running = typeof pid === "number" && pid !== Deno.pid ? startOf(pid) : undefined;
  if (running !== undefined && (start === undefined || start === running)) { // its number may be another process's by now
    throw new UserError(`Cannot use ${folder} as process ${pid} works in it: wait for it, or choose another folder with --run=DIR`);
  }
}

function refuseOther(folder: string, before: Manifest, config: Record<string, unknown>, inputs: Readonly<Record<string, string>>): never {
  const found = firstDifference({ config: before.config, inputs: before.inputs }, { config, inputs }, "");
  const was = found?.a === undefined ? "not recorded" : quoted(found.a); // by a version that did not know of it
  const what = found ? `"${found.path.replace(/^config\./, "")}" was ${was} and is now ${quoted(found.b)}` : "its task differs";
  throw new UserError(
    `Cannot go on in ${folder} as it was begun with another config: ${what}. Start over with --restart, or elsewhere with --run=DIR`,
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
