import { keyFramePairs, steadyPairs, writeMp4 } from "../../lib/video/mod.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const SIDE = 32;

/** A square that is elsewhere in the second half of the video, and one that stays; the camera shifts both. */
function frame(i: number, camera: number): RgbImage {
  const data = new Uint8Array(SIDE * SIDE * 3).fill(220);
  for (const [left, top] of [[i < 8 ? 4 : 18, 4], [8, 20]] as const) {
    for (let y = top; y < top + 8; y++) {
      for (let x = left + camera; x < left + camera + 8; x++) data.fill(20, 3 * (y * SIDE + x), 3 * (y * SIDE + x) + 3);
    }
  }
  return { width: SIDE, height: SIDE, data };
}

Deno.test("steadyPairs() takes the pair between which the camera stands still, among calm moments alone", () =>
  withFolder(async (folder) => {
    const cameras = [4, 0, 4, 2, 4, 0, 4, 0, 3, 1, 3, 1, 3, 2, 3, 1]; // only frames 3 and 13 are shifted alike
    await writeMp4(`${folder}/a.mp4`, cameras.map((camera, i) => frame(i, camera)), 8, { lossless: true });
    const samples = cameras.map((_, index) => ({
      ...{ index, time: index / 8, isCut: false, isBlank: false },
      motion: index >= 6 && index <= 9 ? 0.1 : 0.001,
    }));
    const options = { bursts: 1, interval: 1, least: 0.003, share: 0.7, reach: 1.5, pairs: "calm" as const };
    const [pair] = keyFramePairs(samples, { ...options, steady: 6 });
    assert(pair!.sources.every(({ index }) => index < 6) && pair!.targets.every(({ index }) => index > 9));
    const [steady] = await steadyPairs(`${folder}/a.mp4`, [pair!], 160);
    assertEquals([steady!.source.index, steady!.target.index], [3, 13]);
    const [calmest] = keyFramePairs(samples, { ...options, steady: 1 });
    assertEquals(await steadyPairs(`${folder}/absent.mp4`, [calmest!], 160), [calmest!]); // nothing to choose: no video is read
  }));
