import { randomStream } from "../../lib/engine/random.ts";
import { DIFFICULTIES, randomScene } from "../../lib/world/mod.ts";
import { describe, fullCaption, onlyIn, placesApart, shortCaption, WORDS } from "../../lib/world/captions.ts";
import { assert, assertEquals } from "../support.ts";

const object = { shape: "circle", colour: "red", size: "large", turn: 0, row: 2, column: 0, offset: [0, 0] } as const;
const other = { ...object, colour: "blue", row: 0 } as const;
const sceneOf = (...objects: readonly typeof object[] | readonly typeof other[]) => ({
  ...{ background: { tone: "grey", pattern: "plain" }, objects, camera: [0, 0] } as const,
});
const [both, one] = [{ ...sceneOf(object), objects: [object, other] }, sceneOf(other)];

Deno.test("fullCaption() reads row by row, onlyIn() says what the other lacks", () => {
  assertEquals(fullCaption(both), "blue circle top left, red circle bottom left");
  assertEquals([onlyIn(both, one), onlyIn(one, both)], ["red circle bottom left", "nothing"]);
  assertEquals(fullCaption({ objects: [] }), "nothing");
});

Deno.test("describe() says a person's arms, and of nobody else", () => {
  const person = { ...object, shape: "person" } as const;
  assertEquals(describe({ ...person, turn: 1 }), "red person bottom left arms up");
  assertEquals(describe(person), "red person bottom left arms down");
  assertEquals(describe({ ...object, shape: "triangle", turn: 1 }), "red triangle bottom left");
});

Deno.test("placesApart() names each place that differs once, row by row", () => {
  const moved = { ...both, objects: [{ ...object, column: 2 }, { ...other, colour: "green" }] } as const;
  assertEquals(placesApart(both, moved), "top left, bottom left, bottom right");
  assertEquals([placesApart(both, moved), placesApart(both, both)], [placesApart(moved, both), "nothing"]);
});

Deno.test("shortCaption() says what is true of the scene", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 400; i++) {
    const scene = randomScene(randomStream("short", i), DIFFICULTIES.default);
    const said = shortCaption(randomStream("caption", i), scene);
    const relation = /^the (.+) is (above|below|left of|right of) the (.+)$/.exec(said);
    if (relation) {
      seen.add("relation");
      const named = (name: string) =>
        scene.objects.find(({ colour, shape }) => name === (shape === "person" ? "person" : `${colour} ${shape}`))!;
      const [a, b] = [named(relation[1]!), named(relation[3]!)];
      const holds = { above: a.row < b.row, below: a.row > b.row, "left of": a.column < b.column, "right of": a.column > b.column };
      assert(holds[relation[2] as keyof typeof holds], said);
    } else if (said.endsWith(" objects")) {
      seen.add("count");
      assertEquals(said, `${scene.objects.length} objects`);
    } else if (said.includes(" on ")) {
      seen.add("background");
      assert(said.endsWith(` on ${scene.background.tone}`), said);
    } else {
      seen.add("object");
      const words = said.split(" ");
      assert(scene.objects.some((one) => words.every((word) => describe(one).split(" ").includes(word))), said);
    }
  }
  assertEquals([...seen].sort(), ["background", "count", "object", "relation"]);
});

Deno.test("WORDS holds every word of captions, sorted and once", () => {
  assertEquals([...WORDS], [...new Set(WORDS)].sort());
  for (let i = 0; i < 200; i++) {
    const scene = randomScene(randomStream("words", i), DIFFICULTIES.hard);
    const said = `${fullCaption(scene)} ${shortCaption(randomStream("caption", i), scene)}`.replaceAll(",", "").replaceAll(/\d+ /g, "");
    for (const word of said.split(" ")) assert(WORDS.includes(word), word);
  }
});
