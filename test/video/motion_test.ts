import { type KeyFrameOptions, keyFramePairs, writeMp4 } from "../../lib/video/mod.ts";
import { measureMotion } from "../../lib/video/motion.ts";
import { renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, withFolder } from "../support.ts";

const MOTION = { rate: 12, stride: 0.5, side: 160 };
const KEYS: KeyFrameOptions = { bursts: 2, interval: 1, least: 0.003, share: 0.7, reach: 1.5, pairs: "calm" };

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
