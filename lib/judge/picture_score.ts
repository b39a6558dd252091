/**
 * What a predicted picture is worth: in the tiny world by its exact judge, elsewhere by its distance from the target.
 *
 * @module
 */
import { l1Distance } from "../metrics/mod.ts";
import type { RgbImage } from "../tokens/mod.ts";
import type { Trajectory } from "../trajectories/mod.ts";
import { judgePicture, type WorldTrajectory } from "../world/mod.ts";

/** Scores of a predicted picture. */
export interface PictureScore {
  /** The paper's score: the minimum of editing success and minimal editing, 0 … 10; elsewhere 10 · (1 − L1). */
  readonly score: number;
  /** Right and minimal; null where there is no exact judge. */
  readonly right: boolean | null;
}

/** The score's name, which says how it was made. */
export function scoreName(isWorld: boolean): string {
  return isWorld ? "min(editing success, minimal editing)" : "10 · (1 − L1 to the target, as the model sees it)";
}

/** The score's short name, under which candidates keep it. */
export function scorerName(isWorld: boolean): string {
  return isWorld ? "world" : "10 · (1 − L1)";
}

/**
 * Scores a picture; `world` is what is true of the trajectory, where that is known.
 *
 * @param trajectory what should be seen
 * @param world what is true of it in the tiny world
 * @param picture the prediction
 * @returns the score, 0 … 10, and whether it is right
 *
 * @example The target scores ten
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const [trajectory] = ws.worldTrajectories("easy", 1, "train", 1) as [ws.world.WorldTrajectory];
 * const { score } = await ws.judge.scorePicture(trajectory, trajectory, await trajectory.target.load());
 * assertEquals(score, 10);
 * ```
 */
export async function scorePicture(trajectory: Trajectory, world: WorldTrajectory | undefined, picture: RgbImage): Promise<PictureScore> {
  if (!world) return { score: 10 * (1 - l1Distance(picture, await trajectory.target.load(), "aligned")), right: null };
  const { success, minimal, right } = judgePicture(world.before, world.after, picture);
  return { score: Math.min(success, minimal), right };
}
