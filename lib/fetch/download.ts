/**
 * One file, from wherever it broke off: a `.part` file grows beside its place, and takes the name when length and digest are right.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { type Disk, diskError, exists, parent, realDisk, writeFile } from "../files.ts";
import { digestOfFile, digestText, type RemoteFile, sizeText } from "./files.ts";
import { BusyError, type Client, refuseWebPage, request, shown, webPage, withRetries } from "./request.ts";

/** What a download has to know of the world. */
export interface DownloadOptions {
  /** How files are fetched. */
  readonly client: Client;
  /** Called with the bytes of this file that are there. */
  readonly onBytes?: (bytes: number) => void;
  /** The digest that the file of this name was checked against when it got it, as `sha256:…`; one that is there is not read again then. */
  readonly known?: string;
  /** The disk; tests put one that fills up in its place. */
  readonly disk?: Disk;
}

/** What tells one version of a file from another. */
interface Validator {
  readonly etag?: string;
  readonly modified?: string;
}

/** The part of a file that has arrived. */
interface Part {
  readonly file: RemoteFile;
  /** The file that grows. */
  readonly path: string;
  /** Beside it: the version that it is of. */
  readonly note: string;
  readonly options: DownloadOptions;
}

/**
 * Fetches a file into a folder, or goes on with what has arrived of it. A file of that name, length and digest that is there already
 * is left alone.
 *
 * @param file what to fetch
 * @param folder where to
 * @param options client, progress
 * @returns its path
 * @throws UserError in one sentence when it is not to be had; what has arrived stays in `NAME.part`
 */
export async function download(file: RemoteFile, folder: string, options: DownloadOptions): Promise<string> {
  const { client, onBytes, disk = realDisk } = options;
  const path = `${folder}/${file.path}`;
  if (await isThere(path, file, options.known)) {
    onBytes?.(Deno.statSync(path).size);
    return path;
  }
  const part: Part = { file, path: `${path}.part`, note: `${path}.part.json`, options };
  for (let fresh = false;; fresh = true) {
    let most = 0;
    const gotOn = (done: number) => done > most && (most = done) > 0;
    await withRetries(client, (progress) => receive(part, (done) => gotOn(done) && progress()), file.path);
    const problem = await wrongDigest(part);
    if (problem === undefined) break;
    forget(part); // bytes of two versions may have met: once more from the beginning
    if (fresh) throw new UserError(`${problem}: the copy there is broken or another one than expected; nothing is kept of it`);
  }
  try {
    disk.rename(part.path, path);
    disk.remove(part.note);
  } catch (error) {
    throw diskError(`write ${path}`, error);
  }
  return path;
}

async function isThere(path: string, { bytes, digest }: RemoteFile, known: string | undefined): Promise<boolean> {
  if (!exists(path) || (bytes !== undefined && Deno.statSync(path).size !== bytes)) return false;
  return !digest || known === digestText(digest) || await digestOfFile(path, digest.algorithm) === digest.value;
}

async function wrongDigest({ file, path }: Part): Promise<string | undefined> {
  if (!file.digest) return;
  const { algorithm, value } = file.digest;
  const found = await digestOfFile(path, algorithm);
  if (found === value.toLowerCase()) return;
  return `Cannot use ${file.path} from ${shown(file.url)}: its ${algorithm} digest is ${found.slice(0, 12)}…, expected ${
    value.slice(0, 12)
  }…`;
}

/** One connection: what is missing of the file, as far as it comes. */
async function receive(part: Part, progress: (done: number) => void): Promise<void> {
  const { file, options: { client } } = part;
  const at = startingPlace(part);
  if (file.bytes !== undefined && at.offset === file.bytes) return;
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(new Error("stalled")), client.stall);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(new Error("stalled")), client.stall);
  };
  try {
    const response = await request(file.url, rangeOf(at), client, { signal: stall.signal });
    const offset = await acceptedOffset(part, response, at.offset);
    if (offset === undefined) return;
    await write(part, response, offset, (done) => {
      alive();
      progress(done);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Where to go on: behind what is there, if it is known of which version it is. */
function startingPlace({ file, path, note }: Part): { offset: number; validator: Validator } {
  if (!exists(path)) return { offset: 0, validator: {} };
  const offset = Deno.statSync(path).size;
  const validator = readNote(note);
  const isKnown = validator.etag !== undefined || validator.modified !== undefined || file.digest !== undefined;
  return isKnown && (file.bytes === undefined || offset <= file.bytes) ? { offset, validator } : { offset: 0, validator: {} };
}

function readNote(path: string): Validator {
  try {
    const { etag, modified } = JSON.parse(Deno.readTextFileSync(path));
    return { ...(typeof etag === "string" && { etag }), ...(typeof modified === "string" && { modified }) };
  } catch {
    return {}; // not there, or cut off with the rest: as if nothing was known
  }
}

function rangeOf({ offset, validator: { etag, modified } }: { offset: number; validator: Validator }): Record<string, string> {
  if (offset === 0) return {};
  const version = etag !== undefined && !etag.startsWith("W/") ? etag : modified; // weak tags may not stand in If-Range
  return { range: `bytes=${offset}-`, ...(version !== undefined && { "if-range": version }) };
}

/** Where in the file the answer begins; undefined when nothing is missing any more. Starts over when it is another version. */
async function acceptedOffset(part: Part, response: Response, asked: number): Promise<number | undefined> {
  const { file } = part;
  const { status, headers } = response;
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  const isSame = sameVersion(readNote(part.note), validatorOf(headers));
  if (status === 416) {
    await response.body?.cancel();
    const total = Number(/\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1] ?? NaN);
    if (asked > 0 && asked === total && isSame) return;
  } else refuseWebPage(response, file.url);
  const goesOn = status === 206 && range !== null && Number(range[1]) === asked && isSame;
  if (status !== 200 && !goesOn) {
    forget(part);
    await response.body?.cancel();
    throw new BusyError(`${new URL(file.url).host} did not send the range that was asked for, or of another version`);
  }
  const problem = wrongLength(file, lengthOf(headers, range));
  if (problem !== undefined) {
    await response.body?.cancel();
    throw new UserError(problem);
  }
  if (goesOn) return asked;
  forget(part);
  writeFile(part.note, JSON.stringify(validatorOf(headers)), part.options.disk, false);
  return 0;
}

function validatorOf(headers: Headers): Validator {
  const [etag, modified] = [headers.get("etag"), headers.get("last-modified")];
  return { ...(etag !== null && { etag }), ...(modified !== null && { modified }) };
}

function wrongLength({ path, url, bytes }: RemoteFile, length: number | undefined): string | undefined {
  if (bytes === undefined || length === undefined || length === bytes) return;
  return `Cannot fetch ${path}: ${shown(url)} has ${sizeText(length)} (${length}), expected ${sizeText(bytes)} (${bytes})`;
}

function sameVersion(one: Validator, other: Validator): boolean {
  if (one.etag !== undefined && other.etag !== undefined) return one.etag === other.etag;
  return one.modified === undefined || other.modified === undefined || one.modified === other.modified;
}

function lengthOf(headers: Headers, range: RegExpExecArray | null): number | undefined {
  const text = range ? range[3]! : headers.has("content-encoding") ? "" : headers.get("content-length") ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function forget({ path, note, options: { disk = realDisk } }: Part): void {
  disk.remove(path);
  disk.remove(note);
}

/** Appends what comes; a connection that ends early, or a body that is longer than it may be, is an error. */
async function write(part: Part, response: Response, offset: number, onDone: (done: number) => void): Promise<void> {
  const { file, path, options: { disk = realDisk, onBytes } } = part;
  const host = new URL(file.url).host;
  const expected = file.bytes ?? totalOf(response, offset);
  const out = openPart(disk, path);
  let done = offset;
  try {
    for await (const piece of piecesOf(response, host)) {
      if (done === 0 && !/\.html?$/i.test(file.path) && looksLikePage(piece)) throw new UserError(webPage(file.url));
      if (expected !== undefined && done + piece.length > expected) {
        throw new UserError(`Cannot fetch ${file.path}: ${shown(file.url)} sends more than the ${expected} bytes that it should have`);
      }
      append(disk, out, piece, path);
      done += piece.length;
      onDone(done);
      onBytes?.(done);
    }
  } catch (error) {
    if (error instanceof UserError && !error.cause) forget(part); // what came is not the file
    throw error;
  } finally {
    flush(disk, out, path);
  }
  if (expected !== undefined && done < expected) throw new BusyError(`the connection to ${host} broke after ${sizeText(done)}`);
}

/** The whole file's length by the answer's headers. */
function totalOf({ headers }: Response, offset: number): number | undefined {
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  return length !== null && /^\d+$/.test(length) ? offset + Number(length) : undefined;
}

function looksLikePage(piece: Uint8Array): boolean {
  return /^\s*(<!doctype html|<html)/i.test(new TextDecoder().decode(piece.subarray(0, 200)));
}

async function* piecesOf({ body }: Response, host: string): AsyncGenerator<Uint8Array> {
  if (!body) return;
  try {
    for await (const piece of body) yield piece;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new BusyError(`the connection to ${host} broke (${quoted((error as Error).message.split("\n")[0], 80)})`);
  }
}

function openPart(disk: Disk, path: string): Deno.FsFile {
  try {
    disk.mkdir(parent(path));
    return disk.append(path);
  } catch (error) {
    throw diskError(`write ${path}`, error);
  }
}

/** What has arrived is on the disk before anything is said of it. */
function flush(disk: Disk, out: Deno.FsFile, path: string): void {
  try {
    disk.sync(out);
  } catch (error) {
    throw diskError(`write ${path}`, error);
  } finally {
    out.close();
  }
}

function append(disk: Disk, out: Deno.FsFile, piece: Uint8Array, path: string): void {
  try {
    for (let done = 0; done < piece.length;) done += disk.write(out, piece.subarray(done));
  } catch (error) {
    throw diskError(`write ${path}`, error); // its cause is set: what has arrived stays
  }
}
