/**
 * Parquet files as Hugging Face writes them, read with every length checked against the file first.
 *
 * @module
 */
import type { ColumnChunk, Compressors, FileMetaData } from "hyparquet";
import { isOfDisk, quoted, UserError } from "../errors.ts";
import { checkRegular, diskError } from "../files.ts";

/** An open parquet file; nothing is kept open on the disk. */
export interface Parquet {
  /** The file. */
  readonly path: string;
  /** How many rows it has. */
  readonly rows: number;
  /** Its columns; those of a record count as one. */
  readonly columns: readonly string[];
  /** Names of a column's classes, where Hugging Face's description of the data set has them. */
  classesOf(column: string): readonly string[] | undefined;
  /** Rows from `start` to before `end`, as objects of the columns. */
  read(columns: readonly string[], start: number, end: number): Promise<Readonly<Record<string, unknown>>[]>;
}

const MAGIC = "PAR1";
const LARGEST_FOOTER = 2 ** 26; // bytes
const LARGEST_CHUNK = 2 ** 31; // bytes of a column in a row group, unpacked
const LARGEST_PAGE = 2 ** 30;
const MOST_ROWS = 1e9;

/**
 * Opens a parquet file: reads its footer, and checks that all it points to lies in the file.
 *
 * @param path the file
 * @returns its columns and rows
 * @throws UserError in one sentence when it is no parquet file, cut off, or states what cannot be
 */
export async function openParquet(path: string): Promise<Parquet> {
  const refuse = (why: string): never => {
    throw new UserError(`Cannot read ${path} as parquet: ${why}`);
  };
  const metadata = await readMetadata(path, refuse);
  const { schema, key_value_metadata: notes = [] } = metadata;
  const features = featuresOf(notes.find(({ key }) => key === "huggingface")?.value);
  return {
    path,
    rows: Number(metadata.num_rows),
    columns: topColumns(schema),
    classesOf: (column) => features[column]?.names,
    async read(columns, rowStart, rowEnd) {
      const { parquetReadObjects } = await load();
      const compressors = await boundedCompressors();
      const options = { file: bufferOf(path), metadata, columns: [...columns], rowStart, rowEnd, compressors, utf8: false };
      try {
        return await parquetReadObjects(options);
      } catch (error) {
        if (isOfDisk(error)) throw diskError(`read ${path}`, error);
        return refuse(`rows ${rowStart} to ${rowEnd} are broken (${quoted((error as Error).message?.split("\n")[0], 80)})`);
      }
    },
  };
}

async function load(): Promise<typeof import("hyparquet")> {
  const name = "hyparquet"; // by a variable, so that it is fetched only when it is used
  return await import(name);
}

/** Unpackers that check the length that a page states before they make room for it. */
async function boundedCompressors(): Promise<Compressors> {
  const name = "hyparquet-compressors";
  const { compressors } = await import(name) as { compressors: Compressors };
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, unpack]) => [codec, (input: Uint8Array, length: number) => {
      if (!(length >= 0 && length <= LARGEST_PAGE)) throw new RangeError(`a page states ${length} bytes`);
      return unpack!(input, length);
    }]),
  );
}

/**
 * The file by pieces. It is opened for each, so that a list of many files holds none of them; and read at once, so that nothing is
 * still being read when an error ends the rest.
 */
function bufferOf(path: string): { byteLength: number; slice(start: number, end?: number): ArrayBuffer } {
  const { size } = Deno.statSync(path);
  return {
    byteLength: size,
    slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size)) throw new RangeError(`bytes ${start} to ${end} of ${size} are asked for`);
      using file = Deno.openSync(path);
      file.seekSync(start, Deno.SeekMode.Start);
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length;) {
        const read = file.readSync(bytes.subarray(done));
        if (read === null) throw new RangeError("the file has become shorter");
        done += read;
      }
      return bytes.buffer;
    },
  };
}

async function readMetadata(path: string, refuse: (why: string) => never): Promise<FileMetaData> {
  checkRegular(path, Infinity); // it is read in pieces, whatever its size
  const buffer = bufferOf(path);
  const size = buffer.byteLength;
  if (size < 12) refuse(`it has ${size} bytes, which is too short`);
  const text = (start: number, end: number) => new TextDecoder("latin1").decode(buffer.slice(start, end));
  if (text(0, 4) !== MAGIC) refuse(`it begins with ${quoted(text(0, 4))}, not with "${MAGIC}"`);
  if (text(size - 4, size) !== MAGIC) refuse(`it does not end with "${MAGIC}": it is cut off`);
  const length = new DataView(buffer.slice(size - 8, size - 4)).getUint32(0, true);
  if (length > size - 12 || length > LARGEST_FOOTER) refuse(`its footer states ${length} bytes, the file has ${size}`);
  const { parquetMetadata } = await load();
  let metadata: FileMetaData;
  try {
    metadata = parquetMetadata(buffer.slice(size - 8 - length, size));
  } catch (error) {
    return refuse(`its footer is broken (${quoted((error as Error).message?.split("\n")[0], 80)})`);
  }
  const problem = problemOf(metadata, size - 8 - length);
  return problem === undefined ? metadata : refuse(problem);
}

/** What a footer states that cannot be: rows that do not add up, columns that lie outside the file or are too large. */
function problemOf({ num_rows, row_groups = [], schema = [] }: FileMetaData, end: number): string | undefined {
  const rows = row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (!(Number(num_rows) >= 0 && Number(num_rows) <= MOST_ROWS) || rows !== Number(num_rows)) {
    return `it states ${num_rows} rows, and its row groups ${rows}`;
  }
  if (schema.length < 2) return "it has no columns";
  for (const { columns } of row_groups) {
    for (const column of columns) {
      const problem = chunkProblem(column, end);
      if (problem !== undefined) return problem;
    }
  }
}

function chunkProblem({ file_path, meta_data: chunk }: ColumnChunk, end: number): string | undefined {
  if (file_path !== undefined) return `it keeps columns in another file, ${quoted(file_path)}`;
  if (!chunk) return "a column has no description: it may be encrypted";
  const name = quoted(chunk.path_in_schema.join("."), 60);
  const [data, dictionary] = [Number(chunk.data_page_offset), Number(chunk.dictionary_page_offset ?? 0)];
  const [packed, unpacked] = [Number(chunk.total_compressed_size), Number(chunk.total_uncompressed_size)];
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  if (!(start >= 4 && packed >= 0 && data <= end && start + packed <= end)) {
    return `the column ${name} is stated to lie at bytes ${start} to ${start + packed}, outside the ${end} bytes of data`;
  }
  if (!(unpacked >= 0 && unpacked <= LARGEST_CHUNK)) return `the column ${name} is stated to unpack to ${unpacked} bytes`;
}

/** Names of the columns at the top: the first element is the root, and each has its children behind it. */
function topColumns(schema: FileMetaData["schema"]): string[] {
  const names: string[] = [];
  let at = 1;
  const skip = () => {
    let open = schema[at++]?.num_children ?? 0;
    while (open-- > 0 && at < schema.length) skip();
  };
  while (at < schema.length) {
    names.push(schema[at]!.name);
    skip();
  }
  return names;
}

/** The features of Hugging Face's description, as far as they name classes. */
function featuresOf(text: string | undefined): Readonly<Record<string, { readonly names?: readonly string[] }>> {
  try {
    const features = JSON.parse(text ?? "{}")?.info?.features ?? {};
    return Object.fromEntries(
      Object.entries(features).map(([column, feature]) => {
        const names = (feature as { names?: unknown } | null)?.names;
        return [column, Array.isArray(names) && names.every((name) => typeof name === "string") ? { names } : {}];
      }),
    );
  } catch {
    return {}; // another program's note: labels stay numbers
  }
}
