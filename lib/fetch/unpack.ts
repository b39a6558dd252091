/**
 * Archives, unpacked file by file: no path leads out of the folder, links are left out, lengths are bounded before a byte is written.
 *
 * @module
 */
import { crc32 } from "node:zlib";
// @ts-types="@types/yauzl"
import type { Entry, ZipFile } from "yauzl";
import { isOfDisk, quoted, UserError } from "../errors.ts";
import { diskError, exists, parent, temporaryName } from "../files.ts";
import { fits, safePath, sizeText } from "./files.ts";

/** How an archive is unpacked. */
export interface UnpackOptions {
  /** Bytes of all files together at most. */
  readonly most: number;
  /** Patterns of the files that are wanted, by their names without folders; absent: all. */
  readonly only?: readonly string[];
  /** Folders at the beginning of each path that are left out; "shared": those that all files have in common (zip alone); "all". */
  readonly strip?: number | "shared" | "all";
  /** Called with the bytes of the archive that are done. */
  readonly onBytes?: (bytes: number) => void;
}

const MOST_FILES = 2e6;
const LEFT_OUT = /(^|\/)(__MACOSX\/|\.DS_Store$|\._)/; // what macOS adds to archives

/**
 * Unpacks a `.zip`, `.tar.gz`, `.tgz` or `.tar` file. Files that are there already in their full length are left alone, so a run that
 * was stopped goes on.
 *
 * @param archive the file
 * @param folder where to
 * @param options bounds, and which files
 * @returns files in the folder that are of the archive
 * @throws UserError in one sentence when it is broken, too large, or a path leads out of the folder
 */
export async function unpack(archive: string, folder: string, options: UnpackOptions): Promise<number> {
  try {
    return await (archive.endsWith(".zip") ? unpackZip(archive, folder, options) : unpackTar(archive, folder, options));
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`Cannot unpack ${archive}: ${lowered(error.message)}`, { cause: error });
    if (isOfDisk(error)) throw diskError(`unpack ${archive}`, error); // no fault of the archive, which would be fetched anew
    throw new UserError(`Cannot unpack ${archive}: it is broken (${quoted((error as Error).message?.split("\n")[0], 100)})`, {
      cause: error,
    });
  }
}

function lowered(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Where a file of an archive goes, undefined when it is not wanted. */
function placeOf(name: string, strip: number, only: readonly string[] | undefined): string | undefined {
  const parts = safePath(name).split("/");
  const base = parts.at(-1)!;
  if (LEFT_OUT.test(name) || (only && !only.some((pattern) => fits(base, pattern)))) return;
  const kept = parts.slice(Math.min(strip, Number.isFinite(strip) ? strip : parts.length - 1));
  return kept.length === 0 ? undefined : kept.join("/");
}

/** Counts what is unpacked, and refuses what is too much before it is written. */
function counter({ most }: UnpackOptions): (bytes: number) => void {
  let [files, total] = [0, 0];
  return (bytes) => {
    total += bytes;
    if (++files > MOST_FILES) throw new UserError(`It holds more than ${MOST_FILES} files`);
    if (!(bytes >= 0) || total > most) throw new UserError(`It unpacks to more than ${sizeText(most)}, which this archive should not`);
  };
}

async function unpackTar(archive: string, folder: string, options: UnpackOptions): Promise<number> {
  const name = "modern-tar"; // by a variable, so that it is fetched only when it is used
  const { createTarDecoder } = await import(name) as typeof import("modern-tar");
  const strip = options.strip === "all" ? Infinity : options.strip === "shared" ? 0 : options.strip ?? 0;
  const count = counter(options);
  const file = await Deno.open(archive);
  const bytes = file.readable.pipeThrough(counted(options.onBytes));
  const tar = /\.t?gz$/.test(archive) ? bytes.pipeThrough(new DecompressionStream("gzip")) : bytes;
  let files = 0;
  for await (const { header, body } of tar.pipeThrough(createTarDecoder({ strict: true }))) {
    const place = header.type === "file" ? placeOf(header.name, strip, options.only) : undefined;
    if (place !== undefined) count(header.size);
    if (place === undefined || isWhole(`${folder}/${place}`, header.size)) await body.cancel();
    else await writeStream(`${folder}/${place}`, body, header.size);
    if (place !== undefined) files++;
  }
  return files;
}

function counted(onBytes: ((bytes: number) => void) | undefined): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let done = 0;
  return new TransformStream({
    transform(piece, controller) {
      onBytes?.(done += piece.length);
      controller.enqueue(piece);
    },
  });
}

async function unpackZip(archive: string, folder: string, options: UnpackOptions): Promise<number> {
  const name = "yauzl"; // by a variable, so that it is fetched only when it is used
  const { default: yauzl } = await import(name) as { default: typeof import("yauzl") };
  const zip = await yauzl.openPromise(archive, { autoClose: false, strictFileNames: true });
  try {
    const entries: Entry[] = [];
    const count = counter(options);
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith("/") || isLink(entry) || LEFT_OUT.test(entry.fileName)) continue;
      count(entry.uncompressedSize);
      entries.push(entry);
    }
    const strip = options.strip === "all" ? Infinity : options.strip === "shared" ? sharedFolders(entries) : options.strip ?? 0;
    let [files, done] = [0, 0];
    for (const entry of entries) {
      const place = placeOf(entry.fileName, strip, options.only);
      if (place !== undefined && !isWhole(`${folder}/${place}`, entry.uncompressedSize)) await extract(zip, entry, `${folder}/${place}`);
      if (place !== undefined) files++;
      options.onBytes?.(done += entry.compressedSize);
    }
    return files;
  } finally {
    zip.close();
  }
}

/** Unix keeps the kind of a file in the upper half of the attributes. */
function isLink({ externalFileAttributes }: Entry): boolean {
  const kind = externalFileAttributes >>> 28;
  return kind !== 0 && kind !== 8;
}

/** How many folders at the beginning of their paths all files share. */
function sharedFolders(entries: readonly Entry[]): number {
  const folders = entries.map(({ fileName }) => fileName.split("/").slice(0, -1));
  const [first = []] = folders;
  const differs = first.findIndex((part, i) => folders.some((other) => other[i] !== part));
  return differs < 0 ? first.length : differs;
}

async function extract(zip: ZipFile, entry: Entry, path: string): Promise<void> {
  if (entry.isEncrypted()) throw new UserError("It is encrypted");
  const sum = await writeStream(path, await zip.openReadStreamPromise(entry), entry.uncompressedSize);
  if (sum === entry.crc32) return;
  await Deno.remove(path);
  throw new UserError(`The checksum of ${quoted(entry.fileName)} is wrong`);
}

function isWhole(path: string, bytes: number): boolean {
  return exists(path) && Deno.statSync(path).size === bytes;
}

/** Writes a file of a known length; gives its CRC-32. */
async function writeStream(path: string, stream: AsyncIterable<Uint8Array>, bytes: number): Promise<number> {
  const temporary = temporaryName(path);
  let [done, sum] = [0, 0];
  try {
    Deno.mkdirSync(parent(path), { recursive: true });
    using file = Deno.openSync(temporary, { write: true, create: true, truncate: true });
    for await (const piece of stream) {
      done += piece.length;
      if (done > bytes) throw new UserError(`A file in it is longer than the ${bytes} bytes that it states`);
      for (let at = 0; at < piece.length;) at += file.writeSync(piece.subarray(at));
      sum = crc32(piece, sum);
    }
    if (done < bytes) throw new UserError(`A file in it is shorter than the ${bytes} bytes that it states: the archive is broken off`);
    Deno.renameSync(temporary, path);
    return sum;
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // it may not be there yet
    throw (error as { code?: string }).code === undefined ? error : diskError(`write ${path}`, error);
  }
}
