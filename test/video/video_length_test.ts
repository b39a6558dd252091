import { videoLength, writeMp4 } from "../../lib/video/mod.ts";
import { lengthByFfmpeg } from "../../lib/video/ffmpeg.ts";
import { assert, assertClose, assertEquals, assertRejects, sharedData, UserError, withFolder } from "../support.ts";

const REAL = sharedData();

Deno.test({
  name: "videoLength() is what real containers say, the last frame's time where they say nothing, and a sentence for what is no video",
  ignore: REAL === undefined,
  fn: async () => {
    const clips = `${REAL}/clips`;
    const files = ["yoga.mp4", "v_ApplyEyeMakeup_g01_c01.avi", "flipping_a_pancake.mkv", "edge/no_duration.webm"];
    assertClose(await Promise.all(files.map((file) => videoLength(`${clips}/${file}`))), [10, 6.56, 10.381, 4.872], 1e-3);
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

Deno.test("videoLength() gives the last frame's time of a video that states no length", () =>
  withFolder(async (folder) => {
    const frames = Array.from({ length: 50 }, (_, i) => ({ width: 32, height: 32, data: new Uint8Array(3072).fill(5 * i) }));
    await writeMp4(`${folder}/a.mp4`, frames, 25);
    assertEquals(await videoLength(`${folder}/a.mp4`), 2);
    Deno.writeFileSync(`${folder}/a.h264`, bareH264(Deno.readFileSync(`${folder}/a.mp4`)));
    const length = await videoLength(`${folder}/a.h264`);
    assert(Math.abs(length - 49 / 25) < 0.05, `${length}`);
  }));

/** The H.264 of an MP4 of ours without its container, and so without times: each unit behind a start code instead of its length. */
function bareH264(mp4: Uint8Array): Uint8Array {
  const view = new DataView(mp4.buffer);
  const find = (name: string) => mp4.findIndex((_, i) => [...name].every((letter, j) => mp4[i + j] === letter.charCodeAt(0)));
  const units: Uint8Array[] = [];
  const take = (at: number, width: number) => {
    const length = width === 2 ? view.getUint16(at) : view.getUint32(at);
    units.push(mp4.subarray(at + width, at + width + length));
    return at + width + length;
  };
  const parameters = find("avcC") + 4 + 6; // behind the count of sequence parameter sets, which is one
  take(take(parameters, 2) + 1, 2);
  const data = find("mdat");
  for (let at = data + 4; at < data - 4 + view.getUint32(data - 4);) at = take(at, 4);
  return Uint8Array.from(units.flatMap((unit) => [0, 0, 0, 1, ...unit]));
}
