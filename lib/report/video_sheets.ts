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

/** A video's contact sheet: eight frames in even steps, then each pair of key-frames with its action and score. A PNG. */
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

/** Trajectories of a folder as a sheet: source, target, action, score, class. A PNG. */
export async function pairSheet(folder: string, trajectories: readonly AnnotatedTrajectory[]): Promise<Uint8Array> {
  const load = async (file: string) => await decodeImage(readBytes(`${folder}/${file}`, LARGEST.picture), file);
  const rows = await Promise.all(trajectories.map(async ({ source, target, action, score, label }) => ({
    caption: `${action} (${score.toFixed(2)}) · ${label}`,
    images: [await load(source), await load(target)],
  })));
  return await drawSheet(["source", "target", "", ""], rows);
}
