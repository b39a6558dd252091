import { readFrames, writeMp4 } from "../../lib/video/mod.ts";
import { filterGraph } from "../../lib/video/frames.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

/** A frame that is dark at the left and bright at the right. */
function ramp(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.round(255 * (Math.floor(i / 3) % width) / (width - 1)));
  return { width, height, data };
}

Deno.test("filterGraph() scales the larger side down and nothing up, and keeps the shape", () =>
  withFolder(async (folder) => {
    const sizes = [[64, 32, 16, 16, 8], [32, 64, 16, 8, 16], [64, 32, 200, 64, 32], [48, 48, 24, 24, 24]] as const;
    for (const [width, height, side, wide, high] of sizes) {
      const path = `${folder}/${width}-${height}-${side}.mp4`;
      await writeMp4(path, [ramp(width, height), ramp(width, height)], 10);
      const [first] = await Array.fromAsync(readFrames(path, { format: "gray", side }));
      assertEquals([first!.width, first!.height, first!.data.length], [wide, high, wide * high]);
      const row = [...first!.data.subarray(0, wide)];
      assert(row[0]! < 20 && row.at(-1)! > 235 && row.every((value, i) => i === 0 || value > row[i - 1]! - 6), `${row}`);
    }
  }));

Deno.test("filterGraph() turns the picture before it scales it, and converts it last", () => {
  const steps = filterGraph({ format: "rgb24", side: 10 }, ["transpose=clock", "vflip"]).split(/,(?![^(]*\))/);
  assertEquals([steps.slice(0, 2), steps.at(-1)], [["transpose=clock", "vflip"], "format=rgb24"]);
  assertEquals(filterGraph({ format: "gray" }, []), "format=gray");
});
