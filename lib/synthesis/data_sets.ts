/**
 * Several data sets of videos in one annotation, each with its own limits (paper §3.2: three of them, about 45 hours).
 *
 * @module
 */
import { unlessOfDisk } from "../errors.ts";
import { permutation, randomStream } from "../engine/mod.ts";
import type { Problem } from "../trajectories/mod.ts";
import { videoLength } from "../video/mod.ts";
import { openVideos } from "./parquet_videos.ts";
import { type VideoFile, type VideoList, withVideoFile } from "./videos.ts";

/** A data set of videos, as a configuration names it. */
export interface DataSet {
  /** The folder, Hugging Face's parquet, or Kinetics-700's CSV file. */
  readonly videos: string;
  /** Videos at most; 0: all. */
  readonly clips: number;
  /** Hours of video at most; 0: all. */
  readonly hours: number;
}

/**
 * Lists the videos of several data sets. What a limit takes is drawn at random over all classes; the order stays that of the
 * names. Names begin with the data set's: `mit/opening/a.mp4`.
 *
 * @param sets by name; a data set named "" adds nothing to its videos' names
 * @param seed of what is drawn
 * @param folder where videos out of parquet are written while they are worked on
 * @param lengthOf a video's length in seconds, for limits by hours; what cannot be read counts as 0
 * @returns videos, and what could not be used
 * @throws UserError when a data set is not there, or holds no video
 *
 * @example One of two videos
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * for (const name of ["a", "b"]) Deno.writeTextFileSync(`${folder}/${name}.mp4`, "");
 * const { videos } = await ws.synthesis.listDataSets({ mit: { videos: folder, clips: 1, hours: 0 } }, 1);
 * assertEquals(videos.map(({ dataset }) => dataset), ["mit"]);
 * ```
 */
export async function listDataSets(
  sets: Readonly<Record<string, DataSet>>,
  seed: number,
  folder: string = "",
  lengthOf: (path: string) => Promise<number> = videoLength,
): Promise<VideoList> {
  const videos: VideoFile[] = [];
  const problems: Problem[] = [];
  for (const [name, set] of Object.entries(sets)) {
    const list = await openVideos(set.videos, `${folder}/${name}`);
    const named = <T extends { readonly id: string }>(one: T): T => name === "" ? one : { ...one, id: `${name}/${one.id}`, dataset: name };
    const order = permutation(randomStream("clips", seed, name), list.videos.length);
    const taken = await limited(order.map((place) => list.videos[place]!), set, lengthOf);
    videos.push(...list.videos.filter((video) => taken.has(video)).map(named));
    problems.push(...list.problems.map(({ id, reason }) => ({ id: named({ id }).id, reason })));
  }
  return { videos, problems };
}

/** The first videos, up to the limits. */
async function limited(
  videos: readonly VideoFile[],
  { clips, hours }: DataSet,
  lengthOf: (path: string) => Promise<number>,
): Promise<ReadonlySet<VideoFile>> {
  const taken = new Set<VideoFile>();
  let seconds = 0;
  for (const video of videos) {
    if ((clips > 0 && taken.size >= clips) || (hours > 0 && seconds >= 3600 * hours)) break;
    taken.add(video);
    if (hours > 0) seconds += video.seconds ?? await withVideoFile(video, lengthOf).catch(unlessOfDisk(0)); // annotation says what is wrong with it
  }
  return taken;
}
