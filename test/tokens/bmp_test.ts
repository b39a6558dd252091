import { decodeBmp } from "../../lib/tokens/bmp.ts";
import { randomInt, randomStream } from "../../lib/engine/random.ts";
import { assert, assertEquals, assertThrows, UserError } from "../support.ts";
import { bitmap, IMAGE } from "./bitmap.ts";

Deno.test("decodeBmp() reads rows from below or from above, padded to 4 bytes, of 24 or 32 bits", () => {
  for (const form of [{}, { topDown: true }, { bits: 32 }, { bits: 32, topDown: true }]) {
    assertEquals(decodeBmp(bitmap(form), "x", 6), IMAGE);
  }
  const within = new Uint8Array(200);
  within.set(bitmap(), 20); // a view into a larger buffer
  assertEquals(decodeBmp(within.subarray(20, 20 + bitmap().length), "x", 6), IMAGE);
});

Deno.test("decodeBmp() reads or refuses 2,000 mutated files, and reads nothing beyond them", () => {
  const random = randomStream("bmp");
  let read = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = bitmap({ bits: i % 2 ? 24 : 32 });
    for (let n = 1 + randomInt(random, 3); n > 0; n--) bytes[randomInt(random, 60)] = randomInt(random, 256);
    try {
      const { width, height, data } = decodeBmp(bytes, "x", 1e4);
      read += Number(data.length === 3 * width * height && width * height <= 1e4);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  assert(read > 100, `${read} were read`);
});

Deno.test("decodeBmp() refuses forged sizes, compression and truncation", () => {
  for (const forged of [bitmap({ width: 2 ** 30, height: 2 ** 30 }), bitmap({ width: -3 }), bitmap({ height: 0 })]) {
    assertThrows(() => decodeBmp(forged, "x", 1e6), UserError, "pixels, 1 to 1000000 are read");
  }
  assertThrows(() => decodeBmp(bitmap({ width: 30 }), "x", 1e6), UserError, "is cut off");
  assertThrows(() => decodeBmp(bitmap().slice(0, 60), "x", 1e6), UserError, "is cut off");
  const palette = bitmap();
  palette[28] = 8; // bits a pixel
  assertThrows(() => decodeBmp(palette, "x", 1e6), UserError, "this one has 8 bits");
});
