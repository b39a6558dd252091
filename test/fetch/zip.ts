/**
 * Zip archives for tests.
 *
 * @module
 */
import { crc32 } from "node:zlib";

/** A zip archive of files that are stored as they are. */
export function storedZip(files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  return zipOf(Object.entries(files).map(([name, bytes]) => ({ name, bytes, packed: bytes, method: 0 })));
}

/** A file of an archive, with what is stated of it. */
export interface Zipped {
  /** Its path. */
  readonly name: string;
  /** Its content. */
  readonly bytes: Uint8Array;
  /** Its content as it is in the archive. */
  readonly packed: Uint8Array;
  /** 0 stored, 8 deflated. */
  readonly method: 0 | 8;
  /** Its stated length, its own if absent. */
  readonly stated?: number;
  /** Its stated checksum, its own if absent. */
  readonly sum?: number;
  /** Its kind and permissions, as Unix keeps them. */
  readonly attributes?: number;
}

/** A zip archive, byte by byte, so that anything can be stated in it. */
export function zipOf(files: readonly Zipped[]): Uint8Array<ArrayBuffer> {
  const [parts, central]: [Uint8Array[], Uint8Array[]] = [[], []];
  let offset = 0;
  for (const { name, bytes, packed, method, stated = bytes.length, sum = crc32(bytes), attributes = 0 } of files) {
    const path = new TextEncoder().encode(name);
    const [local, entry] = [new Uint8Array(30 + path.length), new Uint8Array(46 + path.length)];
    const [one, two] = [new DataView(local.buffer), new DataView(entry.buffer)];
    for (const [view, at] of [[one, 4], [two, 6]] as const) {
      view.setUint16(at, 20, true);
      view.setUint16(at + 4, method, true);
      view.setUint32(at + 10, sum, true);
      view.setUint32(at + 14, packed.length, true);
      view.setUint32(at + 18, stated, true);
      view.setUint16(at + 22, path.length, true);
    }
    one.setUint32(0, 0x04034b50, true);
    local.set(path, 30);
    two.setUint32(0, 0x02014b50, true);
    two.setUint16(4, 3 << 8, true); // made on Unix
    two.setUint32(38, attributes, true);
    two.setUint32(42, offset, true);
    entry.set(path, 46);
    parts.push(local, packed);
    central.push(entry);
    offset += local.length + packed.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, central.reduce((sum, { length }) => sum + length, 0), true);
  end.setUint32(16, offset, true);
  return new Uint8Array([...parts, ...central, new Uint8Array(end.buffer)].flatMap((part) => [...part]));
}
