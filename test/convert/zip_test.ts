/** Archives over 4 GiB, whose sizes and places stand in ZIP64 fields: a 7B's are so. The file has holes and takes little disk. */
import { readTorchFile } from "../../lib/convert/torch_file.ts";
import { readZip } from "../../lib/convert/zip.ts";
import { readInto } from "../../lib/model/safetensors.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";
import { bytesOf, tensorPickle, u16, u32 } from "./support.ts";

const FULL = 0xffffffff;
const LARGE = 2 ** 32 + 24; // bytes of the storage

function u64(value: number): number[] {
  return [...u32(value % 2 ** 32), ...u32(Math.floor(value / 2 ** 32))];
}

/** An entry's header, local or in the table; the table's has its ZIP64 field. */
function header(name: string, size: number, at?: number): Uint8Array {
  const isLarge = size > FULL;
  const extra = at === undefined ? [] : [...(isLarge ? [...u64(size), ...u64(size)] : []), ...(at > FULL ? u64(at) : [])];
  const field = extra.length === 0 ? [] : [...u16(1), ...u16(extra.length), ...extra];
  const sizes = isLarge ? [...u32(FULL), ...u32(FULL)] : [...u32(size), ...u32(size)];
  const common = [...u16(0), ...u16(0), ...u32(0), ...u32(0), ...sizes, ...u16(name.length), ...u16(field.length)];
  if (at === undefined) return bytesOf(Uint8Array.from([...u32(0x04034b50), ...u16(45), ...common]), name);
  const listed = [...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(Math.min(at, FULL))];
  return bytesOf(Uint8Array.from([...u32(0x02014b50), ...u16(45), ...u16(45), ...common, ...listed]), name, Uint8Array.from(field));
}

/** A checkpoint of one tensor at the end of a storage over 4 GiB, and the pickle behind it; `claimed` is what its record says. */
function writeLarge(path: string, claimed: { readonly tableAt?: number; readonly recordAt?: number } = {}): void {
  const pickle = tensorPickle({ elements: 2 ** 30 + 6, offset: 2 ** 30 });
  const [data, name] = [header("archive/data/0", LARGE), "archive/data.pkl"];
  const pickleAt = data.length + LARGE;
  const head = header(name, pickle.length);
  const tableAt = pickleAt + head.length + pickle.length;
  const table = bytesOf(header("archive/data/0", LARGE, 0), header(name, pickle.length, pickleAt));
  const record = [...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(2), ...u64(2), ...u64(table.length)];
  const end = [
    ...[...record, ...u64(claimed.tableAt ?? tableAt)],
    ...[...u32(0x07064b50), ...u32(0), ...u64(claimed.recordAt ?? tableAt + table.length), ...u32(1)],
    ...[...u32(0x06054b50), ...u32(0), ...u16(0xffff), ...u16(0xffff), ...u32(FULL), ...u32(FULL), ...u16(0)],
  ];
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  file.writeSync(data);
  file.seekSync(pickleAt - 24, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(Float32Array.from([1, 2, 3, 4, 5, 6]).buffer));
  file.writeSync(bytesOf(head, pickle, table, Uint8Array.from(end)));
}

Deno.test("readZip() and readTorchFile() find what lies behind 4 GiB", () =>
  withFolder((folder) => {
    const path = `${folder}/large.pth`;
    writeLarge(path);
    assertEquals(readZip(path).get("archive/data/0")!.size, LARGE);
    const tensor = readTorchFile(path).get("w")!;
    const memory = new Uint8Array(tensor.size);
    readInto(tensor, memory);
    assertEquals([...new Float32Array(memory.buffer)], [1, 2, 3, 4, 5, 6]);
  }));

Deno.test("readZip() refuses ZIP64 records that lie, in a sentence", () =>
  withFolder((folder) => {
    const path = `${folder}/large.pth`;
    for (const claimed of [{ tableAt: 2 ** 52 }, { tableAt: 0 }, { recordAt: 2 ** 52 }, { recordAt: 100 }]) {
      writeLarge(path, claimed);
      const { message } = assertThrows(() => readZip(path), UserError) as Error;
      assert(message.startsWith(`Cannot read ${path} as a ZIP archive: `), message);
    }
  }));
