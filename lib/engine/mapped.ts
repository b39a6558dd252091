/**
 * Files as memory. The pages of a mapped file belong to the system's page cache: nothing is copied, what is not used is not
 * read, processes share them, and where memory is short the system drops them and reads them again.
 *
 * A mapping stays until the process ends, since TensorFlow may hold on to it. A file that is cut short meanwhile ends the
 * process (SIGBUS), as with every program that maps its weights: replace a checkpoint by renaming, as we write them.
 *
 * @module
 */
import { cstring, LIBC } from "./capi.ts";

/** A file in memory. */
export interface MappedFile {
  /** Its first byte. */
  readonly pointer: Deno.PointerObject;
  /** Bytes of it. */
  readonly size: number;
}

/** Some of a mapped file's bytes. */
export type FileBytes = MappedFile;

/** TensorFlow copies memory that does not begin at a multiple of so many bytes (found by trying, TensorFlow 2.21). */
export const ALIGNMENT = 64n;

/**
 * Maps a file, for reading.
 *
 * @param path a regular file
 * @returns its bytes, or undefined where the system cannot map it
 */
export function mapFile(path: string): MappedFile | undefined {
  if (Deno.build.os === "windows") return;
  const { size } = Deno.statSync(path);
  const libc = Deno.dlopen(LIBC, {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  });
  const [READ, PRIVATE] = [1, 2];
  const file = libc.symbols.open(cstring(path), 0);
  const pointer = file < 0 ? null : libc.symbols.mmap(null, BigInt(size), READ, PRIVATE, file, 0n);
  if (file >= 0) libc.symbols.close(file);
  libc.close();
  const failed = pointer === null || Deno.UnsafePointer.value(pointer) === FAILED;
  return failed ? undefined : { pointer, size };
}

const FAILED = 2n ** 64n - 1n; // MAP_FAILED

/**
 * A part of a mapped file.
 *
 * @throws RangeError when it reaches beyond the file
 */
export function rangeOf({ pointer, size }: MappedFile, begin: number, count: number): FileBytes {
  if (begin < 0 || count < 0 || begin + count > size) {
    throw new RangeError(`Bytes ${begin} … ${begin + count} lie outside a file of ${size}`);
  }
  return { pointer: Deno.UnsafePointer.create(Deno.UnsafePointer.value(pointer) + BigInt(begin))!, size: count };
}

/** A C function that does nothing, whatever it is given: what TensorFlow calls when it lets go of a file's bytes. */
export function doNothing(): Deno.PointerValue {
  const libc = Deno.dlopen(LIBC, { getpid: { type: "pointer" } });
  const pointer = libc.symbols.getpid;
  libc.close(); // the process itself keeps the C library
  return pointer;
}
