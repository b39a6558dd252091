import { randomStream } from "../../lib/tensor/random.ts";
import {
  ACTIONS,
  fullCaption,
  GRID,
  isFree,
  randomScene,
  randomTransition,
  renderScenes,
  sameKind,
  tinyTokenizer,
  worldTrajectories,
} from "../../lib/world/mod.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("randomScene() puts no two objects in a cell or under a name", () => {
  for (let i = 0; i < 500; i++) {
    const { objects } = randomScene(randomStream("scene", i));
    assert(objects.length >= 1 && objects.length <= 3);
    objects.forEach((a, j) => objects.slice(0, j).forEach((b) => assert(!sameKind(a, b) && (a.row !== b.row || a.column !== b.column))));
  }
});

Deno.test("randomTransition() changes the scene, keeps it sound, and says so", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const random = randomStream("action", i);
    const scene = randomScene(random);
    const { kind, action, target } = randomTransition(random, scene);
    seen.add(kind);
    assert(JSON.stringify(target) !== JSON.stringify(scene), action);
    assert(target.objects.every(({ row, column }) => row >= 0 && row < GRID && column >= 0 && column < GRID), action);
    assert(target.objects.every((a, j) => target.objects.slice(0, j).every((b) => !sameKind(a, b))), action);
    assert(/^(move|push|make|paint|remove|take away|add|put) /.test(action), action);
  }
  assertEquals([...seen].sort(), [...ACTIONS].sort());
});

Deno.test("isFree() knows the grid's edges", () => {
  const scene = { background: "white" as const, objects: [] };
  assertEquals([isFree(scene, 0, 0), isFree(scene, -1, 0), isFree(scene, 0, GRID)], [true, false, false]);
});

Deno.test("worldTrajectories() is the same for a seed and shares nothing between splits", async () => {
  const [a, b] = [worldTrajectories(1, "train", 20), worldTrajectories(1, "train", 20)];
  assertEquals(a.map(({ action }) => action), b.map(({ action }) => action));
  const keys = (list: typeof a) => Promise.all(list.map(({ source }) => source.key()));
  const bench = new Set(await keys(worldTrajectories(1, "bench", 20)));
  assert((await keys(a)).every((key) => !bench.has(key)));
});

Deno.test("renderScenes() draws the same picture alone and on a sheet", async () => {
  const scenes = Array.from({ length: 20 }, (_, i) => randomScene(randomStream("draw", i)));
  const sheet = await renderScenes(scenes);
  const [alone] = await renderScenes([scenes[17]!]);
  assertEquals(sheet[17], alone);
});

Deno.test("fullCaption() reads row by row", () => {
  const object = { shape: "circle", colour: "red", size: "small", row: 3, column: 0 } as const;
  const caption = fullCaption({ background: "grey", objects: [object, { ...object, colour: "blue", row: 0 }] });
  assertEquals(caption, "grey: small blue circle top first, small red circle bottom first");
});

Deno.test("tinyTokenizer() gives every token an id of its own", () => {
  const { files, size } = tinyTokenizer(10);
  const { model } = JSON.parse(files["tokenizer.json"]!);
  assertEquals(new Set(Object.values(model.vocab)).size, size);
});
