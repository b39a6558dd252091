import { createHash } from "node:crypto";
import { readJson } from "../../lib/files.ts";
import { chooseBursts, type KeyFrameOptions, keyFramePairs, type MotionSample, readFrames, writeMp4 } from "../../lib/video/mod.ts";
import { rotationFilters } from "../../lib/video/decode.ts";
import { openFlow } from "../../lib/video/flow.ts";
import { measureMotion } from "../../lib/video/motion.ts";
import { readByFfmpeg } from "../../lib/video/ffmpeg.ts";
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import { FRAME_RATE, renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, assertRejects, openReference, sharedData, withFolder } from "../support.ts";

const shared = sharedData();
const PARITY = new URL("../parity/reference", import.meta.url).pathname;
const MOTION = { rate: 12, stride: 0.5, side: 160 };
const KEYS: KeyFrameOptions = { bursts: 2, interval: 1, least: 0.003, share: 0.7, reach: 1.5, pairs: "calm" };

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

Deno.test("rotationFilters() turn pictures upright as FFmpeg does", () => {
  const one = 65536;
  assertEquals(rotationFilters(undefined), []);
  assertEquals(rotationFilters([one, 0, 0, 0, one, 0, 0, 0, 1]), []);
  assertEquals(rotationFilters([0, one, 0, -one, 0, 0, 0, 0, 1]), ["transpose=clock"]);
  assertEquals(rotationFilters([-one, 0, 0, 0, -one, 0, 0, 0, 1]), ["hflip", "vflip"]);
  assertEquals(rotationFilters([0, -one, 0, one, 0, 0, 0, 0, 1]), ["transpose=cclock"]);
});

Deno.test("openFlow() equals OpenCV's flow in Python within 1e-4", async () => {
  const reference = openReference(`${PARITY}/flow.safetensors`);
  const frame = (i: number) => {
    const [height, width] = reference.shape(`frame.${i}`) as [number, number];
    return { width, height, data: reference.values(`frame.${i}`) as Uint8Array };
  };
  const { flow } = await openFlow();
  for (const i of [1, 2, 3]) assertClose(flow(frame(0), frame(i)), reference.values(`flow.${i}`), 1e-4, `flow ${i}`);
});

const sample = (motion: number, i: number, more: Partial<MotionSample> = {}): MotionSample => ({
  ...{ motion, time: i / 12, index: i, isCut: false, isBlank: false },
  ...more,
});

Deno.test("chooseBursts() finds the choice with the most motion, as trying all does", () => {
  const random = randomStream("bursts");
  for (let round = 0; round < 60; round++) {
    const samples = Array.from({ length: 12 }, (_, i) => sample(randomInt(random, 100) / 100, i));
    const options = { bursts: 1 + randomInt(random, 3), interval: (1 + randomInt(random, 5)) / 12, least: 0.05, share: 0.3 };
    const floor = Math.max(0.05, 0.3 * Math.max(...samples.map(({ motion }) => motion)));
    let most = 0;
    for (let set = 0; set < 2 ** 12; set++) {
      const chosen = samples.filter((_, i) => set >> i & 1);
      const fits = chosen.length <= options.bursts &&
        chosen.every((one, i) => one.motion >= floor && (i === 0 || one.time - chosen[i - 1]!.time >= options.interval - 1e-9));
      if (fits) most = Math.max(most, chosen.reduce((sum, { motion }) => sum + motion, 0));
    }
    const chosen = chooseBursts(samples, options);
    assertClose([chosen.reduce((sum, i) => sum + samples[i]!.motion, 0)], [most], 1e-9);
    chosen.forEach((i, k) => assert(k === 0 || samples[i]!.time - samples[chosen[k - 1]!]!.time >= options.interval - 1e-9));
  }
});

Deno.test("keyFramePairs() takes calm moments beside a burst, in its shot, never blank ones", () => {
  const burst = Array.from({ length: 36 }, (_, i) => sample(i >= 14 && i <= 20 ? 0.1 + (i === 17 ? 0.05 : 0) : 0.001, i));
  const [pair] = keyFramePairs(burst, KEYS);
  assertEquals([pair!.source.index, pair!.target.index], [13, 21]);
  const cut = burst.map((one, i) => i === 19 ? { ...one, isCut: true } : one);
  assert(keyFramePairs(cut, KEYS).every(({ target }) => target.index < 19));
  const blank = burst.map((one, i) => i > 17 ? { ...one, isBlank: true } : one);
  assertEquals(keyFramePairs(blank, KEYS), []);
  assertEquals(keyFramePairs(burst.map((one) => ({ ...one, motion: 0 })), KEYS), []);
  assertEquals(keyFramePairs([], KEYS), []);
});

Deno.test("key-frames straddle the action in 90 % of the tiny world's videos, and none spans a cut", () =>
  withFolder(async (folder) => {
    let [actions, straddled] = [0, 0];
    for (const video of worldVideos("default", 11, 40)) {
      const path = `${folder}/${video.id}.mp4`;
      await writeMp4(path, await renderVideo(video), 12);
      const pairs = keyFramePairs(await measureMotion(path, MOTION), KEYS);
      const { truth, kind, frames } = video;
      if (truth) {
        actions++;
        straddled += Number(pairs.some(({ source, target }) => source.index <= truth.first && target.index >= truth.last));
      }
      const cut = frames.length - 12;
      if (kind === "cut") {
        assert(!pairs.some(({ source, target }) => source.index < cut && target.index >= cut), `${video.id} spans its cut`);
      }
    }
    assert(straddled >= 0.9 * actions, `${straddled} of ${actions}`);
  }));

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

function hasFfmpeg(): boolean {
  try {
    return new Deno.Command("ffmpeg", { args: ["-version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test("writeMp4() writes the same bytes in every run, however many videos are written at once", () =>
  withFolder(async (folder) => {
    const videos = worldVideos("default", 1, 106).slice(90);
    const write = async (round: number) =>
      await Promise.all(videos.map(async (video) => {
        const path = `${folder}/${round}-${video.id}.mp4`;
        await writeMp4(path, await renderVideo(video), FRAME_RATE);
        return Deno.readFileSync(path);
      }));
    const first = await write(0);
    for (const round of [1, 2]) {
      (await write(round)).forEach((bytes, i) =>
        assert(bytes.every((byte, j) => byte === first[i]![j]), `${videos[i]!.id} differs in round ${round}`)
      );
    }
  }));
