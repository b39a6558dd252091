import { drawFamilies } from "../../lib/report/mod.ts";
import { decodeImage } from "../../lib/tokens/mod.ts";
import { FAMILIES, renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("drawFamilies() has a row for each family: source and target of two of its trajectories", async () => {
  const trajectories = worldTrajectories("default", 1, "bench", 10);
  const { width, height, data } = await decodeImage(await drawFamilies(trajectories), "sheet");
  assertEquals([width, height], [4 * 140 + 12, 34 + FAMILIES.length * 162]);
  for (const [row, family] of FAMILIES.entries()) {
    const scenes = trajectories.filter(({ subset }) => subset === family).flatMap(({ before, after }) => [before, after]);
    for (const [column, picture] of (await renderScenes(scenes, 128)).entries()) {
      let apart = 0;
      for (let y = 0; y < 128; y++) {
        for (let x = 0; x < 128; x++) {
          const at = 3 * ((34 + row * 162 + 22 + y) * width + 12 + column * 140 + x);
          apart = Math.max(apart, Math.abs(data[at]! - picture.data[3 * (y * 128 + x)]!));
        }
      }
      assert(apart <= 1, `${family}, column ${column}: pixels differ by ${apart}`);
    }
  }
});
