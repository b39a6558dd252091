import { randomStream } from "../../lib/engine/random.ts";
import {
  type Action,
  applyAction,
  DIFFICULTIES,
  type DifficultyName,
  FAMILIES,
  GRID,
  parseAction,
  randomScene,
  sayAction,
  type Scene,
  worldTrajectories,
} from "../../lib/world/mod.ts";
import { isKeptForBench, randomTransition } from "../../lib/world/dataset.ts";
import { phrasingsOf } from "../../lib/world/phrases.ts";
import { isCalled, isFree } from "../../lib/world/scene.ts";
import { objectName } from "../../lib/world/things.ts";
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

  Deno.test(`every phrasing of ${level}'s actions means the action that it says`, () => {
    for (const { before, after, meaning } of worldTrajectories(level, 3, "train", 300)) {
      for (const phrasing of phrasingsOf(meaning)) {
        const understood = parseAction(phrasing);
        assert(understood, phrasing);
        const done = applyAction(before, understood)!;
        assertEquals(done.objects, after.objects, phrasing);
      }
    }
  });

  Deno.test(`transitions of ${level} change the scene and leave it sound`, () => {
    const seen = new Set<string>();
    FAMILIES.forEach((family) => {
      for (let i = 0; i < 100; i++) {
        const { before, after, meaning } = randomTransition(randomStream(family, i), DIFFICULTIES[level], family);
        seen.add(meaning.kind);
        assert(JSON.stringify(after.objects) !== JSON.stringify(before.objects), JSON.stringify(meaning));
        assert(after.objects.length > 0);
        assert(after.objects.every(({ row, column }) => row >= 0 && row < GRID && column >= 0 && column < GRID));
        assert(after.objects.every((a, j) => after.objects.slice(0, j).every((b) => !isCalled(a, b))), JSON.stringify(meaning));
      }
    });
    assertEquals([...seen].sort(), [...new Set(Object.values(DIFFICULTIES[level].actions).flat())].sort());
  });
}

Deno.test("actions do what they say", () => {
  const does = (text: string) =>
    applyAction(scene, parseAction(text)!)?.objects.map(({ row, column, colour, shape }) => [row, column, colour, shape]);
  assertEquals(does("the red circle falls"), [[1, 1, "red", "circle"], [2, 1, "blue", "square"]]); // it lands on the square
  assertEquals(does("The red circle rolls to the right."), [[0, 2, "red", "circle"], [2, 1, "blue", "square"]]);
  assertEquals(does("place the red circle left of the blue square"), [[2, 0, "red", "circle"], [2, 1, "blue", "square"]]);
  assertEquals(does("paint the blue square green"), [[0, 1, "red", "circle"], [2, 1, "green", "square"]]);
  assertEquals(does("remove the red circle"), [[2, 1, "blue", "square"]]);
  assertEquals(does("swap the red circle and the blue square"), [[2, 1, "red", "circle"], [0, 1, "blue", "square"]]);
  assertEquals(does("draw a cyan cross at the middle left")?.at(-1), [1, 0, "cyan", "cross"]);
});

Deno.test("actions that cannot be done do nothing", () => {
  for (
    const text of [
      "push the red circle up", // there is the edge
      "push the green circle down", // there is none
      "the person walks to the left",
      "paint the red circle red",
      "add a red circle at the middle centre", // there is one
      "add a green cross at the top centre", // the place is taken
      "place the red circle above the red circle",
      "turn the blue square",
    ]
  ) {
    assertEquals(applyAction(scene, parseAction(text)!), undefined, text);
  }
});

Deno.test("parseAction() understands nothing that is not an action", () => {
  for (const text of ["", "red", "remove the red", "remove the red circle now please", "make the red circle tall", "<script>"]) {
    assertEquals(parseAction(text), undefined, text);
  }
});

Deno.test("sayAction() uses all phrasings", () => {
  const action: Action = { kind: "remove", object: red };
  const said = new Set(Array.from({ length: 50 }, (_, i) => sayAction(randomStream("say", i), action)));
  assertEquals([...said].sort(), phrasingsOf(action).sort());
});

Deno.test("some combinations occur in the bench alone", () => {
  const touched = (split: "train" | "bench") =>
    worldTrajectories("default", 1, split, 500).flatMap(({ meaning }) =>
      "object" in meaning ? [[meaning.object, meaning.kind] as const] : []
    );
  assert(touched("train").every(([object, kind]) => !isKeptForBench(object, kind)));
  const fresh = touched("bench").filter(([object, kind]) => isKeptForBench(object, kind)).length;
  assert(fresh > 150, `${fresh} of 500 are fresh`);
});

Deno.test("worldTrajectories() is the same for a seed and shares nothing between splits", async () => {
  const [a, b] = [worldTrajectories("default", 1, "train", 20), worldTrajectories("default", 1, "train", 20)];
  assertEquals(a.map(({ action }) => action), b.map(({ action }) => action));
  assertEquals(a.slice(0, 5).map(({ subset }) => subset), [...FAMILIES]);
  const keys = (list: typeof a) => Promise.all(list.flatMap(({ source, target }) => [source.key(), target.key()]));
  const bench = new Set((await keys(worldTrajectories("default", 1, "bench", 20))).map((key, i) => key + i));
  assert((await keys(a)).every((key, i) => !bench.has(key + i)));
});

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

Deno.test("isFree() knows the lattice's edges, objectName() calls a person a person", () => {
  assertEquals([isFree(scene, 1, 1), isFree(scene, 0, 1), isFree(scene, -1, 0), isFree(scene, 0, GRID)], [true, false, false, false]);
  assertEquals([objectName(red), objectName({ shape: "person", colour: "red" })], ["red circle", "person"]);
});
