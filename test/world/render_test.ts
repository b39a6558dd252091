import { randomStream } from "../../lib/engine/random.ts";
import { DIFFICULTIES, renderScenes } from "../../lib/world/mod.ts";
import { alikeScenes } from "../../lib/world/documents.ts";
import { assertEquals } from "../support.ts";

Deno.test("renderScenes() draws the same picture alone and on a sheet", async () => {
  const scenes = alikeScenes(randomStream("draw"), DIFFICULTIES.hard, 20);
  const sheet = await renderScenes(scenes);
  const [alone] = await renderScenes([scenes.at(-1)!]);
  assertEquals(sheet.at(-1), alone);
});
