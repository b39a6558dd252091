import { decodeBmp } from "../../lib/tokens/bmp.ts";
import { assertThrows, UserError } from "../support.ts";
import { bitmap } from "./bitmap.ts";

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
