/**
 * Videos of the tiny world as a data set: their files, and what is true of their pairs.
 *
 * @module
 */
import { randomStream } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { exists } from "../files.ts";
import { doesTheSame } from "../gates/mod.ts";
import type { AnnotatedTrajectory, VideoFile, VideoPairs } from "../synthesis/mod.ts";
import { writeMp4 } from "../video/mod.ts";
import { FRAME_RATE, renderVideo, sayAction, type WorldVideo } from "../world/mod.ts";

/** Videos of the tiny world by name. */
export type WorldVideos = ReadonlyMap<string, WorldVideo>;

/** What is done in a video's pairs; "" where a pair misses it. */
export function actionsOf(
  { video, pairs }: { video: VideoFile; pairs: VideoPairs | string },
  world: WorldVideos | undefined,
  seed: number,
): string[] {
  if (!world) throw new UserError("Cannot take the actions themselves (annotate.oracle): they are known in the tiny world alone");
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
