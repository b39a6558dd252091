import { decodeImage } from "../../lib/tokens/mod.ts";
import { drawSheet, heatMap } from "../../lib/report/mod.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("drawSheet() lays images in rows under headings, whatever the captions say", async () => {
  const image = heatMap([0, 1, 2, 3], 2);
  const rows = Array.from({ length: 3 }, () => ({ caption: '\x0f\ud800 a <b> & "c" '.repeat(20), images: [image, image] }));
  const sheet = await decodeImage(await drawSheet(["left", "right"], rows), "sheet");
  assertEquals(sheet.width, 2 * 140 + 12);
});

Deno.test("heatMap() is darkest at 0 and brightest at the largest value", () => {
  const { data } = heatMap([0, 5, 10, 0], 2);
  const sum = (i: number) => data[3 * i]! + data[3 * i + 1]! + data[3 * i + 2]!;
  assert(sum(0) < sum(1) && sum(1) < sum(2));
});
