/**
 * The table of contents of a ZIP archive whose entries are stored as they are, as PyTorch writes its checkpoints. Only the
 * table is read; an entry is a range of the file. A file that is read may be hostile: every number is checked against the
 * file's size before memory is touched.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { checkRegular, diskError } from "../files.ts";

/** One stored entry: a range of the file. */
export interface ZipEntry {
  /** Its first byte, counted from the file's start. */
  readonly begin: number;
  /** Its bytes. */
  readonly size: number;
}

/** An open archive, while its table is read. */
interface Archive {
  readonly file: Deno.FsFile;
  readonly size: number; // bytes of the file
  readonly refuse: (why: string) => never;
}

/** Where the table of contents lies. */
interface Table {
  readonly begin: number;
  readonly size: number;
  readonly entries: number;
}

/** An entry as the table tells of it. */
interface Listed {
  readonly name: string;
  readonly header: number; // where its local header begins
  readonly size: number;
}

const SIGNATURE = { local: 0x04034b50, listed: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 } as const;
const LARGEST_TABLE = 2 ** 26; // bytes; 7B has 3,000 entries in 0.2 MB
const MOST_ENTRIES = 2 ** 18;
const LONGEST_TAIL = 22 + 65535; // the end record with its comment
const FULL_16 = 0xffff;
const FULL_32 = 0xffffffff; // "look in the ZIP64 record"

/**
 * Reads an archive's table of contents.
 *
 * @param path the file
 * @returns its entries by name
 * @throws UserError saying what is wrong, when the archive is broken, compressed, encrypted, or contradicts itself
 */
export function readZip(path: string): Map<string, ZipEntry> {
  checkRegular(path, Infinity);
  const file = openFile(path);
  try {
    const refuse = (why: string): never => {
      throw new UserError(`Cannot read ${path} as a ZIP archive: ${why}`);
    };
    const archive: Archive = { file, size: file.statSync().size, refuse };
    return entriesOf(archive, findTable(archive));
  } finally {
    file.close();
  }
}

/** Finds the table by the record at the file's end, which says where it lies and how many entries it has. */
function findTable(archive: Archive): Table {
  const { size, refuse } = archive;
  if (size < 22) return refuse(`it has ${size} bytes, its end record alone takes 22`);
  const start = Math.max(0, size - LONGEST_TAIL);
  const tail = viewOf(archive, start, size - start);
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (tail.getUint32(at, true) !== SIGNATURE.end || at + 22 + tail.getUint16(at + 20, true) !== tail.byteLength) continue;
    const found = { entries: tail.getUint16(at + 10, true), size: tail.getUint32(at + 12, true), begin: tail.getUint32(at + 16, true) };
    const isLarge = found.entries === FULL_16 || found.size === FULL_32 || found.begin === FULL_32;
    return checkedTable(archive, isLarge ? largeTable(archive, start + at) : found, start + at);
  }
  return refuse("it has no end record; the file is cut off, or is no archive");
}

/** The table's place by the ZIP64 record, which the locator before the end record points to. */
function largeTable(archive: Archive, end: number): Table {
  const { refuse } = archive;
  if (end < 20) return refuse("its ZIP64 locator is missing");
  const locator = viewOf(archive, end - 20, 20);
  if (locator.getUint32(0, true) !== SIGNATURE.locator64) return refuse("its ZIP64 locator is missing");
  const at = wholeNumber(archive, locator, 8);
  if (at > end - 20 - 56) return refuse(`its ZIP64 record lies at byte ${at}, behind its locator`);
  const record = viewOf(archive, at, 56);
  if (record.getUint32(0, true) !== SIGNATURE.end64) return refuse("its ZIP64 record is missing");
  return {
    entries: wholeNumber(archive, record, 32),
    size: wholeNumber(archive, record, 40),
    begin: wholeNumber(archive, record, 48),
  };
}

function checkedTable({ refuse }: Archive, table: Table, end: number): Table {
  if (table.begin > end || table.size > end - table.begin) {
    return refuse(`its table claims bytes ${table.begin} to ${table.begin + table.size}, but ends before byte ${end}`);
  }
  if (table.size > LARGEST_TABLE) return refuse(`its table has ${table.size} bytes, at most ${LARGEST_TABLE} are read`);
  if (table.entries > MOST_ENTRIES || table.entries * 46 > table.size) {
    return refuse(`its table claims ${table.entries} entries in ${table.size} bytes`);
  }
  return table;
}

function entriesOf(archive: Archive, table: Table): Map<string, ZipEntry> {
  const { refuse } = archive;
  const view = viewOf(archive, table.begin, table.size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < table.entries; i++) {
    const [listed, next] = parseListed(archive, view, at);
    if (entries.has(listed.name)) refuse(`it holds ${quoted(listed.name)} twice`);
    entries.set(listed.name, locate(archive, listed, table.begin));
    at = next;
  }
  checkDisjoint(entries, refuse);
  return entries;
}

/** One line of the table, and where the next begins. */
function parseListed(archive: Archive, view: DataView<ArrayBuffer>, at: number): [Listed, number] {
  const { refuse } = archive;
  if (at + 46 > view.byteLength || view.getUint32(at, true) !== SIGNATURE.listed) return refuse(`its table is broken at byte ${at}`);
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
    number,
    number,
    number,
  ];
  const extra = at + 46 + nameLength;
  const next = extra + extraLength + commentLength;
  if (next > view.byteLength) return refuse(`its table is broken at byte ${at}`);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
  if (view.getUint16(at + 8, true) & 1) return refuse(`${quoted(name)} is encrypted`);
  const method = view.getUint16(at + 10, true);
  if (method !== 0) return refuse(`${quoted(name)} is compressed (method ${method}), while PyTorch stores its entries as they are`);
  const fields = [24, 20, 42].map((field) => view.getUint32(at + field, true)); // sizes before and after compression, header
  const [size, stored, header] = largeFields(archive, fields, new DataView(view.buffer, view.byteOffset + extra, extraLength)) as [
    number,
    number,
    number,
  ];
  if (size !== stored) return refuse(`${quoted(name)} claims ${size} bytes and stores ${stored}`);
  return [{ name, header, size }, next];
}

/** Fields that are full stand in the ZIP64 extra field, in their order. */
function largeFields(archive: Archive, fields: readonly number[], extra: DataView<ArrayBuffer>): number[] {
  if (!fields.includes(FULL_32)) return [...fields];
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const [id, length] = [extra.getUint16(at, true), extra.getUint16(at + 2, true)];
    const full = fields.filter((field) => field === FULL_32).length;
    if (id === 1 && length >= 8 * full && at + 4 + length <= extra.byteLength) {
      let next = at + 4;
      return fields.map((field) => field === FULL_32 ? wholeNumber(archive, extra, (next += 8) - 8) : field);
    }
    at += 4 + length;
  }
  return archive.refuse("an entry over 4 GiB has no ZIP64 sizes");
}

/** Where an entry's bytes lie: behind its local header, which must tell of the same entry, and before the table. */
function locate(archive: Archive, { name, header, size }: Listed, table: number): ZipEntry {
  const { refuse } = archive;
  if (header > table - 30) return refuse(`${quoted(name)} begins at byte ${header}, behind the archive's entries`);
  const local = viewOf(archive, header, 30);
  if (local.getUint32(0, true) !== SIGNATURE.local) return refuse(`${quoted(name)} has no header at byte ${header}`);
  const [nameLength, extraLength] = [local.getUint16(26, true), local.getUint16(28, true)];
  const begin = header + 30 + nameLength + extraLength;
  if (begin > table || size > table - begin) {
    return refuse(`${quoted(name)} claims ${size} bytes from byte ${begin} on, its archive's entries end at byte ${table}`);
  }
  const own = new TextDecoder().decode(viewOf(archive, header + 30, nameLength).buffer);
  if (own !== name) return refuse(`the table's ${quoted(name)} calls itself ${quoted(own)}`);
  return { begin, size };
}

/** Entries that share bytes would make a small file a large one. */
function checkDisjoint(entries: ReadonlyMap<string, ZipEntry>, refuse: (why: string) => never): void {
  let end = 0;
  for (const [name, { begin, size }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.size - b.size)) {
    if (begin < end) refuse(`${quoted(name)} shares bytes with the entry before it`);
    end = begin + size;
  }
}

/** An unsigned 64-bit number that JavaScript holds exactly. */
function wholeNumber({ refuse }: Archive, view: DataView<ArrayBuffer>, at: number): number {
  const number = view.getBigUint64(at, true);
  return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : refuse(`it claims a size or place of ${number} bytes`);
}

/** Bytes of the file, whose place was checked before. */
function viewOf({ file, refuse }: Archive, begin: number, size: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  file.seekSync(begin, Deno.SeekMode.Start);
  for (let done = 0; done < size;) {
    const count = file.readSync(bytes.subarray(done));
    if (count === null) refuse(`it ended ${size - done} bytes early`);
    else done += count;
  }
  return new DataView(bytes.buffer);
}

function openFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path);
  } catch (error) {
    throw diskError(`read ${path}`, error);
  }
}
