import sharp from "sharp";
import { gifWithXmp, inspectFile, provenanceOf, provenanceXmp } from "../../lib/provenance/mod.ts";
import { exportPath, EXPORTS, saveExample, takePicture, xmpOf } from "../../lib/serve/pictures.ts";
import { openTrees, type Trees } from "../../lib/serve/trees.ts";
import { readSynthetic } from "../../lib/synthesis/mod.ts";
import { decodeImage, encodePng } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";
import { MAKER } from "./support.ts";

const MAKERS = { cwm: MAKER, other: { ...MAKER, adapter: "ef56" } };
const plain = (value: number, side = 16) => ({ width: side, height: side, data: new Uint8Array(3 * side * side).fill(value) });

/** A tree of a given picture and two actions, one after the other, and one by another model. */
async function grownTree(folder: string): Promise<{ trees: Trees; tree: string }> {
  const trees = openTrees(folder);
  const tree = trees.create();
  trees.grow(tree, [{ parent: null, title: "given", png: await encodePng(plain(10)) }]);
  const drawn = { side: "cwm", seed: 5, candidate: 2, logLikelihood: -0.5, codes: [1], distances: [0] } as const;
  trees.grow(tree, [{ parent: 0, title: "open it", drawn, png: await encodePng(plain(100), xmpOf(MAKERS, "cwm", "open it", 5, 2)) }]);
  trees.grow(tree, [{ parent: 1, title: "close it", drawn: { ...drawn, side: "other", seed: 6 }, png: await encodePng(plain(200)) }]);
  return { trees, tree };
}

Deno.test("exportPath() gives the way to a picture as strip, GIF and video, each with every action, seed and candidate in it", () =>
  withFolder(async (folder) => {
    const { trees, tree } = await grownTree(folder);
    for (const kind of Object.keys(EXPORTS) as (keyof typeof EXPORTS)[]) {
      const bytes = await exportPath(trees, tree, 2, kind, MAKERS);
      const path = `${folder}/out.${kind}`;
      Deno.writeFileSync(path, bytes);
      assertEquals(await inspectFile(path), {
        ...{ action: "open it (seed 5, candidate 2), then close it (seed 6, candidate 2)", seed: 6 },
        ...{ base: "ab12", adapter: "ef56", version: "0.1.0" },
      });
      assertEquals(await exportPath(trees, tree, 2, kind, MAKERS), bytes); // made once
      const silent = await exportPath(trees, tree, 2, kind, { cwm: undefined, other: undefined });
      Deno.writeFileSync(path, silent);
      assertEquals(await inspectFile(path), undefined, "--provenance=false is kept to");
    }
    const { pages, delay } = await sharp(`${folder}/trees/${tree}/exports/2.gif`, { animated: true }).metadata();
    assertEquals([pages, delay], [3, [1000, 1000, 1000]]);
    Deno.writeFileSync(`${folder}/given.png`, await exportPath(trees, tree, 0, "strip.png", MAKERS));
    assertEquals(await inspectFile(`${folder}/given.png`), undefined); // no model made it
    await assertRejects(() => exportPath(trees, tree, 9, "gif", MAKERS), UserError, "no such picture");
  }));

Deno.test("saveExample() leaves what train-cwm's reader takes, once, with the pictures' origin", () =>
  withFolder(async (folder) => {
    const { trees, tree } = await grownTree(folder);
    const save = (before: number, after: number, action: string) =>
      saveExample(`${folder}/examples`, trees, tree, { before, after, action }).count;
    assertEquals([save(0, 1, "open it"), save(0, 1, "open it"), save(0, 1, 'say "../x" \u{1f600}'), save(1, 2, "close it")], [1, 1, 2, 3]);
    const { trajectories, problems } = readSynthetic(`${folder}/examples/trajectories.jsonl`, 0);
    assertEquals([trajectories.map(({ action }) => action), problems], [["open it", 'say "../x" \u{1f600}', "close it"], []]);
    assertEquals(new Set(trajectories.map(({ id }) => id)).size, 3);
    assertEquals((await Promise.all(trajectories.map(async ({ source, target }) => [await source.load(), await target.load()]))).flat(), [
      ...[plain(10), plain(100), plain(10), plain(100), plain(100), plain(200)],
    ]);
    assertEquals((await inspectFile(trajectories[0]!.target.name))!.candidate, 2);
    const scores = Deno.readTextFileSync(`${folder}/examples/trajectories.jsonl`).trim().split("\n").map((line) => JSON.parse(line).score);
    assertEquals(scores, [-0.5, 0, -0.5]); // the model's own likelihood, where the action is what it was asked for
    assertThrows(() => save(0, 7, "x"), UserError, "no such picture");
    assertEquals([save(0, 1, "打开门"), save(0, 1, "关上门"), save(0, 1, "open, it")], [4, 5, 6]);
  }));

Deno.test("takePicture() turns a camera's photo upright and takes its middle square", async () => {
  const wide = new Uint8Array(40 * 20 * 3); // left half red, right half blue
  for (let i = 0; i < 800; i++) wide[3 * i + (i % 40 < 20 ? 0 : 2)] = 255;
  const jpeg = await sharp(wide, { raw: { width: 40, height: 20, channels: 3 } }).jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
    .withMetadata({ orientation: 6 }).toBuffer();
  const png = await takePicture(new Uint8Array(jpeg), 16);
  const { width, height, data } = await decodeImage(png, "png");
  assertEquals([width, height], [16, 16]);
  const at = (x: number, y: number) => [...data.subarray(3 * (16 * y + x), 3 * (16 * y + x) + 3)].map((value) => value > 128);
  assertEquals([at(8, 2), at(8, 13)], [[true, false, false], [false, false, true]]); // a quarter turn: red above
});

Deno.test("takePicture() keeps the origin of a picture that this workbench made, and no other words of a file", async () => {
  const origin = { action: "open it", seed: 3, base: "ab12", version: "0.1.0" };
  const { xmp } = await sharp(await takePicture(await encodePng(plain(9), provenanceXmp(origin)), 16)).metadata();
  assertEquals(provenanceOf(new TextDecoder().decode(xmp)), origin);
  const still = await sharp(plain(9).data, { raw: { width: 16, height: 16, channels: 3 } }).gif().toBuffer();
  const gif = await takePicture(gifWithXmp(new Uint8Array(still), provenanceXmp(origin)), 16);
  assertEquals(provenanceOf(new TextDecoder().decode((await sharp(gif).metadata()).xmp)), origin);
  const secret = await sharp(plain(9).data, { raw: { width: 16, height: 16, channels: 3 } }).jpeg()
    .withExif({ IFD0: { Artist: "Somebody", ImageDescription: "at home" } }).toBuffer();
  const meta = await sharp(await takePicture(new Uint8Array(secret), 16)).metadata();
  assertEquals([meta.exif, meta.xmp, meta.icc], [undefined, undefined, undefined]);
});

Deno.test("takePicture() refuses what is no picture that is read, bombs before their pixels are there, and SVG", async () => {
  const bomb = await sharp({ create: { width: 12000, height: 12000, channels: 3, background: "#000" } }).png().toBuffer();
  assert(bomb.length < 2e6);
  const before = Deno.memoryUsage().rss;
  await assertRejects(() => takePicture(new Uint8Array(bomb), 64), UserError, "12000 × 12000 pixels, at most 16000000 are read");
  assert(Deno.memoryUsage().rss - before < 200e6);
  const text = (value: string) => new TextEncoder().encode(value);
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';
  for (const bytes of [text(svg), text(`<?xml version="1.0"?>${svg}`), text("%PDF-1.4"), text("../../x.png"), new Uint8Array()]) {
    await assertRejects(() => takePicture(bytes, 64), UserError, "Cannot read what was sent as an image");
  }
  const whole = await encodePng(plain(9, 64));
  for (const cut of [9, 30, 60]) await assertRejects(() => takePicture(whole.subarray(0, cut), 64), UserError, "Cannot read what was sent");
  const bmp = new Uint8Array(54); // says that it has 2³¹ pixels a side
  bmp.set([0x42, 0x4d]);
  new DataView(bmp.buffer).setUint32(10, 54, true);
  new DataView(bmp.buffer).setUint32(14, 40, true);
  new DataView(bmp.buffer).setInt32(18, 2 ** 31 - 1, true);
  new DataView(bmp.buffer).setInt32(22, 2 ** 31 - 1, true);
  await assertRejects(() => takePicture(bmp, 64), UserError, "Cannot read what was sent");
});
