import sharp from "sharp";
import { createHash } from "node:crypto";
import { decodeImage, encodePng, imagesToTensor, MOST_PIXELS, tensorToImages } from "../../lib/tokens/images.ts";
import { squareCrop } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, assertRejects, engine, UserError } from "../support.ts";
import { bitmap, IMAGE } from "./bitmap.ts";

await engine();
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

Deno.test("decodeImage() lays transparency on white and refuses what is not an image", async () => {
  const rgba = { create: { width: 2, height: 1, channels: 4 as const, background: { r: 255, g: 0, b: 0, alpha: 0.5 } } };
  const png = new Uint8Array(await sharp(rgba).png().toBuffer());
  const { data } = await decodeImage(png, "half.png");
  assertEquals([...data.slice(0, 3)], [255, 127, 127]); // (1 − 128/255) · 255
  await assertRejects(() => decodeImage(new TextEncoder().encode("hello"), "x.png"), Error, "Cannot read x.png as an image: ");
  await assertRejects(() => decodeImage(new Uint8Array(), "y.png"), Error, "Cannot read y.png as an image: it is empty");
});

Deno.test("squareCrop() keeps the middle, and pixels survive the way to a tensor and back", async () => {
  const [width, height] = [96, 64];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 7 % 256);
  const square = squareCrop({ width, height, data }, 64);
  assertEquals([square.width, square.height, ...square.data.slice(0, 3)], [64, 64, ...data.slice(16 * 3, 16 * 3 + 3)]);
  const tensor = imagesToTensor([square]);
  const [back] = tensorToImages(tensor);
  tensor.dispose();
  const largest = Math.max(...square.data.map((x, i) => Math.abs(x - back!.data[i]!)));
  assert(largest <= 1, `pixels differ by ${largest}`); // truncation may take one
  const again = await decodeImage(await encodePng(square), "again.png");
  const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  assertEquals(digest(again.data), digest(square.data));
});
