import { worldVideos } from "../../lib/world/mod.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("worldVideos() idle, act, idle, and are the same for a seed", () => {
  const videos = worldVideos("default", 1, 60);
  assertEquals(videos, worldVideos("default", 1, 60));
  assertEquals(new Set(videos.map(({ kind }) => kind)).size, 4);
  for (const { kind, frames, truth, label } of videos) {
    assertEquals(truth === undefined, kind === "no action");
    if (!truth) return;
    assertEquals(label, truth.meaning.kind);
    const [first, last] = [frames[truth.first]!, frames[truth.last]!].map(({ objects }) => JSON.stringify(objects));
    if (kind === "action") {
      assertEquals(JSON.stringify(frames[0]!.objects), first);
      assertEquals(JSON.stringify(frames.at(-1)!.objects), last);
    }
    assert(first !== last);
  }
});
