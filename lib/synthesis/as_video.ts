/**
 * Supervised pictures as videos show them (beyond the paper). A dynamics model learns from clean pictures and annotates frames that H.264 has
 * changed; a second copy of each trajectory that has gone through H.264 teaches it to look past that.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type RgbImage, squareCrop } from "../tokens/mod.ts";
import type { Observation, Trajectory } from "../trajectories/mod.ts";
import { readFrames, writeMp4 } from "../video/mod.ts";

/** Frames that each picture stands still, and the one of them that is taken: late enough for the encoder to have settled. */
const [STILL, TAKEN, RATE] = [10, 8, 12];

const MARK = " as in a video"; // ends a copy's id

/**
 * The same trajectory as two frames of a video in which the source stands still and then the target does. What did not change is
 * copied by the encoder, so that its noise is the same in both, as in a real video.
 *
 * @param trajectory to copy
 * @param side of its pictures, even: the middle squares that the model sees
 * @returns another trajectory; its pictures go through H.264 when they are loaded
 *
 * @example Nearly the same pixels
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const [clean] = ws.worldTrajectories("easy", 1, "train", 1);
 * const [before, after] = await Promise.all([clean!, ws.synthesis.asVideo(clean!, 64)].map(({ source }) => source.load()));
 * const apart = before!.data.reduce((sum, value, i) => sum + Math.abs(value - after!.data[i]!), 0) / before!.data.length;
 * assert(apart > 0 && apart < 5);
 * ```
 */
export function asVideo(trajectory: Trajectory, side: number): Trajectory {
  const { id, source, target } = trajectory;
  let keys: Promise<string[]> | undefined;
  let made: Promise<readonly RgbImage[]> | undefined; // while it is made: whoever loads both at once has both of one video
  const keysOf = () => keys ??= Promise.all([source.key(), target.key()]);
  const load = async () => await throughVideo(await Promise.all([source.load(), target.load()]), side);
  const frame = (which: number): Observation => ({
    name: `${[source, target][which]!.name}, as in a video`,
    key: async () => createHash("sha256").update(`H.264 ${which} ${(await keysOf()).join(" ")}`).digest("hex"),
    load: async () => (await (made ??= load().finally(() => made = undefined)))[which]!,
  });
  return { ...trajectory, id: id + MARK, source: frame(0), target: frame(1) };
}

/** The id of the trajectory that one is a copy of; its own where it is none. */
export function originalId(id: string): string {
  return id.endsWith(MARK) ? id.slice(0, -MARK.length) : id;
}

async function throughVideo(pictures: readonly RgbImage[], side: number): Promise<readonly RgbImage[]> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-" });
  try {
    const path = `${folder}/still.mp4`;
    await writeMp4(path, pictures.flatMap((picture) => Array<RgbImage>(STILL).fill(squareCrop(picture, side))), RATE);
    return await Array.fromAsync(readFrames(path, { format: "rgb24", wanted: (_, index) => index % STILL === TAKEN }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
