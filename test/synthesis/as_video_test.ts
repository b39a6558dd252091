import { asVideo, originalId } from "../../lib/synthesis/as_video.ts";
import type { Observation } from "../../lib/trajectories/mod.ts";
import { assert, assertEquals } from "../support.ts";

/** Grey everywhere but for a square of another grey. */
function pictured(name: string, square: number, width = 64): Observation {
  const height = 64;
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return x < 16 && y < 16 ? square : 120 + (x * 7 + y * 13) % 31;
  });
  return { name, key: () => Promise.resolve(name), load: () => Promise.resolve({ width, height, data }) };
}

Deno.test("asVideo() changes pixels a little, the same way in source and target where nothing happens, and alike each time", async () => {
  const clean = { id: "a", subset: "edit", source: pictured("before", 10), action: "paint it", target: pictured("after", 250) };
  const copy = asVideo(clean, 64);
  assertEquals([copy.id, copy.action, copy.subset], ["a as in a video", "paint it", "edit"]);
  assertEquals([originalId(copy.id), originalId(clean.id)], ["a", "a"]);
  const [source, target, again, before] = await Promise.all(
    [copy.source, copy.target, asVideo(clean, 64).target, clean.source].map((o) => o.load()),
  );
  assertEquals(again!.data, target!.data);
  assertEquals([source!.width, source!.height], [64, 64]);
  assert(source!.data.some((value, i) => value !== before!.data[i]), "compression leaves a trace");
  assert(source!.data[0]! < 60 && target!.data[0]! > 200, "each shows its own picture");
  const far = source!.data.map((value, i) => Math.floor(i / 3 / 64) > 32 ? Math.abs(value - target!.data[i]!) : 0);
  assert(Math.max(...far) <= 2, "what does not change keeps its noise");
});

Deno.test("asVideo() gives pictures keys of their own, and takes their middle squares", async () => {
  const clean = { id: "a", subset: "edit", source: pictured("before", 10, 96), action: "paint it", target: pictured("after", 250, 96) };
  const copy = asVideo(clean, 32);
  const keys = await Promise.all([clean.source, clean.target, copy.source, copy.target].map((observation) => observation.key()));
  assertEquals(new Set(keys).size, 4);
  const { width, height } = await copy.target.load();
  assertEquals([width, height], [32, 32]);
});
