import { randomStream } from "../../lib/engine/random.ts";
import { DIFFICULTIES, type DifficultyName, GRID, randomScene, type Scene } from "../../lib/world/mod.ts";
import { randomTransition } from "../../lib/world/dataset.ts";
import { isCalled, isFree, middleOf } from "../../lib/world/scene.ts";
import { assert, assertEquals, assertThrows, UserError } from "../support.ts";

const LEVELS = Object.keys(DIFFICULTIES) as DifficultyName[];
const red = { shape: "circle", colour: "red", size: "large", turn: 0, row: 0, column: 1, offset: [0, 0] } as const;
const blue = { ...red, shape: "square", colour: "blue", row: 2 } as const;
const scene: Scene = { background: { tone: "white", pattern: "floor" }, objects: [red, blue], camera: [0, 0] };

for (const level of LEVELS) {
  Deno.test(`randomScene() of ${level} puts no two objects in a place or under a name, and one person at most`, () => {
    for (let i = 0; i < 300; i++) {
      const { objects } = randomScene(randomStream("scene", i), DIFFICULTIES[level]);
      assert(objects.length >= DIFFICULTIES[level].objects[0]);
      objects.forEach((a, j) => objects.slice(0, j).forEach((b) => assert(!isCalled(a, b) && (a.row !== b.row || a.column !== b.column))));
      assert(objects.filter(({ shape }) => shape === "person").length <= 1);
    }
  });
}

Deno.test("randomScene() refuses what does not fit", () => {
  const crowded = { ...DIFFICULTIES.default, objects: [1, 12] as const };
  assertThrows(() => randomScene(randomStream(1), crowded), UserError, "Cannot make a scene of 1 to 12 objects");
  const lonely = { ...DIFFICULTIES.default, objects: [1, 1] as const };
  assertThrows(
    () => randomTransition(randomStream(1), { ...lonely, actions: { ...lonely.actions, edit: [] } }, "edit"),
    UserError,
    "Cannot find a transition",
  );
});

Deno.test("isFree() knows the lattice's edges and what is taken", () => {
  assertEquals([isFree(scene, 1, 1), isFree(scene, 0, 1), isFree(scene, -1, 0), isFree(scene, 0, GRID)], [true, false, false, false]);
});

Deno.test("middleOf() lies in the middle of a third of the picture, moved by offset and camera", () => {
  assertEquals([red, { ...red, row: 1, column: 1 }, { ...red, row: 2, column: 2 }].map((object) => middleOf(object, [0, 0])), [[32, 8], [
    32,
    32,
  ], [56, 56]]);
  assertEquals(middleOf({ ...red, offset: [3, -2] }, [1, 2]), [36, 8]);
});
