import { type KeyFrameOptions, keyFramePairs, writeMp4 } from "../../lib/video/mod.ts";
import { blockChange, measureMotion } from "../../lib/video/motion.ts";
import { renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const MOTION = { rate: 12, stride: 0.5, side: 160 };
const KEYS: KeyFrameOptions = { bursts: 2, interval: 1, least: 0.003, share: 0.7, reach: 1.5, pairs: "calm", steady: 6 };

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

/** Grey frames with a bright square at columns. */
function framesOf(columns: readonly number[], background = 40) {
  return columns.map((column) => {
    const data = new Uint8Array(64 * 64 * 3).fill(background);
    for (let y = 24; y < 40; y++) data.fill(220, 3 * (64 * y + column), 3 * (64 * y + column + 16));
    return { width: 64, height: 64, data };
  });
}

Deno.test("measureMotion() peaks where something moves, is near nothing where all is still, and knows cuts and blank frames", () =>
  withFolder(async (folder) => {
    const options = { ...MOTION, side: 64 };
    const still = Array<number>(18).fill(8);
    const moves = [...still, ...Array.from({ length: 12 }, (_, i) => 8 + 2 * i), ...Array<number>(18).fill(30)];
    await writeMp4(`${folder}/moves.mp4`, framesOf(moves), 12);
    const samples = await measureMotion(`${folder}/moves.mp4`, options);
    assertEquals([samples.length, samples.map(({ index }) => index)], [48, Array.from({ length: 48 }, (_, i) => i)]);
    const peak = samples.reduce((best, one) => one.motion > best.motion ? one : best).index;
    assert(peak >= 18 && peak <= 30, `the peak is at ${peak}`);
    assert(samples[5]!.motion < 0.1 * samples[peak]!.motion && samples[44]!.motion < 0.1 * samples[peak]!.motion);
    assert(samples.every(({ isCut, isBlank }) => !isCut && !isBlank));
    const black = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
    const cut = [...framesOf(still), ...framesOf(still.map(() => 40), 140), ...Array(6).fill(black)];
    await writeMp4(`${folder}/cut.mp4`, cut, 12);
    const shots = await measureMotion(`${folder}/cut.mp4`, options);
    assertEquals(shots.filter(({ isCut }) => isCut).map(({ index }) => index), [18, 36]);
    assertEquals(shots.filter(({ isBlank }) => isBlank).map(({ index }) => index), [36, 37, 38, 39, 40, 41]);
    assert(shots.slice(0, 36).every(({ motion }) => motion < 0.01), "a cut counts as motion");
  }));

Deno.test("measureMotion() looks at so many frames a second, and at all of a video that has fewer", () =>
  withFolder(async (folder) => {
    await writeMp4(`${folder}/a.mp4`, framesOf(Array<number>(48).fill(8)), 24);
    const times = async (rate: number) =>
      (await measureMotion(`${folder}/a.mp4`, { ...MOTION, rate })).map(({ time }) => Math.round(24 * time));
    assertEquals(await times(6), Array.from({ length: 12 }, (_, i) => 4 * i));
    assertEquals((await times(60)).length, 48);

    const slow = [8, 8, 8, 8, 12, 16, 20, 24, 28, 30, 30, 30, 30]; // 4 frames a second: the stride is half a second here too, two frames
    await writeMp4(`${folder}/slow.mp4`, framesOf(slow), 4);
    const samples = await measureMotion(`${folder}/slow.mp4`, { ...MOTION, side: 64 });
    const peak = samples.reduce((best, one) => one.motion > best.motion ? one : best).index;
    assert(
      peak >= 4 && peak <= 9 && samples[0]!.motion === 0 && samples[1]!.motion < 0.1 * samples[peak]!.motion,
      `the peak is at ${peak}`,
    );
  }));

Deno.test("blockChange() is the share of pixels whose tones have gone: all, half, one, none within a block", () => {
  const flat = (value: number) => ({ width: 16, height: 16, data: new Uint8Array(256).fill(value) });
  assertEquals([blockChange(flat(10), flat(10)), blockChange(flat(10), flat(200))], [0, 1]);
  const half = flat(10);
  half.data.fill(200, 128);
  assertEquals(blockChange(flat(10), half), 0.5);
  const dot = (place: number) => {
    const picture = flat(10);
    picture.data[place] = 200;
    return picture;
  };
  assertEquals(blockChange(flat(10), dot(0)), 1 / 256);
  assertEquals([blockChange(dot(0), dot(17)), blockChange(dot(0), dot(255))], [0, 2 / 256]); // within a block, and from one to another
});
