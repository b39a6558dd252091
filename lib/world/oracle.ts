/**
 * The exact judge of the tiny world: was done what was asked, and nothing else? On the paper's two scales (§4.3), by
 * program, with reasons.
 *
 * @module
 */
import type { RgbImage } from "../tokens/mod.ts";
import { type FoundObject, readScene } from "./read.ts";
import { middleOf, type Scene, type WorldObject } from "./scene.ts";
import { objectName } from "./things.ts";

/** A judgement of a predicted picture. */
export interface Judgement {
  /** Editing success, 0 … 10: the share of the asked changes that were made. */
  readonly success: number;
  /** Minimal editing, 0 … 10: how much of all else stayed as it was. */
  readonly minimal: number;
  /** Whether all that was asked was done and all but nothing else. */
  readonly right: boolean;
  /** Why points were lost, a sentence each. */
  readonly reasons: readonly string[];
}

/** One thing that changes between two scenes. */
export interface Change {
  /** What is gone. */
  readonly gone?: WorldObject;
  /** What is there instead. */
  readonly there?: WorldObject;
}

const NEAR = 4; // pixels by which an object may be off its place
const TOO_MESSY = 0.2; // share of unreadable pixels at which a picture is no scene

/**
 * Judges a predicted picture.
 *
 * Success counts changes that were made as asked; half a change (an object gone but not where it should be) counts nothing.
 * A picture that shows another scene, another background, or mess gets 0 on both scales: an object that "is gone" there was
 * not taken away. Minimal editing loses 10 / n points for each of n objects that should have stayed, 3 for each object that
 * nobody asked for, 3 for the floor, and up to 5 for mess.
 *
 * @param before the scene before the action
 * @param after the scene that the action leads to
 * @param picture the prediction
 * @returns both scores, 0 … 10, whether the picture is right, and reasons
 *
 * @example The target is right
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const [{ before, after, target }] = ws.worldTrajectories("easy", 1, "train", 1) as [ws.world.WorldTrajectory];
 * assert(ws.world.judgePicture(before, after, await target.load()).right);
 * ```
 */
export function judgePicture(before: Scene, after: Scene, picture: RgbImage): Judgement {
  const { objects, tone, floor, mess } = readScene(picture);
  const { changes, kept } = changesOf(before, after);
  const isThere = (object: WorldObject) => objects.some((found) => isSame(found, object, after.camera));
  const known = [...kept, ...changes.flatMap(({ gone, there }) => [gone, there])].filter((object) => object !== undefined);
  const extra = objects.filter((found) => !known.some((object) => isSame(found, object, after.camera)));
  const lost = kept.filter((object) => !isThere(object));

  const isEmpty = after.objects.length === 0;
  if (mess > TOO_MESSY) return nothingDone(`the picture cannot be read: ${percent(mess)} of it is neither object nor background`);
  if (tone !== after.background.tone) return nothingDone(`the background is ${tone} and should be ${after.background.tone}`);
  if (!known.some(isThere) && (!isEmpty || extra.length > 0)) return nothingDone("nothing of the scene is there");

  const undone = changes.filter(({ gone, there }) => gone && isThere(gone) || there && !isThere(there));
  const strange = 2 * lost.length > kept.length; // most of what should stay is not there: what is gone was not taken away
  const floorChanged = floor !== (after.background.pattern === "floor");
  const success = strange ? 0 : 10 * (1 - undone.length / Math.max(1, changes.length));
  const minimal = 10 - 10 * lost.length / Math.max(1, kept.length) - 3 * extra.length - (floorChanged ? 3 : 0) - Math.min(5, 50 * mess);
  const reasons = [
    ...undone.map(({ gone, there }) => there ? `no ${objectName(there)} where it should be` : `the ${objectName(gone!)} is still there`),
    ...lost.map((object) => `the ${objectName(object)} should have stayed`),
    ...extra.map((found) => `nobody asked for the ${objectName(found)}`),
    ...(floorChanged ? ["the floor changed"] : []),
    ...(mess > 0.02 ? [`${percent(mess)} of the picture is mess`] : []),
  ];
  const rounded = { success: round(success), minimal: round(Math.max(0, minimal)) };
  return { ...rounded, right: rounded.success >= 9 && rounded.minimal >= 9, reasons };
}

/** What changes between two scenes, and what stays. */
export function changesOf(before: Scene, after: Scene): { changes: Change[]; kept: WorldObject[] } {
  const isIn = ({ objects }: Scene, object: WorldObject) => objects.some((other) => JSON.stringify(other) === JSON.stringify(object));
  const kept = after.objects.filter((object) => isIn(before, object));
  const gone = before.objects.filter((object) => !isIn(after, object));
  const there = after.objects.filter((object) => !isIn(before, object));
  const count = Math.max(gone.length, there.length);
  const changes = Array.from({ length: count }, (_, i) => ({ ...(gone[i] && { gone: gone[i] }), ...(there[i] && { there: there[i] }) }));
  return { changes, kept };
}

function isSame(found: FoundObject, object: WorldObject, camera: Scene["camera"]): boolean {
  const [x, y] = middleOf(object, camera);
  const alike = found.colour === object.colour && found.shape === object.shape && found.turn === object.turn && found.size === object.size;
  return alike && Math.abs(found.x - x) <= NEAR && Math.abs(found.y - y) <= NEAR;
}

function nothingDone(reason: string): Judgement {
  return { success: 0, minimal: 0, right: false, reasons: [reason] };
}

function round(points: number): number {
  return Math.round(points * 10) / 10;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
