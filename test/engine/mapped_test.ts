import { mapFile, rangeOf } from "../../lib/engine/mapped.ts";
import { assertEquals, assertThrows, withFolder } from "../support.ts";

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
