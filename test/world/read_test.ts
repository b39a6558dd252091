import { randomStream } from "../../lib/engine/random.ts";
import { DIFFICULTIES, randomScene, readScene, renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { placeOf } from "../../lib/world/read.ts";
import { middleOf } from "../../lib/world/scene.ts";
import { assert, assertEquals } from "../support.ts";

for (const level of ["easy", "default"] as const) {
  Deno.test(`readScene() reads back every object, the background and the floor of drawn scenes, ${level}`, async () => {
    const scenes = Array.from({ length: 150 }, (_, i) => randomScene(randomStream("read", i), DIFFICULTIES[level]));
    const pictures = await renderScenes(scenes);
    scenes.forEach((scene, i) => {
      const { objects, tone, floor, mess } = readScene(pictures[i]!);
      const sorted = (list: readonly { colour: string; shape: string; turn: number; row: number; column: number }[]) =>
        list.map(({ colour, shape, turn, row, column }) => `${colour} ${shape} ${turn} ${row} ${column}`).sort();
      assertEquals(sorted(objects.map((object) => ({ ...object, ...placeOf(object.x, object.y) }))), sorted(scene.objects));
      assertEquals([tone, floor], [scene.background.tone, scene.background.pattern === "floor"]);
      assert(mess < 0.02, `${mess} of scene ${i} is mess`);
    });
  });
}

Deno.test("readScene() finds objects off their places to the pixel", async () => {
  const scene = { background: { tone: "white", pattern: "plain" }, camera: [2, -1] } as const;
  const object = { shape: "diamond", colour: "purple", size: "large", turn: 0, row: 1, column: 1, offset: [-5, 3] } as const;
  const [picture] = await renderScenes([{ ...scene, objects: [object] }]);
  const [found] = readScene(picture!).objects;
  assertEquals([found!.x, found!.y], middleOf(object, scene.camera));
  assert(found!.fit > 0.85, `${found!.fit}`);
});

Deno.test("readScene() calls a picture of nothing known a mess without objects", () => {
  const pink = { width: 64, height: 64, data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => [255, 20, 147][i % 3]!) };
  const { objects, mess } = readScene(pink);
  assertEquals([objects, mess], [[], 1]);
});

Deno.test("readScene() reads larger pictures too", async () => {
  const scene = worldTrajectories("default", 7, "bench", 1)[0]!.after;
  const [[small], [large]] = [await renderScenes([scene]), await renderScenes([scene], 256)];
  assertEquals(
    readScene(large!).objects.map(({ colour, shape }) => [colour, shape]),
    readScene(small!).objects.map(({ colour, shape }) => [colour, shape]),
  );
});
