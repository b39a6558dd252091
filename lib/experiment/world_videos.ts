/**
 * Videos of the tiny world as a data set: their files, and what is true of their pairs.
 *
 * @module
 */
import { randomStream } from "../engine/mod.ts";
import { quoted, UserError } from "../errors.ts";
import { exists } from "../files.ts";
import { doesTheSame } from "../gates/mod.ts";
import type { AnnotatedTrajectory, VideoFile, VideoPairs } from "../synthesis/mod.ts";
import { writeMp4 } from "../video/mod.ts";
import { FRAME_RATE, renderVideo, sayAction, type WorldVideo, worldVideos } from "../world/mod.ts";
import type { Config } from "./schema.ts";

/** Videos of the tiny world by name. */
export type WorldVideos = ReadonlyMap<string, WorldVideo>;

/**
 * The tiny world's videos, where it is they that a configuration annotates: an earlier annotation may be of real videos, or of another
 * world.
 *
 * @param config its sections `data` and `annotate`, and its seed
 * @param earlier the videos of the earlier annotation that `annotate.from` names
 * @returns the videos by name; undefined where others are annotated
 * @throws UserError when the actions themselves are wanted (`annotate.oracle`) of videos in which nobody knows them
 *
 * @example Pairs of a real video
 * ```ts
 * import { worldOf } from "./world_videos.ts";
 * import { resolveConfig } from "./config.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const config = resolveConfig(undefined, [{ key: "annotate.world", value: "2" }]);
 * assertEquals([worldOf(config)?.size, worldOf(config, [{ id: "roll/a.mp4", path: "", label: "roll" }])], [2, undefined]);
 * ```
 */
export function worldOf({ annotate: options, data, seed }: Config, earlier: readonly VideoFile[] = []): WorldVideos | undefined {
  const isWorld = options.videos === "" && Object.keys(options.datasets).length === 0;
  const world = new Map(isWorld ? worldVideos(data.difficulty, seed, options.world).map((video) => [video.id, video]) : []);
  const known = new Set(worldFiles("", world).map(({ id }) => id));
  const other = earlier.find(({ id }) => !known.has(id));
  if (isWorld && !other) return world;
  if (!options.oracle) return;
  const found = isWorld && other ? `; ${quoted(other.id)} is not among those of this seed, data.difficulty and annotate.world` : "";
  throw new UserError(
    `Cannot take the actions themselves (annotate.oracle): they are known in the tiny world's videos alone${found}; leave it out`,
  );
}

/** What is done in a video's pairs; "" where a pair misses it. */
export function actionsOf(
  { video, pairs }: { video: VideoFile; pairs: VideoPairs | string },
  world: WorldVideos,
  seed: number,
): string[] {
  const { truth } = world.get(worldName(video))!;
  const random = randomStream("oracle", seed, video.id);
  return typeof pairs === "string"
    ? []
    : pairs.pairs.map(({ source, target }) =>
      truth && source.index <= truth.first && target.index >= truth.last ? sayAction(random, truth.meaning) : ""
    );
}

/** In the tiny world: whether the pair straddles the action, and the model said what was done. */
export function withTruth(trajectory: AnnotatedTrajectory, video: VideoFile, world: WorldVideos | undefined): AnnotatedTrajectory {
  if (!world) return trajectory;
  const { truth } = world.get(worldName(video))!;
  const straddles = truth !== undefined && trajectory.sourceFrame <= truth.first && trajectory.targetFrame >= truth.last;
  return { ...trajectory, right: straddles && doesTheSame(trajectory.action, truth) };
}

/** Where the videos of a run are, in folders by class. */
export function worldFiles(folder: string, world: WorldVideos): VideoFile[] {
  return [...world.values()].map(({ id, label }) => ({ id: `${label}/${id}.mp4`, path: `${folder}/videos/${label}/${id}.mp4`, label }));
}

function worldName({ id }: VideoFile): string {
  return id.split("/").at(-1)!.replace(/\.mp4$/, "");
}

/** Writes a video where it is not there yet. */
export async function renderInto(video: VideoFile, world: WorldVideos, lossless: boolean): Promise<void> {
  if (!exists(video.path)) await writeMp4(video.path, await renderVideo(world.get(worldName(video))!), FRAME_RATE, { lossless });
}
