/**
 * A pack: one file of records of one length, each under a key. Several processes may append to it at a time, and a process that is
 * killed while it appends costs its last record alone: a record begins with a mark and ends with a checksum, and a reader looks for the
 * next mark where they do not fit.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { checkRegular, diskError, exists, parent } from "../files.ts";

/** An open pack. */
export interface Pack {
  /** The record under a key, 32 bytes in hexadecimal. */
  readonly find: (key: string) => Uint8Array | undefined;
  /** Appends records. */
  readonly append: (records: readonly PackRecord[]) => void;
  /** Closes the file. */
  readonly [Symbol.dispose]: () => void;
}

/** What a pack holds under a key. */
export interface PackRecord {
  /** 32 bytes in hexadecimal, as of SHA-256. */
  readonly key: string;
  /** Its content, of the pack's length. */
  readonly content: Uint8Array;
}

const MARK = Buffer.from("wpk1");
const [KEY, SUM] = [32, 4]; // bytes of a key and of a checksum
const CHUNK = 2 ** 22; // bytes read at a time
const LARGEST_PACK = 2 ** 40;

/**
 * Opens a pack, or makes an empty one, and reads where its records lie.
 *
 * @param path the file; its folder is made
 * @param length bytes of each record's content
 * @returns the pack
 * @throws UserError when the file cannot be read or written
 */
export function openPack(path: string, length: number): Pack {
  if (exists(path)) checkRegular(path, LARGEST_PACK);
  const file = openFile(path);
  const places = findRecords(file, MARK.length + KEY + length + SUM);
  return {
    find: (key) => {
      const place = places.get(key);
      return place === undefined ? undefined : readAt(file, place + MARK.length + KEY, length);
    },
    append: (records) => {
      const fresh = records.filter(({ key }) => !places.has(key));
      const first = appendAll(file, path, Buffer.concat(fresh.map(recordBytes)));
      fresh.forEach(({ key }, i) => places.set(key, first + i * (MARK.length + KEY + length + SUM)));
    },
    [Symbol.dispose]: () => file.close(),
  };
}

function openFile(path: string): Deno.FsFile {
  try {
    Deno.mkdirSync(parent(path), { recursive: true });
    return Deno.openSync(path, { read: true, append: true, create: true });
  } catch (error) {
    throw diskError(`open ${path}`, error);
  }
}

/** Where the whole records of a file begin, by key. */
function findRecords(file: Deno.FsFile, stride: number): Map<string, number> {
  const places = new Map<string, number>();
  const size = file.statSync().size;
  for (let offset = 0; offset + stride <= size;) {
    const chunk = Buffer.from(readAt(file, offset, Math.min(Math.max(CHUNK, stride), size - offset)).buffer);
    let [at, done] = [chunk.indexOf(MARK), 0];
    while (at >= 0 && at + stride <= chunk.length) {
      const record = chunk.subarray(at, at + stride);
      const whole = crc32(record.subarray(0, stride - SUM)) === record.readUInt32LE(stride - SUM);
      if (whole) places.set(record.toString("hex", MARK.length, MARK.length + KEY), offset + at);
      done = at + (whole ? stride : 1);
      at = chunk.indexOf(MARK, done);
    }
    offset += at > 0 ? at : Math.max(done, chunk.length - MARK.length + 1); // a record that goes on after the chunk is read again
  }
  return places;
}

function recordBytes({ key, content }: PackRecord): Buffer {
  const body = Buffer.concat([MARK, Buffer.from(key, "hex"), content]);
  const sum = Buffer.alloc(SUM);
  sum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, sum]);
}

/** Appends in one call to the disk, which other processes' calls cannot part; says where the bytes begin. */
function appendAll(file: Deno.FsFile, path: string, bytes: Uint8Array): number {
  try {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    return file.seekSync(0, Deno.SeekMode.Current) - bytes.length;
  } catch (error) {
    throw diskError(`append to ${path}`, error);
  }
}

function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) break;
    done += read;
  }
  return bytes;
}
