/**
 * What was found in videos, as pictures.
 *
 * @module
 */
import { LARGEST, readBytes } from "../files.ts";
import type { AnnotatedPair, AnnotatedTrajectory, VideoFile, VideoPairs } from "../synthesis/mod.ts";
import { framesAt } from "../synthesis/annotate.ts";
import { decodeImage } from "../tokens/mod.ts";
import { drawSheet } from "./sheet.ts";

/**
 * A video's contact sheet: eight frames in even steps, then each pair of key-frames with its action and score. A PNG.
 *
 * @param video the file
 * @param pairs what was found in it
 * @param annotated an action and score for each pair
 * @returns a PNG
 *
 * @example A video of the tiny world
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const video = ws.world.worldVideos("default", 1, 20).find(({ kind }) => kind === "action")!;
 * const path = `${folder}/a.mp4`;
 * await ws.video.writeMp4(path, await ws.world.renderVideo(video), ws.world.FRAME_RATE);
 * const pool = ws.video.openMotionPool(1);
 * const found = await ws.synthesis.pairsOfVideo(path, ws.resolveConfig(undefined, []).annotate, pool);
 * pool.close();
 * const said = found.pairs.map(() => ({ action: "roll it", score: -1, sum: -4 }));
 * assert((await ws.report.contactSheet({ id: "a", path, label: "roll" }, found, said)).length > 1000);
 * ```
 */
export async function contactSheet(
  video: VideoFile,
  { samples, pairs }: VideoPairs,
  annotated: readonly AnnotatedPair[],
): Promise<Uint8Array> {
  const chosen = Array.from({ length: 8 }, (_, i) => samples[Math.round(i * (samples.length - 1) / 7)]!);
  const frames = await framesAt(video.path, new Set(chosen.map(({ index }) => index)));
  const row = (from: number) => ({
    caption: chosen.slice(from, from + 4).map(({ time }) => `${time.toFixed(1)} s`).join(", "),
    images: chosen.slice(from, from + 4).flatMap(({ index }) => frames.get(index) ?? []),
  });
  const rows = pairs.map(({ source, target, images }, i) => ({
    caption: `${source.time.toFixed(2)} s → ${target.time.toFixed(2)} s: ${annotated[i]!.action} (${annotated[i]!.score.toFixed(2)})`,
    images: [...images],
  }));
  return await drawSheet([video.id, "", "", ""], [row(0), row(4), ...rows]);
}

/** Trajectories of a folder as a sheet: source, target, action, score, class. A PNG; `xmp` is what it says of itself. */
export async function pairSheet(folder: string, trajectories: readonly AnnotatedTrajectory[], xmp?: string): Promise<Uint8Array> {
  const load = async (file: string) => await decodeImage(readBytes(`${folder}/${file}`, LARGEST.picture), file);
  const rows = await Promise.all(trajectories.map(async ({ source, target, action, score, label }) => ({
    caption: `${action} (${score.toFixed(2)}) · ${label}`,
    images: [await load(source), await load(target)],
  })));
  return await drawSheet(["source", "target", "", ""], rows, xmp);
}
