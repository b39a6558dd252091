import { randomStream } from "../../lib/engine/random.ts";
import { applyAction, DIFFICULTIES, type DifficultyName, FAMILIES, GRID, parseAction, type Scene } from "../../lib/world/mod.ts";
import { randomTransition } from "../../lib/world/dataset.ts";
import { isCalled } from "../../lib/world/scene.ts";
import { assert, assertEquals } from "../support.ts";

const LEVELS = Object.keys(DIFFICULTIES) as DifficultyName[];
const red = { shape: "circle", colour: "red", size: "large", turn: 0, row: 0, column: 1, offset: [0, 0] } as const;
const blue = { ...red, shape: "square", colour: "blue", row: 2 } as const;
const scene: Scene = { background: { tone: "white", pattern: "floor" }, objects: [red, blue], camera: [0, 0] };

for (const level of LEVELS) {
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
