import { parquetWriteBuffer } from "hyparquet-writer";
import { openParquet } from "../../lib/synthesis/parquet.ts";
import { failing } from "../faults/failing_files.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const FIXTURE = new URL("../parity/reference/frames.parquet", import.meta.url).pathname;

/** Opens a file and reads all of it; gives what is said when it cannot. */
async function readAll(path: string): Promise<string> {
  try {
    const file = await openParquet(path);
    await file.read(file.columns, 0, file.rows);
    return "";
  } catch (error) {
    assert(error instanceof UserError, `${error}\n${(error as Error).stack}`);
    assert(!error.message.includes("\n") && error.message.startsWith(`Cannot read ${path} as parquet: `), error.message);
    return error.message;
  }
}

Deno.test("openParquet() reads what pyarrow writes for Hugging Face: records, classes, any rows", async () => {
  const file = await openParquet(FIXTURE);
  assertEquals([file.rows, file.columns], [16, ["image", "video_id", "clip_id", "frame", "label"]]);
  assertEquals([file.classesOf("label"), file.classesOf("frame")], [["ApplyEyeMakeup", "Archery"], undefined]);
  const rows = await file.read(["image", "frame", "label"], 4, 11); // over two borders of row groups
  assertEquals(rows.map(({ frame, label }) => [frame, label]), [4, 5, 6, 7, 0, 1, 2].map((n, i) => [BigInt(n), i < 4 ? 0n : 1n]));
  for (const { image } of rows as { image: { bytes: Uint8Array; path: string } }[]) {
    assertEquals([image.bytes instanceof Uint8Array, image.bytes[0], image.bytes[1]], [true, 0xff, 0xd8]);
    assert(image.path.startsWith("frame_"));
  }
});

Deno.test("openParquet() reads the codecs that data sets come in", () =>
  withFolder(async (folder) => {
    for (const codec of ["UNCOMPRESSED", "SNAPPY"] as const) {
      const bytes = parquetWriteBuffer({ columnData: [{ name: "a", data: ["x", "y"], type: "STRING" }], codec });
      Deno.writeFileSync(`${folder}/a.parquet`, new Uint8Array(bytes));
      const file = await openParquet(`${folder}/a.parquet`);
      assertEquals((await file.read(["a"], 0, 2)).map(({ a }) => a), ["x", "y"], codec);
    }
  }));

Deno.test("openParquet() says in one sentence that a file is cut off, wherever", () =>
  withFolder(async (folder) => {
    const bytes = Deno.readFileSync(FIXTURE);
    for (let cut = 0; cut < bytes.length; cut += cut < 100 || cut > bytes.length - 1000 ? 10 : 500) {
      Deno.writeFileSync(`${folder}/cut.parquet`, bytes.subarray(0, cut));
      assert(/too short|it is cut off/.test(await readAll(`${folder}/cut.parquet`)), `cut at ${cut}`);
    }
  }));

Deno.test("openParquet() refuses another magic number, a folder, and a footer that states more than the file", () =>
  withFolder(async (folder) => {
    const bytes = Deno.readFileSync(FIXTURE);
    const changed = async (change: (bytes: Uint8Array) => void) => {
      const copy = bytes.slice();
      change(copy);
      Deno.writeFileSync(`${folder}/x.parquet`, copy);
      return await readAll(`${folder}/x.parquet`);
    };
    assert((await changed((b) => b.set([80, 75, 3, 4]))).includes('not with "PAR1"'));
    assert((await changed((b) => b.set([0], b.length - 1))).includes("it is cut off"));
    const length = (n: number) => (b: Uint8Array) => new DataView(b.buffer).setUint32(b.length - 8, n, true);
    assert((await changed(length(2 ** 32 - 1))).includes("its footer states 4294967295 bytes"));
    assert((await changed(length(bytes.length - 11))).includes("its footer states"));
    assert((await changed(length(10))).length > 0);
    await assertRejects(() => openParquet(folder), UserError, "as it is a folder");
  }));

Deno.test("openParquet() survives bytes of the footer and of the pages changed: rows, or one sentence", () =>
  withFolder(async (folder) => {
    const bytes = Deno.readFileSync(FIXTURE);
    const footer = bytes.length - 8 - new DataView(bytes.buffer).getUint32(bytes.length - 8, true);
    const said = new Set<string>();
    const places = [
      ...Array.from({ length: Math.floor((bytes.length - 8 - footer) / 11) }, (_, i) => footer + 11 * i),
      ...Array.from({ length: Math.floor(footer / 101) }, (_, i) => 4 + 101 * i),
    ];
    for (const [i, place] of places.entries()) {
      const copy = bytes.slice();
      copy[place] = [0x00, 0xff, 0x7f, copy[place]! ^ 1][i % 4]!;
      Deno.writeFileSync(`${folder}/x.parquet`, copy);
      said.add((await readAll(`${folder}/x.parquet`)).replace(/^[^:]*: /, "").replaceAll(/\d+/g, "N").slice(0, 40));
    }
    const all = [...said].join("\n");
    for (const wanted of ["its footer is broken", "is stated to lie", "row groups"]) {
      assert(all.includes(wanted), `${wanted} not in:\n${all}`);
    }
  }));

Deno.test("openParquet() does not call rows broken that the disk failed to read", async () => {
  const file = await openParquet(FIXTURE);
  Object.assign(failing, { below: FIXTURE, at: 2, calls: 0, reads: true }); // 1: a look at its size
  const { message } = await assertRejects(() => file.read(["frame"], 0, 4), UserError, "Input/output error (os error 5)");
  failing.below = "";
  assert(!message.includes("broken"), message);
  assertEquals((await file.read(["frame"], 0, 4)).length, 4);
});
