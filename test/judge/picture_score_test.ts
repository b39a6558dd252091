import { scoreName, scorePicture } from "../../lib/judge/picture_score.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals } from "../support.ts";

Deno.test("scorePicture() in the tiny world is the smaller of both criteria: ten for the target, nothing for the copy", async () => {
  for (const trajectory of worldTrajectories("easy", 3, "bench", 5)) {
    assertEquals(await scorePicture(trajectory, trajectory, await trajectory.target.load()), { score: 10, right: true });
    assertEquals(await scorePicture(trajectory, trajectory, await trajectory.source.load()), { score: 0, right: false });
  }
});

Deno.test("scorePicture() elsewhere falls with the distance to the target, and knows no right", async () => {
  const flat = (value: number): RgbImage => ({ width: 4, height: 4, data: new Uint8Array(48).fill(value) });
  const [trajectory] = worldTrajectories("easy", 3, "bench", 1);
  const target = { ...trajectory!.target, load: () => Promise.resolve(flat(200)) };
  const scores = await Promise.all([200, 98, 251].map((value) => scorePicture({ ...trajectory!, target }, undefined, flat(value))));
  assertClose(scores.map(({ score }) => score), [10, 10 * (1 - 102 / 255), 8], 1e-12);
  assertEquals(scores.map(({ right }) => right), [null, null, null]);
});

Deno.test("scoreName() tells both scores apart", () => assert(scoreName(true) !== scoreName(false)));
