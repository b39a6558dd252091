import { videoLength, writeMp4 } from "../../lib/video/mod.ts";
import { lengthByFfmpeg } from "../../lib/video/ffmpeg.ts";
import { assertClose, assertEquals, assertRejects, sharedData, UserError, withFolder } from "../support.ts";

const REAL = sharedData();

Deno.test({
  name: "videoLength() is what real containers say, 0 where they say nothing, and a sentence for what is no video",
  ignore: REAL === undefined,
  fn: async () => {
    const clips = `${REAL}/clips`;
    const files = ["yoga.mp4", "v_ApplyEyeMakeup_g01_c01.avi", "flipping_a_pancake.mkv", "edge/no_duration.webm"];
    assertClose(await Promise.all(files.map((file) => videoLength(`${clips}/${file}`))), [10, 6.56, 10.381, 0], 1e-3);
    for (const file of ["bad/empty.webm", "bad/truncated.mp4", "bad/audio_only.wav"]) {
      await assertRejects(() => videoLength(`${clips}/${file}`), UserError, "as a video: it ");
    }
  },
});

Deno.test("videoLength() is the length of what writeMp4() wrote", () =>
  withFolder(async (folder) => {
    const frame = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };
    await writeMp4(`${folder}/a.mp4`, Array(30).fill(frame), 12);
    assertClose([await videoLength(`${folder}/a.mp4`)], [2.5], 0.01);
  }));

Deno.test("lengthByFfmpeg() reads what ffmpeg says of a file, 0 where it says N/A", () =>
  withFolder(async (folder) => {
    const path = Deno.env.get("PATH")!;
    const program = (says: string) => `#!/bin/sh\necho "  Duration: ${says}, start: 0.000000, bitrate: 1 kb/s" >&2\nexit 1\n`;
    try {
      Deno.env.set("PATH", `${folder}:${path}`); // a stand-in: what the real one prints for these files
      for (const [says, seconds] of [["01:02:03.50", 3723.5], ["00:00:06.56", 6.56], ["N/A", 0]] as const) {
        Deno.writeTextFileSync(`${folder}/ffmpeg`, program(says), { mode: 0o755 });
        assertEquals(await lengthByFfmpeg("x.mp4"), seconds);
      }
    } finally {
      Deno.env.set("PATH", path);
    }
  }));
