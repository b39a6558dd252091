import { readScene, renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assertEquals } from "../support.ts";

Deno.test("readScene() reads larger pictures too", async () => {
  const scene = worldTrajectories("default", 7, "bench", 1)[0]!.after;
  const [[small], [large]] = [await renderScenes([scene]), await renderScenes([scene], 256)];
  assertEquals(
    readScene(large!).objects.map(({ colour, shape }) => [colour, shape]),
    readScene(small!).objects.map(({ colour, shape }) => [colour, shape]),
  );
});
