/**
 * Scenes of the tiny world, as data: objects in the places of a 3 × 3 lattice on a background.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { permutation, type Random, randomInt } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import type { Difficulty } from "./difficulty.ts";
import { GRID, type Name, type Pattern, PITCH, type Shape, type Size, type Tone } from "./things.ts";

/** An object. */
export interface WorldObject extends Name {
  /** Its size. */
  readonly size: Size;
  /** Quarter turns clockwise; a person with 1 has the arms up. */
  readonly turn: number;
  /** Its row, 0 at the top. */
  readonly row: number;
  /** Its column, 0 at the left. */
  readonly column: number;
  /** Pixels to the right and down from the place's middle; 0 where the world has no jitter. */
  readonly offset: readonly [number, number];
}

/** A scene. No two objects share a place, or both shape and colour; there is one person at most. */
export interface Scene {
  /** What is behind the objects. */
  readonly background: { readonly tone: Tone; readonly pattern: Pattern };
  /** The objects; later ones are drawn over earlier ones. */
  readonly objects: readonly WorldObject[];
  /** Pixels by which the camera is shifted to the right and down. */
  readonly camera: readonly [number, number];
}

/** What a random scene must be. */
export interface SceneWish {
  /** Whether there must be a floor; by default by chance. */
  readonly floor?: boolean;
  /** Whether there must be a person; by default by chance. */
  readonly person?: boolean;
  /** Fewest objects. */
  readonly least?: number;
  /** Most objects, distractors not counted. */
  readonly most?: number;
}

/**
 * A random scene.
 *
 * @param random the stream to draw from
 * @param world the dial
 * @param wish what it must be
 * @returns a scene
 * @throws UserError when the world cannot hold so many objects
 *
 * @example Equal streams, equal scenes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const draw = () => ws.world.randomScene(ws.engine.randomStream("example", 1), ws.world.DIFFICULTIES.default);
 * assertEquals(draw(), draw());
 * ```
 */
export function randomScene(random: Random, world: Difficulty, wish: SceneWish = {}): Scene {
  const { least = world.objects[0], most = world.objects[1], person = random() < 0.25, floor = random() < 0.25 } = wish;
  if (!(least >= 0 && least <= most && most + world.distractors <= GRID * GRID)) {
    throw new UserError(
      `Cannot make a scene of ${least} to ${most} objects and ${world.distractors} distractors: it has ${GRID * GRID} places`,
    );
  }
  const count = least + randomInt(random, most - least + 1) + randomInt(random, world.distractors + 1);
  const places = permutation(random, GRID * GRID);
  const objects: WorldObject[] = [];
  while (objects.length < count) {
    const place = places[objects.length]!;
    const shape = person && objects.length === 0 ? "person" : pick(random, world.shapes);
    const object = randomObject(random, world, shape, Math.floor(place / GRID), place % GRID);
    if (!objects.some((other) => isCalled(other, object))) objects.push(object);
  }
  const pattern = floor ? "floor" : pick(random, world.patterns);
  const shift = () => randomInt(random, 2 * world.cameraShift + 1) - world.cameraShift;
  return { background: { tone: pick(random, world.tones), pattern }, objects, camera: [shift(), shift()] };
}

/** A random object of a shape in a place. */
export function randomObject(random: Random, world: Difficulty, shape: Shape, row: number, column: number): WorldObject {
  const jitter = (place: number) => { // inwards at the edges
    const offset = randomInt(random, 2 * world.jitter + 1) - world.jitter;
    return place === 0 ? Math.abs(offset) : place === GRID - 1 ? -Math.abs(offset) : offset;
  };
  return {
    shape,
    colour: pick(random, world.colours),
    size: shape === "person" ? "large" : pick(random, world.sizes),
    turn: shape === "person" ? randomInt(random, 2) : shape === "triangle" ? pick(random, world.turns) : 0,
    row,
    column,
    offset: [jitter(column), jitter(row)],
  };
}

/** Whether an object is called so; there is one person at most, whatever its colour. */
export function isCalled(object: Name, { colour, shape }: Name): boolean {
  return object.shape === shape && (shape === "person" || object.colour === colour);
}

/** Whether a place is in the lattice and free. */
export function isFree({ objects }: Scene, row: number, column: number): boolean {
  const inside = row >= 0 && row < GRID && column >= 0 && column < GRID;
  return inside && !objects.some((object) => object.row === row && object.column === column);
}

/** Middle of an object in pixels of a 64-pixel image, the camera's shift included. */
export function middleOf({ row, column, offset }: WorldObject, [right, down]: Scene["camera"]): [x: number, y: number] {
  return [PITCH * column + PITCH / 3 + offset[0] + right, PITCH * row + PITCH / 3 + offset[1] + down];
}
