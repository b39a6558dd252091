import { decodeImage } from "../../lib/tokens/mod.ts";
import { drawSheet, heatMap } from "../../lib/report/mod.ts";
import { assert, assertEquals } from "../support.ts";
import { flat, readSheet } from "./pictures.ts";

Deno.test("drawSheet() lays images in rows under headings, whatever the captions say", async () => {
  const image = heatMap([0, 1, 2, 3], 2);
  const rows = Array.from({ length: 3 }, () => ({ caption: '\x0f\ud800 a <b> & "c" '.repeat(20), images: [image, image] }));
  const sheet = await decodeImage(await drawSheet(["left", "right"], rows), "sheet");
  assertEquals(sheet.width, 2 * 140 + 12);
});

Deno.test("drawSheet() puts every image into its cell, and leaves white where there is none", async () => {
  const rows = [
    { caption: "one", images: [flat(200, 0, 0), flat(0, 200, 0), flat(0, 0, 200)] },
    { caption: "two", images: [flat(10, 20, 30, 300)] }, // larger than its cell
  ];
  const { width, cells } = await readSheet(await drawSheet(["a", "b", "c"], rows), 3, 2);
  assertEquals([width, cells], [3 * 140 + 12, [["200,0,0", "0,200,0", "0,0,200"], ["10,20,30", "255,255,255", "255,255,255"]]]);
});

Deno.test("drawSheet() keeps the shape of images that are not square", async () => {
  const wide = { width: 32, height: 8, data: new Uint8Array(32 * 8 * 3) };
  const { data, width } = await decodeImage(await drawSheet(["a"], [{ caption: "", images: [wide] }]), "sheet");
  const isBlack = (x: number, y: number) => data[3 * (y * width + x)]! < 40;
  const top = 34 + 22;
  assertEquals([isBlack(12 + 64, top + 64), isBlack(12 + 4, top + 64), isBlack(12 + 64, top + 30)], [true, true, false]); // 128 × 32
});

Deno.test("heatMap() is darkest at 0 and brightest at the largest value", () => {
  const { data } = heatMap([0, 5, 10, 0], 2);
  const sum = (i: number) => data[3 * i]! + data[3 * i + 1]! + data[3 * i + 2]!;
  assert(sum(0) < sum(1) && sum(1) < sum(2));
  assertEquals(heatMap([0, 0, 0, 0], 2).data.slice(0, 3), data.slice(0, 3)); // nothing is the darkest too
  assertEquals(heatMap([0, 50, 100, 0], 2).data, data); // relative to the largest
});
