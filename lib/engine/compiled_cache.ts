/**
 * What XLA compiled, kept for the next process. TensorFlow writes a file for each function into a folder, and reads it instead of
 * compiling. It does not ask on which machine a file was made, and a damaged one fails the function for as long as it lies there. So the
 * folder is named by all that machine code depends on, and every file ends in a checksum, without which it is removed before
 * TensorFlow sees it. What was sound since the machine started, and nobody wrote to since, is not read again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { LIBRARY_FILES } from "./capi.ts";
import { cacheFolder } from "./install.ts";
import { bootText, processorText } from "./processor.ts";

/** A folder of compiled functions in use. */
export interface CompiledCache {
  /** The folder. */
  readonly folder: string;
  /** Puts checksums on files that TensorFlow has written since. */
  readonly seal: () => void;
}

const MOST = 2 ** 28; // bytes of all folders: the oldest files beyond go; a training, its samples and a verification take 15 MB
const PROBE = 2 ** 20; // bytes that must be free
const HOUR = 3_600_000; // ms: what TensorFlow was still writing is left alone for so long
const CHECKED = "checked"; // a file that holds the machine's start: all that is older than it was sound since then
const TAG = 15 << 3 | 5; // of a protocol buffer: field 15, four bytes, which TensorFlow does not know and passes over
const SEAL = 5; // bytes: the tag, then the checksum of all before
const FLAGS = (folder: string) => `--tf_xla_persistent_cache_directory="${folder}" --tf_xla_persistent_cache_device_types=CPU`;

/**
 * Lets TensorFlow keep what XLA compiles for the CPU; to be called before the library is opened. A cache that `TF_XLA_FLAGS` names
 * already is left as it is, and where the folder cannot be written, nothing is kept.
 *
 * @param library the folder of libtensorflow
 * @param root the folder of all that is kept
 * @param threads of an operation: XLA splits work by their number
 * @returns the folder in use, or undefined
 */
export function keepCompiled(
  library: string,
  root = `${cacheFolder()}/compiled`,
  threads: number = navigator.hardwareConcurrency,
): CompiledCache | undefined {
  const given = withoutOurs(Deno.env.get("TF_XLA_FLAGS") ?? "", root); // a task that starts another passes ours on
  const machine = machineText();
  if (given.includes("persistent_cache") || root.includes('"') || machine === undefined) return;
  const libraries = LIBRARY_FILES.map((file) => Deno.statSync(`${library}/${file}`)).map(({ size, mtime }) => [size, mtime]);
  const about = [machine, threads, Deno.env.get("XLA_FLAGS"), given, libraries];
  const folder = `${root}/${createHash("sha256").update(JSON.stringify(about)).digest("hex").slice(0, 16)}`;
  if (!isWritable(folder)) return;
  prune(root, MOST);
  const sealed = removeDamaged(folder);
  Deno.env.set("TF_XLA_FLAGS", `${given} ${FLAGS(folder)}`.trim());
  return { folder, seal: () => sealNew(folder, sealed) };
}

/** Removes the oldest files of all folders beyond a number of bytes, and what was never written to its end. */
export function prune(root: string, most: number): void {
  const folders = [...Deno.readDirSync(root)].filter(({ isDirectory }) => isDirectory).map(({ name }) => `${root}/${name}`);
  const files = folders.flatMap((folder) =>
    entriesOf(folder).map(({ name }) => ({ path: `${folder}/${name}`, ...sizeAndTime(folder, name) }))
  );
  let total = 0;
  for (const { path, size, time } of files.sort((a, b) => b.time - a.time)) {
    total += size;
    if (total > most || (!path.endsWith(".pb") && Date.now() - time > HOUR)) removeQuietly(path);
  }
}

/** Removes files without a right checksum; gives the names of the others. */
function removeDamaged(folder: string): Set<string> {
  const boot = bootText();
  const [checked, mark] = [lastCheck(folder, boot), `${folder}/${CHECKED}`];
  quietly(() => Deno.writeTextFileSync(`${mark}.${Deno.pid}`, boot)); // before the list is made, by the disk's clock
  const sound = new Set<string>();
  for (const { name, isFile } of entriesOf(folder)) {
    if (!name.endsWith(".pb")) continue;
    if (isFile && (sizeAndTime(folder, name).time < checked || isSound(`${folder}/${name}`))) sound.add(name);
    else removeQuietly(`${folder}/${name}`);
  }
  quietly(() => Deno.renameSync(`${mark}.${Deno.pid}`, mark)); // else all are read again next time
  return sound;
}

/** Until when files of a folder are known to be sound, in ms; 0 where the machine, and with it perhaps its disk, has stopped since. */
function lastCheck(folder: string, boot: string): number {
  try {
    const isSince = boot !== "" && Deno.readTextFileSync(`${folder}/${CHECKED}`) === boot;
    return isSince ? Deno.lstatSync(`${folder}/${CHECKED}`).mtime!.getTime() : 0;
  } catch {
    return 0;
  }
}

function isSound(path: string): boolean {
  try {
    return isSealed(Buffer.from(Deno.readFileSync(path)));
  } catch {
    return false; // another process removed it since it was listed
  }
}

function sealNew(folder: string, sealed: Set<string>): void {
  for (const { name } of entriesOf(folder)) {
    if (!name.endsWith(".pb") || sealed.has(name)) continue;
    sealed.add(name);
    try {
      using file = Deno.openSync(`${folder}/${name}`, { read: true, write: true });
      const bytes = Buffer.alloc(file.statSync().size);
      const isWhole = file.readSync(bytes) === bytes.length; // and the next write goes to the end of what was read: two processes write
      if (isWhole && !isSealed(bytes)) file.writeSync(sealOf(bytes)); // the same to the same place, or one of them was faster
    } catch { /* removed meanwhile, or the disk is full: it is compiled again next time */ }
  }
}

function sealOf(bytes: Buffer): Buffer {
  const seal = Buffer.alloc(SEAL, TAG);
  seal.writeUInt32LE(crc32(bytes), 1);
  return seal;
}

function isSealed(bytes: Buffer): boolean {
  const end = bytes.length - SEAL;
  return end > 0 && sealOf(bytes.subarray(0, end)).equals(bytes.subarray(end));
}

/** What TensorFlow wrote into a folder; nothing where there is none. */
function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("xla_compile_cache"));
  } catch {
    return [];
  }
}

function sizeAndTime(folder: string, name: string): { size: number; time: number } {
  try {
    const { size, mtime } = Deno.lstatSync(`${folder}/${name}`);
    return { size, time: mtime?.getTime() ?? 0 };
  } catch {
    return { size: 0, time: Date.now() }; // another process removed it
  }
}

function removeQuietly(path: string): void {
  quietly(() => Deno.removeSync(path, { recursive: true }));
}

function quietly(work: () => void): void {
  try {
    work();
  } catch { /* another process was faster, or the disk is full */ }
}

/** Whether there is a folder, or can be one, that some files fit into: TensorFlow fails a function whose file it cannot write. */
function isWritable(folder: string): boolean {
  if (Deno.permissions.querySync({ name: "write", path: folder }).state !== "granted") return false; // doctor's; asking would stop it
  const probe = `${folder}/probe.${Deno.pid}`;
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    Deno.writeFileSync(probe, new Uint8Array(PROBE));
    return true;
  } catch {
    return false;
  } finally {
    removeQuietly(probe);
  }
}

function withoutOurs(flags: string, root: string): string {
  const parts = flags.split(FLAGS(`${root}/`).split('/"')[0]!); // our flags up to the folder's own name
  return [parts[0]!, ...parts.slice(1).map((part) => part.replace(/^.*?=CPU/, ""))].join("").trim();
}

/** The CPU and its instruction sets; undefined where they cannot be known. */
function machineText(): string | undefined {
  const names = /^(vendor_id|cpu family|model|model name|stepping|flags|Features|CPU \w+)\s*:/;
  const lines = processorText().split("\n").filter((line) => names.test(line));
  return lines.length === 0 ? undefined : [Deno.build.target, ...lines].join("\n");
}
