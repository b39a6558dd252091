import { COLOURS, DIRECTIONS, GRID, objectName, PITCH, SHAPES, SIDE, SIZES, TONES } from "../../lib/world/things.ts";
import { FLOOR } from "../../lib/world/render.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("objectName() calls an object by colour and shape, and a person a person", () => {
  assertEquals(objectName({ colour: "red", shape: "circle" }), "red circle");
  assertEquals(objectName({ colour: "blue", shape: "person" }), "person");
  const names = Object.keys(COLOURS).flatMap((colour) => SHAPES.map((shape) => objectName({ colour: colour as "red", shape })));
  assertEquals(new Set(names).size, Object.keys(COLOURS).length * (SHAPES.length - 1) + 1);
});

Deno.test("colours, tones and the floor are far enough apart for a picture to be read back", () => {
  const palette = [...Object.values(COLOURS), ...Object.values(TONES), FLOOR].map((hex) =>
    [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  );
  for (const [i, a] of palette.entries()) {
    for (const b of palette.slice(0, i)) {
      const distance = Math.hypot(...a.map((value, channel) => value - b[channel]!));
      assert(distance > 40, `${a} and ${b} are ${distance} apart`); // half of it is more than rounding and edges take
    }
  }
});

Deno.test("the largest objects fit into their places and into the picture", () => {
  const largest = 2 * Math.max(...Object.values(SIZES));
  assert(largest <= PITCH);
  assert(PITCH / 3 - largest / 2 >= 0 && PITCH * (GRID - 1) + PITCH / 3 + largest / 2 <= SIDE);
});

Deno.test("opposite directions undo each other", () => {
  for (const [one, other] of [["up", "down"], ["left", "right"]] as const) {
    assertEquals(DIRECTIONS[one].map((step, i) => step + DIRECTIONS[other][i]!), [0, 0]);
  }
});
