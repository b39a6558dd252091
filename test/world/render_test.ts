import { randomStream } from "../../lib/engine/random.ts";
import { DIFFICULTIES, renderScenes, type Scene } from "../../lib/world/mod.ts";
import { alikeScenes } from "../../lib/world/documents.ts";
import { COLOURS, TONES } from "../../lib/world/things.ts";
import { drawTogether, FLOOR } from "../../lib/world/render.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("renderScenes() draws the same picture alone and on a sheet", async () => {
  const scenes = alikeScenes(randomStream("draw"), DIFFICULTIES.hard, 20);
  const sheet = await renderScenes(scenes);
  const [alone] = await renderScenes([scenes.at(-1)!]);
  assertEquals(sheet.at(-1), alone);
});

Deno.test("drawTogether() gives everyone who asks at once their own scene, and goes on afterwards", async () => {
  const scenes = alikeScenes(randomStream("together"), DIFFICULTIES.hard, 20);
  const draw = drawTogether();
  assertEquals(await Promise.all(scenes.map(draw)), await renderScenes(scenes));
  assertEquals([await draw(scenes[3]!)], await renderScenes([scenes[3]!]));
});

Deno.test("renderScenes() puts objects and the floor where the scene says, in their colours, and shifts all with the camera", async () => {
  const square = { shape: "square", colour: "red", size: "large", turn: 0, row: 2, column: 0, offset: [0, 0] } as const;
  const scene: Scene = { background: { tone: "grey", pattern: "floor" }, objects: [square], camera: [0, 0] };
  const [still, shifted, large] = await Promise.all([
    renderScenes([scene]),
    renderScenes([{ ...scene, camera: [2, -1] }]),
    renderScenes([scene], 128),
  ]).then((pictures) => pictures.flat());
  const at = ({ width, data }: RgbImage, x: number, y: number) =>
    "#" + [0, 1, 2].map((channel) => data[3 * (y * width + x) + channel]!.toString(16).padStart(2, "0")).join("");
  assertEquals([at(still!, 8, 56), at(still!, 32, 32), at(still!, 60, 62)], [COLOURS.red, TONES.grey, FLOOR]);
  assertEquals([at(large!, 16, 112), at(large!, 64, 64), at(large!, 120, 124)], [COLOURS.red, TONES.grey, FLOOR]);
  const isRed = (picture: RgbImage | undefined) =>
    [[1, 56], [16, 56], [8, 48], [8, 62]].map(([x, y]) => at(picture!, x!, y!) === COLOURS.red);
  assertEquals(isRed(still), [true, false, false, true]); // 14 wide and high, from column 1 and row 49
  assertEquals(isRed(shifted), [false, true, true, false]); // from column 3 and row 48
});

Deno.test("what is drawn later lies over what was drawn earlier", async () => {
  const square = { shape: "square", colour: "red", size: "large", turn: 0, row: 1, column: 1, offset: [0, 0] } as const;
  const over = { ...square, colour: "blue", offset: [4, 0] } as const;
  const background = { tone: "white", pattern: "plain" } as const;
  const [picture] = await renderScenes([{ background, objects: [square, over], camera: [0, 0] }]);
  const red = (x: number) => picture!.data[3 * (32 * 64 + x)]!;
  assertEquals([red(27), red(34)], [parseInt(COLOURS.red.slice(1, 3), 16), parseInt(COLOURS.blue.slice(1, 3), 16)]);
});

Deno.test("stripes and checks darken tiles of 8 pixels a little, in turn, and leave the tone between them", async () => {
  const of = async (pattern: "stripes" | "checks") => {
    const [picture] = await renderScenes([{ background: { tone: "white", pattern }, objects: [], camera: [0, 0] }]);
    const level = (x: number, y: number) => picture!.data[3 * (y * 64 + x)]!;
    return Array.from({ length: 8 }, (_, row) => Array.from({ length: 8 }, (_, column) => level(8 * column + 4, 8 * row + 4)));
  };
  const white = parseInt(TONES.white.slice(1, 3), 16);
  const dark = Math.round(0.75 * white + 0.25 * 0x80);
  const tiles = { stripes: await of("stripes"), checks: await of("checks") };
  tiles.stripes.forEach((row, y) => assert(row.every((value) => Math.abs(value - (y % 2 ? white : dark)) <= 1), `${row}`));
  tiles.checks.forEach((row, y) => row.forEach((value, x) => assert(Math.abs(value - ((x + y) % 2 ? white : dark)) <= 1, `${row}`)));
});
