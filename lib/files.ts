/**
 * Files that are whole or absent, whatever happens while they are written.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { isOfDisk, quoted, UserError } from "./errors.ts";

/** The calls to the disk that writing makes. Tests put one that fails in its place. */
export interface Disk {
  /** Opens a new file for writing. */
  open(path: string): Deno.FsFile;
  /** Opens a file at its end. */
  append(path: string): Deno.FsFile;
  /** Writes some of the bytes, and says how many. */
  write(file: Deno.FsFile, bytes: Uint8Array): number;
  /** Waits until the bytes are on the disk. */
  sync(file: Deno.FsFile): void;
  /** Puts a file in another's place. */
  rename(from: string, to: string): void;
  /** Removes a file or folder, if it is there. */
  remove(path: string): void;
  /** Makes a folder and those above it. */
  mkdir(path: string): void;
}

/** The real disk. */
export const realDisk: Disk = {
  open: (path) => Deno.openSync(path, { write: true, create: true, truncate: true }),
  append: (path) => Deno.openSync(path, { append: true, create: true }),
  write: (file, bytes) => file.writeSync(bytes),
  sync: (file) => file.syncSync(),
  rename: (from, to) => Deno.renameSync(from, to),
  remove: (path) => {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  },
  mkdir: (path) => Deno.mkdirSync(path, { recursive: true }),
};

/**
 * Writes a file so that a reader finds the old one or the new one and nothing between: a temporary file beside it,
 * fsync, rename, fsync of the folder.
 *
 * @param path where the file goes; its folder is made
 * @param content text, bytes, or pieces of bytes
 * @param disk the disk to write to
 * @param sync whether to wait for the disk; a cache that can be made again need not
 * @throws UserError naming the file when the disk refuses; the old file is untouched then
 */
export function writeFile(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
  disk: Disk = realDisk,
  sync = true,
): void {
  const temporary = temporaryName(path);
  try {
    disk.mkdir(parent(path));
    withFile(disk.open(temporary), (file) => {
      for (const piece of pieces(content)) writeAll(disk, file, piece);
      if (sync) disk.sync(file);
    });
    disk.rename(temporary, path);
    if (sync) syncFolder(parent(path), disk);
  } catch (error) {
    try {
      disk.remove(temporary);
    } catch { /* the first error says what is wrong */ }
    throw diskError(`write ${path}`, error);
  }
}

/**
 * A name beside a file, to write to before what is written takes the file's place. No other write has it: of this process, of another one, or
 * of one on another machine, where numbers of processes repeat. What a kill leaves there is removed when the run goes on.
 *
 * @param path the file
 * @returns the file's name and a number, ending in `.tmp`
 */
export function temporaryName(path: string): string {
  return `${path}.${Deno.pid}${crypto.getRandomValues(new Uint32Array(1))[0]}.tmp`;
}

/** Appends one line to a log, and waits until it is on the disk unless told not to. */
export function appendLine(path: string, line: string, disk: Disk = realDisk, sync = true): void {
  try {
    disk.mkdir(parent(path));
    withFile(disk.append(path), (file) => {
      writeAll(disk, file, new TextEncoder().encode(line + "\n"));
      if (sync) disk.sync(file);
    });
  } catch (error) {
    throw diskError(`append to ${path}`, error);
  }
}

/**
 * The whole lines of a log of JSON lines, for a run that goes on; a last line that was being written is taken off the file.
 *
 * @param path the log; nothing when it is not there
 */
export function resumeLog<T>(path: string): T[] {
  if (!exists(path)) return [];
  const lines = readText(path).split("\n");
  const whole = lines.slice(0, -1);
  if (lines.at(-1) !== "") writeFile(path, whole.map((line) => line + "\n").join(""));
  return whole.map((line, i) => parseLine<T>(line, path, i + 1));
}

/**
 * The lines of a file of JSON lines that is only read. Another process may be writing it, another program or a person may have ended it
 * without a line feed: so a last line without one counts when it is JSON, and is left out when it is not. The file stays as it is.
 *
 * @param path the file, a JSON object or list a line; nothing when it is not there
 * @throws UserError naming another line that is not JSON
 */
export function readJsonLines<T>(path: string): T[] {
  if (!exists(path)) return [];
  const lines = readText(path).split("\n");
  const last = lines.pop()!;
  return [...lines, ...isJson(last) ? [last] : []].map((line, i) => parseLine<T>(line, path, i + 1));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseLine<T>(line: string, path: string, number: number): T {
  try {
    return JSON.parse(line) as T;
  } catch {
    throw new UserError(`Cannot read line ${number} of ${path}: it is not JSON, found ${quoted(line)}`);
  }
}

/** The largest files that are read whole, in bytes, by what they hold. */
export const LARGEST = {
  /** A configuration in YAML. */
  config: 2 ** 20,
  /** A prompt, a baseline, a small table. */
  text: 2 ** 24,
  /** A JSON list, a tokenizer, a log of JSON lines, a CSV file. */
  data: 2 ** 29,
  /** A picture. */
  picture: 2 ** 28,
} as const;

/**
 * Checks that a path leads to a regular file of a size that may be read, before a byte of it is. A pipe would block for
 * ever, a device never ends.
 *
 * @param path the file
 * @param most bytes it may have
 * @throws UserError when it is not there, not a regular file, or larger
 */
export function checkRegular(path: string, most: number): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    throw diskError(`read ${path}`, error);
  }
  if (info.isDirectory) throw new UserError(`Cannot read ${path} as it is a folder: give a file`);
  if (!info.isFile) throw new UserError(`Cannot read ${path} as it is no regular file but a device or a pipe: give a file`);
  if (info.size > most) throw new UserError(`Cannot read ${path} as it has ${info.size} bytes: at most ${most} are read of such a file`);
}

/**
 * Reads a regular file whole.
 *
 * @param path the file
 * @param most bytes it may have
 * @returns its bytes
 * @throws UserError naming the file when it is not there, not a regular file, or too large
 */
export function readBytes(path: string, most: number = LARGEST.data): Uint8Array<ArrayBuffer> {
  checkRegular(path, most);
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    throw diskError(`read ${path}`, error);
  }
}

/**
 * Reads a regular file as UTF-8; a byte order mark at its beginning is left out.
 *
 * @param path the file
 * @param most bytes it may have
 * @returns its text
 * @throws UserError naming the file when it is not there, not a regular file, or too large
 */
export function readText(path: string, most: number = LARGEST.data): string {
  return new TextDecoder("utf-8").decode(readBytes(path, most));
}

/**
 * Reads and parses a JSON file.
 *
 * @param path the file
 * @returns the parsed value
 * @throws UserError naming the file when it is not there or not JSON
 */
export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`Cannot read ${path} as JSON: ${quoted((error as Error).message)}`);
  }
}

/**
 * Whether a file or folder is there, for this user.
 *
 * @throws UserError when the disk fails: a log that is taken for absent would be begun a second time
 */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (isOfDisk(error) && !(error instanceof Deno.errors.PermissionDenied)) throw diskError(`look for ${path}`, error);
    return false;
  }
}

/** A path's folder. */
export function parent(path: string): string {
  const cut = path.replace(/\/+$/, "").lastIndexOf("/");
  return cut < 0 ? "." : cut === 0 ? "/" : path.slice(0, cut);
}

/**
 * A text as a plain name: letters and digits of any script, `.`, `-`, `_` and `@` stay, what lies between them becomes an underscore.
 * Several texts may share one; files are named by `fileNameOf`.
 *
 * @param text any text
 * @returns the name
 *
 * @example Letters stay
 * ```ts
 * import { plainName } from "./files.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(plainName("打开 the door!"), "打开_the_door_");
 * ```
 */
export function plainName(text: string): string {
  return text.replaceAll(/[^\p{L}\p{M}\p{N}_.@-]+/gu, "_"); // marks are parts of letters, in Hindi as in a decomposed é
}

const LONGEST_NAME = 200; // bytes; file systems take 255, of which an ending and a temporary file's take some

/**
 * A name for a text's file that no other text has: a plain name that is not too long stays as it is; any other is made so, and a `~`, which
 * no plain name has, and a digest follow. `baselines/common.py` names files alike.
 *
 * @param text any text, as a trajectory's id
 * @param most bytes of the name
 * @returns the name, without an ending
 *
 * @example What an underscore stands for is told apart
 * ```ts
 * import { fileNameOf } from "./files.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["ag-0", "a/b", "a b"].map((id) => fileNameOf(id)), ["ag-0", "a_b~c14cddc033f6", "a_b~c8687a08aa5d"]);
 * ```
 */
export function fileNameOf(text: string, most = LONGEST_NAME): string {
  const plain = plainName(text);
  const cut = (bytes: number) => plain.slice(0, new TextEncoder().encodeInto(plain, new Uint8Array(bytes)).read); // whole characters
  if (cut(most) === text) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return `${cut(most - 13)}~${digest}`; // 13: the ~ and the digest
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Says in one sentence what the disk refused and what may help. */
export function diskError(doing: string, error: unknown): Error {
  if (error instanceof Deno.errors.NotFound) return new UserError(`Cannot ${doing} as it is not there`, { cause: error });
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return new UserError(`Cannot ${doing} as this user may not: choose another folder or change its permissions`, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  if (/os error 28|No space left/.test(message)) {
    return new UserError(`Cannot ${doing} as the disk is full: free some space and start again`, { cause: error });
  }
  return new UserError(`Cannot ${doing}: ${message}`, { cause: error });
}

function withFile(file: Deno.FsFile, use: (file: Deno.FsFile) => void): void {
  try {
    use(file);
  } finally {
    file.close();
  }
}

function writeAll(disk: Disk, file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += disk.write(file, bytes.subarray(done));
}

function pieces(content: string | Uint8Array | Iterable<Uint8Array>): Iterable<Uint8Array> {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

function syncFolder(path: string, disk: Disk): void {
  if (Deno.build.os === "windows") return; // folders cannot be opened there
  withFile(Deno.openSync(path), (folder) => disk.sync(folder));
}

/** Bytes as base64. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
