import { decodeImage } from "../../lib/tokens/mod.ts";
import { drawSheet, heatMap, plotLines } from "../../lib/report/mod.ts";
import { writeTensorBoard } from "../../lib/report/tensorboard.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

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

Deno.test({
  name: "plotLines() writes an SVG with its axes' titles, and a PNG",
  sanitizeOps: false, // Vega keeps a timer
  sanitizeResources: false,
  fn: () =>
    withFolder(async (folder) => {
      await plotLines(`${folder}/loss`, [1, 2, 3].map((x) => ({ x, y: 1 / x, line: "loss" })), { x: "step", y: "loss per token" });
      assert(Deno.readTextFileSync(`${folder}/loss.svg`).includes("loss per token"));
      assert((await decodeImage(Deno.readFileSync(`${folder}/loss.png`), "loss.png")).width > 100);
    }),
});

Deno.test("writeTensorBoard() writes records whose checksums TFRecord readers accept", () =>
  withFolder((folder) => {
    writeTensorBoard(folder, [{ step: 300, tag: "loss", value: 0.5 }]);
    const bytes = Deno.readFileSync(`${folder}/events.out.tfevents.0.worldstrap`);
    const view = new DataView(bytes.buffer);
    const first = Number(view.getBigUint64(0, true));
    assertEquals(new TextDecoder().decode(bytes.slice(12 + 13, 12 + first)), "brain.Event:2");
    // checksums of the length and of the record, as TensorBoard 2.20 accepts them
    assertEquals([first, view.getUint32(8, true), view.getUint32(12 + first, true)], [26, 0x2dd89b12, 0x8bc7e631]);
  }));
