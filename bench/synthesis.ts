/**
 * What is in a key-frame pair beside its action: the causes that make synthetic targets harder to learn than supervised ones, in the tiny
 * world, where the scenes behind the frames are known. No model is trained.
 *
 * @module
 */
import { encodePictures } from "../lib/tokens/mod.ts";
import { loadModel } from "../lib/model/mod.ts";
import { openBackend } from "../lib/engine/mod.ts";
import { resolveConfig } from "../lib/experiment/config.ts";
import { mean } from "../lib/metrics/mod.ts";
import { markdownTable } from "../lib/report/table.ts";
import { pairsOfVideo } from "../lib/synthesis/mod.ts";
import { openMotionPool, writeMp4 } from "../lib/video/mod.ts";
import { FRAME_RATE, renderScenes, renderVideo, type WorldVideo, worldVideos } from "../lib/world/mod.ts";

const VIDEOS = 200;

/** How pairs are made. */
const CASES = [
  { name: "the calmest moments", lossless: false, options: { steady: 1 } },
  { name: "a still camera (default)", lossless: false, options: {} },
  { name: "a still camera, without H.264's loss", lossless: true, options: {} },
  { name: "neighbouring peaks (the paper's)", lossless: false, options: { pairs: "peaks", bursts: 3, interval: 0.5 } },
] as const;

/** Runs the bench; the last line is one JSON object. */
export async function main(): Promise<void> {
  await openBackend("auto");
  const { vqgan } = loadModel("data/tiny", "bfloat16");
  const folder = Deno.makeTempDirSync();
  const pool = openMotionPool();
  try {
    const videos = worldVideos("easy", 1, VIDEOS);
    const rows = [];
    for (const { name, lossless, options } of CASES) {
      const pairs = (await Promise.all(videos.map((video) => pairsIn(video, `${folder}/${lossless}`, lossless, options, pool)))).flat();
      const read = encodePictures(vqgan, pairs.flatMap(({ images }) => images));
      const drawn = encodePictures(vqgan, await renderScenes(pairs.flatMap(({ scenes }) => scenes)));
      const differing = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).filter((code, i) => code !== b[i]).length;
      const known = pairs.filter(({ straddles }) => straddles !== undefined);
      rows.push({
        ...{ "key-frames": name, pairs: pairs.length, "straddle the action": share(known.map(({ straddles }) => straddles!)) },
        "same camera": share(pairs.map(({ isStill }) => isStill)),
        "tokens that differ from the scene's": mean(read.map((codes, i) => differing(codes, drawn[i]!))).toFixed(2),
        "tokens changed, of 64": mean(pairs.map((_, i) => differing(read[2 * i]!, read[2 * i + 1]!))).toFixed(1),
      });
    }
    console.log(markdownTable(rows));
    console.log(JSON.stringify({ bench: "synthesis", videos: VIDEOS, rows }));
  } finally {
    pool.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The pairs of a video, with the scenes behind their frames. */
async function pairsIn(
  video: WorldVideo,
  folder: string,
  lossless: boolean,
  options: Partial<ReturnType<typeof resolveConfig>["annotate"]>,
  pool: ReturnType<typeof openMotionPool>,
) {
  const path = `${folder}/${video.id}.mp4`;
  await writeMp4(path, await renderVideo(video), FRAME_RATE, { lossless });
  const { truth, frames } = video;
  const { pairs } = await pairsOfVideo(path, { ...resolveConfig(undefined, []).annotate, ...options }, pool).catch(() => ({ pairs: [] }));
  return pairs.map(({ source, target, images }) => {
    const scenes = [frames[source.index]!, frames[target.index]!] as const;
    const straddles = truth && source.index <= truth.first && target.index >= truth.last;
    return { images, scenes, straddles, isStill: `${scenes[0].camera}` === `${scenes[1].camera}` };
  });
}

function share(holds: readonly boolean[]): string {
  return `${(100 * mean(holds.map(Number))).toFixed(0)} %`;
}
