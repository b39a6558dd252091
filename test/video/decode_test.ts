import { createHash } from "node:crypto";
import { readJson } from "../../lib/files.ts";
import { readFrames, videoLength, writeMp4 } from "../../lib/video/mod.ts";
import { rotationFilters } from "../../lib/video/decode.ts";
import { assert, assertEquals, assertRejects, sharedData, UserError, withFolder } from "../support.ts";

const shared = sharedData();
const PARITY = new URL("../parity/reference", import.meta.url).pathname;

async function hashOf(path: string): Promise<string> {
  const hash = createHash("md5");
  for await (const { data } of readFrames(path, { format: "rgb24" })) hash.update(data);
  return hash.digest("hex");
}

Deno.test({
  name: "readFrames() gives the frames that the system's ffmpeg gives, rotation flags honoured",
  ignore: !shared,
  async fn() {
    for (const [file, hash] of Object.entries(readJson(`${PARITY}/video.json`) as Record<string, string>)) {
      assertEquals(await hashOf(`${shared}/clips/${file}`), hash, file);
    }
  },
});

Deno.test({
  name: "readFrames() says in one sentence what is wrong with broken files, and reads what it can of cut ones",
  ignore: !shared,
  async fn() {
    const read = async (file: string) =>
      (await Array.fromAsync(readFrames(`${shared}/clips/${file}`, { format: "gray", side: 32 }))).length;
    await assertRejects(() => read("bad/audio_only.wav"), Error, "it has no pictures");
    await assertRejects(() => read("bad/empty.webm"), Error, "the file is empty");
    await assertRejects(() => read("bad/truncated.mp4"), Error, "its index is lost");
    assertEquals(await read("bad/truncated_tail.avi"), 78);
    assert(await read("bad/corrupted.mp4") >= 40);
  },
});

Deno.test({
  name: "videoLength() calls nothing a broken video that the disk cannot read: it would be left out for good",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      Deno.symlinkSync("/proc/self/mem", `${folder}/a.mp4`); // reading its beginning is EIO
      await assertRejects(() => videoLength(`${folder}/a.mp4`), UserError, "Input/output error");
    }),
});

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

Deno.test("rotationFilters() turn pictures upright as FFmpeg does", () => {
  const one = 65536;
  assertEquals(rotationFilters(undefined), []);
  assertEquals(rotationFilters([one, 0, 0, 0, one, 0, 0, 0, 1]), []);
  assertEquals(rotationFilters([0, one, 0, -one, 0, 0, 0, 0, 1]), ["transpose=clock"]);
  assertEquals(rotationFilters([-one, 0, 0, 0, -one, 0, 0, 0, 1]), ["hflip", "vflip"]);
  assertEquals(rotationFilters([0, -one, 0, one, 0, 0, 0, 0, 1]), ["transpose=cclock"]);
});
