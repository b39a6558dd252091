/**
 * Unlabelled videos of the tiny world: an action in the middle, idle before and after, a shaking camera, now and then
 * something else that moves, a cut, or no action at all. What a video is about is known as a class, as in Moments in Time
 * or UCF-101; what was done is kept aside for judging.
 *
 * @module
 */
import { type Random, randomInt, randomStream } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import type { RgbImage } from "../tokens/mod.ts";
import { randomTransition, type Transition } from "./dataset.ts";
import { DIFFICULTIES, type Difficulty, type DifficultyName } from "./difficulty.ts";
import { renderScenes } from "./render.ts";
import type { Scene, WorldObject } from "./scene.ts";
import { FAMILIES, type Family, PITCH } from "./things.ts";

/** What happens in a video beside, or instead of, its action. */
export type VideoKind = "action" | "background motion" | "cut" | "no action";

/** A video, as scenes. */
export interface WorldVideo {
  /** Its name. */
  readonly id: string;
  /** The family of what it shows. */
  readonly family: Family;
  /** Its class: the kind of the action, "nothing" where none is. */
  readonly label: string;
  /** What else happens. */
  readonly kind: VideoKind;
  /** A scene for each frame. */
  readonly frames: readonly Scene[];
  /** What is done; absent where nothing is. */
  readonly truth?: VideoTruth;
}

/** What is done in a video. */
export interface VideoTruth extends Transition {
  /** The last frame before anything of it shows. */
  readonly first: number;
  /** The first frame in which all is done. */
  readonly last: number;
}

/** Frames a second. */
export const FRAME_RATE = 12;
const KINDS: readonly VideoKind[] = [
  "action",
  "action",
  "action",
  "action",
  "action",
  "background motion",
  "background motion",
  "cut",
  "no action",
];
const MOVING = 10; // frames of an action

/**
 * Videos, the families in turn.
 *
 * @param difficulty the dial
 * @param seed of the data
 * @param count how many
 * @returns videos as scenes, with what is done in them
 *
 * @example A scene for each frame
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const [video] = ws.world.worldVideos("easy", 1, 1);
 * assert(video!.frames.length > 20);
 * ```
 */
export function worldVideos(difficulty: DifficultyName, seed: number, count: number): WorldVideo[] {
  return Array.from({ length: count }, (_, i) => {
    const random = randomStream("video", difficulty, seed, i);
    const family = FAMILIES[i % FAMILIES.length]!;
    return makeVideo(random, DIFFICULTIES[difficulty], family, `video-${difficulty}-${seed}-${i}`);
  });
}

/**
 * The frames of a video as pictures.
 *
 * @param video its scenes
 * @returns a picture for each frame
 *
 * @example As many pictures as frames
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const [video] = ws.world.worldVideos("easy", 1, 1);
 * assertEquals((await ws.world.renderVideo(video!)).length, video!.frames.length);
 * ```
 */
export async function renderVideo({ frames }: WorldVideo): Promise<RgbImage[]> {
  return await renderScenes(frames);
}

function makeVideo(random: Random, world: Difficulty, family: Family, id: string): WorldVideo {
  const transition = randomTransition(random, world, family);
  const kind = pick(random, KINDS);
  const [before, after] = [10 + randomInt(random, 10), 10 + randomInt(random, 10)]; // idle frames
  const acts = kind !== "no action";
  const progress = [...Array(before).fill(0), ...Array.from({ length: MOVING }, (_, i) => (i + 1) / MOVING), ...Array(after).fill(1)];
  const still = progress.map((share) => acts ? between(transition, share) : transition.before);
  const moving = kind === "background motion" ? still.map((scene, i) => swayed(scene, transition, i)) : still;
  const cut = kind === "cut" ? [...moving, ...Array<Scene>(12).fill(randomTransition(random, world, family).before)] : moving;
  return {
    ...{ id, family, kind, frames: shaken(random, cut), label: acts ? transition.meaning.kind : "nothing" },
    ...(acts && { truth: { ...transition, ...momentsOf(still) } }),
  };
}

/** The last frame before anything has changed, and the first after which nothing does. */
function momentsOf(frames: readonly Scene[]): { first: number; last: number } {
  const objects = frames.map((scene) => JSON.stringify([scene.objects, scene.background]));
  return {
    first: objects.findIndex((text) => text !== objects[0]) - 1,
    last: objects.findLastIndex((text) => text !== objects.at(-1)) + 1,
  };
}

/** The scene on the way: what moves glides, all else happens half-way. */
function between({ before, after }: Transition, share: number): Scene {
  if (share === 0) return before;
  if (share === 1) return { ...after, camera: before.camera };
  const shown = share < 0.5 ? before : after;
  const objects = shown.objects.map((object, i) => {
    const [from, to] = [before.objects[i], after.objects[i]];
    const glides = from && to && from !== to && before.objects.length === after.objects.length;
    return glides ? glide(object, from, to, share) : object;
  });
  return { ...shown, objects, camera: before.camera };
}

function glide(object: WorldObject, from: WorldObject, to: WorldObject, share: number): WorldObject {
  const across = PITCH * (to.column - from.column) * share + from.offset[0] + (to.offset[0] - from.offset[0]) * share;
  const down = PITCH * (to.row - from.row) * share + from.offset[1] + (to.offset[1] - from.offset[1]) * share;
  return { ...object, row: from.row, column: from.column, offset: [across, down] };
}

/** An object that the action leaves alone sways by a few pixels. */
function swayed(scene: Scene, { before, after }: Transition, frame: number): Scene {
  const idle = before.objects.find((object) => after.objects.includes(object));
  const sway = 2.5 * Math.sin(frame / 3);
  return {
    ...scene,
    objects: scene.objects.map((object) => object === idle ? { ...object, offset: [object.offset[0] + sway, object.offset[1]] } : object),
  };
}

/** The camera trembles by a pixel at most. */
function shaken(random: Random, scenes: readonly Scene[]): Scene[] {
  const tremble = () => Math.round(2 * random() - 1) * Math.round(random());
  return scenes.map((scene) => ({ ...scene, camera: [scene.camera[0] + tremble(), scene.camera[1] + tremble()] }));
}
