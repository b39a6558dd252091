import sharp from "sharp";
import { covers, partsOf, partsSvg } from "../../lib/world/shapes.ts";
import { SHAPES } from "../../lib/world/things.ts";
import { assert, assertEquals } from "../support.ts";

/** The share of 16 × 16 units that a shape covers, by points on a fine grid. */
function areaOf(shape: typeof SHAPES[number], turn: number): number {
  const [parts, fine] = [partsOf(shape, turn), 160];
  let inside = 0;
  for (let i = 0; i < fine * fine; i++) {
    inside += Number(covers(parts, (i % fine + 0.5) / fine * 16 - 8, (Math.floor(i / fine) + 0.5) / fine * 16 - 8));
  }
  return inside / fine ** 2;
}

Deno.test("covers() gives shapes the areas that geometry gives them", () => {
  const areas = { circle: Math.PI / 4, square: (14 / 16) ** 2, triangle: 1 / 2, diamond: 1 / 2, cross: (2 * 16 * 6 - 36) / 256 } as const;
  for (const [shape, area] of Object.entries(areas)) {
    const found = areaOf(shape as keyof typeof areas, 0);
    assert(Math.abs(found - area) < 0.01, `${shape}: ${found}, wanted ${area}`);
  }
});

Deno.test("partsOf() turns a triangle clockwise a quarter at a time, and four turns are none", () => {
  const tips = [[0, -7], [7, 0], [0, 7], [-7, 0]] as const; // up, right, down, left
  const corners = [[-7, 7], [-7, -7], [7, -7], [7, 7]] as const; // a corner of the base each
  for (const turn of [0, 1, 2, 3]) {
    const held = (point: readonly [number, number]) => covers(partsOf("triangle", turn), ...point);
    assert(held(tips[turn]!) && held(corners[turn]!), `turn ${turn}`);
    assert(!held([2 * tips[turn]![0], 2 * tips[turn]![1]]), `turn ${turn}`);
    assert(Math.abs(areaOf("triangle", turn) - 0.5) < 0.01);
  }
  const points = Array.from({ length: 400 }, (_, i) => [i % 20 - 9.5, Math.floor(i / 20) - 9.5] as const);
  const held = (turn: number) => points.map(([x, y]) => covers(partsOf("triangle", turn), x, y));
  assertEquals(held(4), held(0));
});

Deno.test("a person's arms are up with one turn and down without", () => {
  const [up, down] = [[-5.5, -7], [-5.5, 4]] as const;
  for (const turn of [0, 1]) {
    assertEquals([up, down].map(([x, y]) => covers(partsOf("person", turn), x, y)), [turn === 1, turn === 0]);
  }
});

Deno.test("what partsSvg() draws is what covers() says, pixel by pixel", async () => {
  const side = 128;
  for (const shape of SHAPES) {
    for (const turn of [0, 1, 2, 3]) {
      const parts = partsOf(shape, turn);
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="-8 -8 16 16">${partsSvg(parts)}</svg>`;
      const pixels = await sharp(new TextEncoder().encode(svg)).extractChannel(3).raw().toBuffer();
      let wrong = 0;
      for (let i = 0; i < side * side; i++) {
        const at = (pixel: number) => (pixel + 0.5) / side * 16 - 8;
        wrong += Number(covers(parts, at(i % side), at(Math.floor(i / side))) !== pixels[i]! > 127);
      }
      assert(wrong < 0.01 * side * side, `${shape} ${turn}: ${wrong} of ${side * side} pixels`);
    }
  }
});
