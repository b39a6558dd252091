import sharp from "sharp";
import { decodeBmp } from "../../lib/tokens/bmp.ts";
import { decodeImage, encodePng, MOST_PIXELS } from "../../lib/tokens/images.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError } from "../support.ts";

const IMAGE = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => 14 * i) };

/** A bitmap of the image, its rows from below unless told otherwise. */
function bitmap({ bits = 24, topDown = false, width = 3, height = 2 } = {}): Uint8Array {
  const row = Math.ceil(3 * bits / 32) * 4;
  const bytes = new Uint8Array(54 + 2 * row);
  const view = new DataView(bytes.buffer);
  bytes.set([66, 77]);
  for (const [at, value] of [[10, 54], [14, 40], [18, width], [22, topDown ? -height : height]] as const) view.setInt32(at, value, true);
  view.setUint16(28, bits, true);
  for (let y = 0; y < 2; y++) {
    for (let x = 0; x < 3; x++) {
      const at = 54 + row * (topDown ? y : 1 - y) + x * bits / 8;
      bytes.set([2, 1, 0].map((channel) => IMAGE.data[(y * 3 + x) * 3 + channel]!), at);
    }
  }
  return bytes;
}

Deno.test("decodeImage() reads PNG, lossless WebP, TIFF and bitmaps of both orders to the same pixels", async () => {
  const raw = sharp(IMAGE.data, { raw: { width: 3, height: 2, channels: 3 } });
  const files = [
    await encodePng(IMAGE),
    await raw.clone().webp({ lossless: true }).toBuffer(),
    await raw.clone().tiff({ compression: "none" }).toBuffer(),
  ];
  for (const bytes of [...files, bitmap(), bitmap({ topDown: true }), bitmap({ bits: 32 })]) {
    assertEquals(await decodeImage(new Uint8Array(bytes), "x"), IMAGE);
  }
  for (const bytes of [await raw.clone().jpeg().toBuffer(), await raw.clone().gif().toBuffer()]) {
    assertEquals((await decodeImage(new Uint8Array(bytes), "x")).width, 3);
  }
});

Deno.test("decodeImage() refuses SVG, AVIF, PDF and text without rendering them, and names what it reads", async () => {
  const raw = sharp(IMAGE.data, { raw: { width: 3, height: 2, channels: 3 } });
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';
  const texts = [svg, `<?xml version="1.0"?>${svg}`, "%PDF-1.7", "hello"].map((text) => new TextEncoder().encode(text));
  for (const bytes of [...texts, new Uint8Array(await raw.avif().toBuffer())]) {
    await assertRejects(() => decodeImage(bytes, "x.png"), UserError, "it is none of PNG, JPEG, WebP, GIF, BMP, TIFF");
  }
});

Deno.test("decodeImage() refuses too many pixels before it decodes them, and damage in our own words", async () => {
  const side = Math.ceil(Math.sqrt(MOST_PIXELS)) + 1;
  const huge = await sharp({ create: { width: side, height: side, channels: 3, background: "#000" } }).png({ compressionLevel: 9 })
    .toBuffer();
  const start = performance.now();
  await assertRejects(
    () => decodeImage(new Uint8Array(huge), "huge.png"),
    UserError,
    `it has ${side} × ${side} pixels, at most 64000000 are read`,
  );
  assert(performance.now() - start < 2000, "the pixels were decoded first");
  const png = await encodePng(IMAGE);
  await assertRejects(() => decodeImage(png.slice(0, 40), "cut.png"), UserError, "the PNG file is damaged");
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
