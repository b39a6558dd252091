import { resolveConfig } from "../../lib/experiment/config.ts";
import { worldFiles, worldOf } from "../../lib/experiment/world_videos.ts";
import { assertEquals, assertThrows, UserError } from "../support.ts";

const configOf = (set: Readonly<Record<string, string>>) =>
  resolveConfig(undefined, Object.entries({ "annotate.world": "4", ...set }).map(([key, value]) => ({ key, value })));
const real = [{ id: "roll/video-1.mp4", path: "", label: "roll" }];

Deno.test("worldOf() takes an earlier annotation for the tiny world's when all its videos are those of this configuration", () => {
  const own = worldFiles("", worldOf(configOf({}))!);
  assertEquals(own.length, 4);
  assertEquals(worldOf(configOf({}), own.slice(1))?.size, 4);
  const others = [{ "annotate.world": "3" }, { seed: "7" }, { "data.difficulty": "hard" }, { "annotate.videos": "videos" }];
  assertEquals(others.map((set) => worldOf(configOf(set as Record<string, string>), own)), others.map(() => undefined));
  assertEquals([worldOf(configOf({}), real), worldOf(configOf({}), [...own, ...real])], [undefined, undefined]);
});

Deno.test("worldOf() refuses the actions themselves where they are not known, and says of which video", () => {
  const oracle = { "annotate.oracle": "true" };
  const own = worldFiles("", worldOf(configOf(oracle))!);
  assertEquals(worldOf(configOf(oracle), own)?.size, 4);
  assertThrows(
    () => worldOf(configOf(oracle), real),
    UserError,
    'in the tiny world\'s videos alone; "roll/video-1.mp4" is not among those of',
  );
  assertThrows(() => worldOf(configOf({ ...oracle, seed: "7" }), own), UserError, "(annotate.oracle)");
  assertThrows(() => worldOf(configOf({ ...oracle, "annotate.videos": "videos" })), UserError, "alone; leave it out");
});
