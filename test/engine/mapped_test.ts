import { tensorOfFile } from "../../lib/engine/storage.ts";
import { mapFile, rangeOf } from "../../lib/engine/mapped.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { readTensor } from "../../lib/model/stored_tensors.ts";
import { readHeader, writeSafetensors } from "../../lib/model/safetensors.ts";
import { assertEquals, assertThrows, engine, take, withFolder, withoutLeaks } from "../support.ts";

await engine();

const values = Float32Array.from({ length: 64 }, (_, i) => i - 7.5);
const tensor = (name: string) => ({ name, dtype: "F32" as const, shape: [8, 8], bytes: () => new Uint8Array(values.buffer) });

Deno.test("a mapped tensor has the values of a read one, also after its file is gone", () =>
  withoutLeaks(() =>
    withFolder((folder) => {
      const path = `${folder}/model.safetensors`;
      writeSafetensors(path, [tensor("a"), tensor("b")]);
      const stored = readHeader(path).get("b")!;
      assertEquals(stored.begin % 64, 0); // as we write them, TensorFlow need not copy
      const mapped = readTensor(stored, mapFile(path));
      const read = readTensor(stored);
      Deno.removeSync(path);
      assertEquals(take(mapped), values);
      assertEquals(take(read), values);
    })
  ));

Deno.test("tensorOfFile() leaves bytes to be read that TensorFlow would copy, and rangeOf() stays inside the file", () =>
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/f`, new Uint8Array(256));
    const file = mapFile(`${folder}/f`)!;
    assertEquals(tensorOfFile([4], "F32", rangeOf(file, 8, 16)), undefined);
    const aligned = tensorOfFile([4], "F32", rangeOf(file, 64, 16));
    assertEquals(aligned === undefined, activeBinding() === undefined);
    aligned?.dispose();
    assertThrows(() => rangeOf(file, 248, 16), RangeError, "outside a file of 256");
  }));

Deno.test({
  name: "mapFile() shows a file's bytes, and rangeOf() some of them",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder((folder) => {
      Deno.writeFileSync(`${folder}/a`, Uint8Array.from({ length: 5000 }, (_, i) => i % 251));
      const file = mapFile(`${folder}/a`)!;
      assertEquals(file.size, 5000);
      const part = rangeOf(file, 4096, 4);
      assertEquals(
        [...new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(part.pointer, part.size))],
        [4096, 4097, 4098, 4099].map((i) => i % 251),
      );
    }),
});

Deno.test({
  name: "rangeOf() refuses bytes outside the file, and mapFile() gives nothing of an empty one",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder((folder) => {
      Deno.writeFileSync(`${folder}/a`, new Uint8Array(10));
      Deno.writeFileSync(`${folder}/empty`, new Uint8Array(0));
      const file = mapFile(`${folder}/a`)!;
      for (const [begin, count] of [[0, 11], [-1, 2], [10, 1], [2, -1]] as const) {
        assertThrows(() => rangeOf(file, begin, count), RangeError, "outside a file of 10");
      }
      assertEquals(mapFile(`${folder}/empty`), undefined);
    }),
});
