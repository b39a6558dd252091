import { createHash } from "node:crypto";
import { readJson } from "../../lib/files.ts";
import { readFrames, videoLength } from "../../lib/video/mod.ts";
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

Deno.test("rotationFilters() turn pictures upright as FFmpeg does", () => {
  const one = 65536;
  assertEquals(rotationFilters(undefined), []);
  assertEquals(rotationFilters([one, 0, 0, 0, one, 0, 0, 0, 1]), []);
  assertEquals(rotationFilters([0, one, 0, -one, 0, 0, 0, 0, 1]), ["transpose=clock"]);
  assertEquals(rotationFilters([-one, 0, 0, 0, -one, 0, 0, 0, 1]), ["hflip", "vflip"]);
  assertEquals(rotationFilters([0, -one, 0, one, 0, 0, 0, 0, 1]), ["transpose=cclock"]);
});
