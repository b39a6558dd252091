import { readFrames } from "../../lib/video/mod.ts";
import { readByFfmpeg } from "../../lib/video/ffmpeg.ts";
import { assertClose, assertEquals, sharedData } from "../support.ts";

const shared = sharedData();

function hasFfmpeg(): boolean {
  try {
    return new Deno.Command("ffmpeg", { args: ["-version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "the system's ffmpeg gives the same frames and times, where it is",
  ignore: !shared || !hasFfmpeg(),
  async fn() {
    for (const file of ["cleaning_pool_short.mp4", "edge/video_90.mov", "edge/bitmap_1x1.mp4"]) {
      const path = `${shared}/clips/${file}`;
      const [ours, theirs] = [
        await Array.fromAsync(readFrames(path, { format: "rgb24" })),
        await Array.fromAsync(readByFfmpeg(path, { format: "rgb24" })),
      ];
      assertEquals(theirs.map(({ data }) => data), ours.map(({ data }) => data), file);
      assertClose(theirs.map(({ time }) => time), ours.map(({ time }) => time), 1e-4, file);
    }
  },
});
