/**
 * Safetensors files: 8 bytes of header length, a JSON header, the tensors' bytes. A file that is read may be hostile:
 * every number is checked against the file's size before memory is touched.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { checkRegular, diskError, parent, readJson, writeFile } from "../files.ts";
import type { Disk } from "../files.ts";

/** One tensor's place in a file. */
export interface StoredTensor {
  /** Element type, such as "F32". */
  readonly dtype: string;
  /** Shape. */
  readonly shape: readonly number[];
  /** First byte, counted from the file's start. */
  readonly begin: number;
  /** Bytes. */
  readonly size: number;
  /** The file. */
  readonly path: string;
}

/** A tensor to be written. */
export interface OutgoingTensor {
  /** Its name. */
  readonly name: string;
  /** Element type. */
  readonly dtype: "F32" | "BF16" | "F16" | "I32";
  /** Shape. */
  readonly shape: readonly number[];
  /** Its bytes, asked for when it is written. */
  bytes(): Uint8Array;
}

const ALIGNED = 64; // bytes: TensorFlow uses a mapped tensor as it lies when it begins at a multiple
const HEADER_LIMIT = 100_000_000; // the format's own
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1 },
  ...{ U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1 },
};

/**
 * Reads a file's header.
 *
 * @param path the file
 * @returns its tensors by name
 * @throws UserError saying what is wrong with the file, when it is not a sound safetensors file
 */
export function readHeader(path: string): Map<string, StoredTensor> {
  const file = openRegular(path);
  try {
    return parseHeader(path, file, file.statSync().size);
  } finally {
    file.close();
  }
}

/** Reads a file's `__metadata__`: texts by name. */
export function readMetadata(path: string): Record<string, string> {
  const file = openRegular(path);
  try {
    const length = new DataView(readBytes(file, 8).buffer).getBigUint64(0, true);
    if (length > BigInt(Math.min(HEADER_LIMIT, file.statSync().size))) return {};
    const json = JSON.parse(new TextDecoder().decode(readBytes(file, Number(length))));
    const entries = isRecord(json) && isRecord(json["__metadata__"]) ? Object.entries(json["__metadata__"]) : [];
    return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
  } finally {
    file.close();
  }
}

/** Reads a tensor's bytes into memory that is as large as they are. */
export function readInto({ path, begin, size }: StoredTensor, memory: Uint8Array): void {
  if (memory.length !== size) throw new UserError(`Cannot read ${size} bytes into memory of ${memory.length}`);
  const file = openRegular(path);
  try {
    file.seekSync(begin, Deno.SeekMode.Start);
    for (let done = 0; done < size;) {
      const count = file.readSync(memory.subarray(done, Math.min(size, done + (1 << 30))));
      if (count === null) throw new UserError(`Cannot read ${path}: it ended ${size - done} bytes early`);
      done += count;
    }
  } finally {
    file.close();
  }
}

/**
 * Finds the tensors of a model folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 *
 * @param folder the model's folder
 * @returns tensors by name
 * @throws UserError when there is neither, a shard is missing, or one lies outside the folder
 */
export function readModelHeaders(folder: string): Map<string, StoredTensor> {
  const index = `${folder}/model.safetensors.index.json`;
  let shards: string[];
  try {
    Deno.statSync(index);
    shards = shardNames(readJson(index), index);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    shards = ["model.safetensors"];
  }
  const all = new Map<string, StoredTensor>();
  for (const shard of shards) {
    for (const [name, tensor] of readHeader(`${folder}/${shard}`)) {
      if (all.has(name)) throw new UserError(`Cannot use ${folder}: two shards hold ${quoted(name)}`);
      all.set(name, tensor);
    }
  }
  return all;
}

/** Writes a safetensors file, whole or not at all. */
export function writeSafetensors(
  path: string,
  tensors: readonly OutgoingTensor[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
  disk?: Disk,
): void {
  let offset = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const begin = offset;
    offset += shape.reduce((a, b) => a * b, 1) * ELEMENT_BYTES[dtype]!;
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = new TextEncoder().encode(json.padEnd(Math.ceil((8 + json.length) / ALIGNED) * ALIGNED - 8)); // for those who map it
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  writeFile(
    path,
    (function* () {
      yield length;
      yield header;
      for (const tensor of tensors) yield tensor.bytes();
    })(),
    disk,
  );
}

/** Opens a regular file: a pipe would block for ever. Weights may be as large as they are; the format bounds the header. */
function openRegular(path: string): Deno.FsFile {
  checkRegular(path, Infinity);
  try {
    return Deno.openSync(path);
  } catch (error) {
    throw diskError(`read ${path}`, error);
  }
}

function parseHeader(path: string, file: Deno.FsFile, fileSize: number): Map<string, StoredTensor> {
  const refuse = (why: string): never => {
    throw new UserError(`Cannot read ${path} as safetensors: ${why}`);
  };
  if (fileSize < 8) refuse(`it has ${fileSize} bytes, the length of the header alone takes 8`);
  const prefix = readBytes(file, 8);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(HEADER_LIMIT)) refuse(`its header claims ${length} bytes, ${HEADER_LIMIT} are allowed`);
  if (length > BigInt(fileSize - 8)) refuse(`its header claims ${length} bytes, the file has ${fileSize - 8} after its first 8`);
  const header = readBytes(file, Number(length)); // a disk that fails here says so
  let text = "";
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    json = JSON.parse(text);
  } catch {
    refuse("its header is not JSON");
  }
  if (!isRecord(json)) return refuse("its header is not a JSON object");
  const twice = duplicateKey(text);
  if (twice !== undefined) refuse(`its header has the key ${quoted(twice)} twice`);
  const start = 8 + Number(length);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(json)) {
    if (name === "__metadata__") continue;
    tensors.set(name, parseEntry(path, name, entry, start, refuse));
  }
  checkCover(tensors, start, fileSize, refuse);
  return tensors;
}

/**
 * A key that an object of a JSON text has twice. `JSON.parse` takes the last of two, other readers the first: a file could show
 * each another model. The text is known to be JSON, so brackets and strings suffice.
 */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = []; // keys of the objects around the place, none for lists
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === "{" || character === "[") open.push(new Set());
    else if (character === "}" || character === "]") open.pop();
    if (character !== '"') continue;
    const end = endOfString(json, i);
    if (isKey(json, end)) {
      const key = JSON.parse(json.slice(i, end)) as string;
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    }
    i = end - 1;
  }
}

/** Whether a colon follows. */
function isKey(json: string, end: number): boolean {
  let at = end;
  while (" \t\n\r".includes(json[at] ?? "x")) at++;
  return json[at] === ":";
}

/** Where a string that begins at `start` has ended. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

function parseEntry(
  path: string,
  name: string,
  entry: unknown,
  start: number,
  refuse: (why: string) => never,
): StoredTensor {
  if (!isRecord(entry)) return refuse(`${quoted(name)} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const bytes = typeof dtype === "string" && Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype]! : 0;
  if (bytes === 0) return refuse(`${quoted(name)} has the unknown element type ${quoted(dtype)}`);
  if (!isCounts(shape) || shape.length > 16) return refuse(`${quoted(name)} has no valid shape`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) return refuse(`${quoted(name)} has no valid offsets`);
  const [begin, end] = offsets as [number, number];
  const size = shape.reduce((a, b) => a * b, bytes);
  if (!Number.isSafeInteger(size) || size !== end - begin) {
    return refuse(`${quoted(name)} of shape ${quoted(shape)} takes ${size} bytes, its offsets span ${end - begin}`);
  }
  return { dtype: dtype as string, shape, begin: start + begin, size, path };
}

/** The tensors must cover the file's rest without holes or overlaps, as the format demands. */
function checkCover(
  tensors: ReadonlyMap<string, StoredTensor>,
  start: number,
  fileSize: number,
  refuse: (why: string) => never,
): void {
  let at = start;
  const ordered = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.size - b.size);
  for (const [name, { begin, size }] of ordered) {
    if (begin !== at) refuse(`${quoted(name)} begins at byte ${begin}, the tensor before it ends at ${at}`);
    at += size;
  }
  if (at !== fileSize) refuse(`its tensors end at byte ${at}, the file at ${fileSize}`);
}

function shardNames(json: unknown, path: string): string[] {
  const map = isRecord(json) ? json["weight_map"] : undefined;
  if (!isRecord(map)) throw new UserError(`Cannot use ${path}: it has no "weight_map"`);
  const names = [...new Set(Object.values(map))];
  for (const name of names) {
    if (typeof name !== "string" || !/^[\w.-]+\.safetensors$/.test(name)) {
      throw new UserError(`Cannot use ${path}: a shard must be a file beside it in ${parent(path)}, found ${quoted(name)}`);
    }
  }
  return names as string[];
}

function readBytes(file: Deno.FsFile, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let done = 0; done < count;) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) throw new UserError(`Cannot read ${count} bytes: the file ended after ${done}`);
    done += read;
  }
  return bytes;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
