/**
 * Scenes of the tiny world, as data: objects in the cells of a grid on a plain background.
 *
 * @module
 */
import { permutation, pick, type Random, randomInt } from "../tensor/mod.ts";

/** What an object can look like. */
export const SHAPES = ["circle", "square", "triangle", "diamond"] as const;
/** Colours of objects, as they are called and drawn. */
export const COLOURS = {
  red: "#e02020",
  green: "#18a038",
  blue: "#2050e0",
  yellow: "#f0c800",
  purple: "#9030c0",
  orange: "#f07818",
} as const;
/** Sizes, as radii in pixels of a 64-pixel image. */
export const SIZES = { small: 5, large: 7.5 } as const;
/** Backgrounds, as they are called and drawn. */
export const BACKGROUNDS = { white: "#f4f4f4", grey: "#b8b8b8", brown: "#8a7462", black: "#303030" } as const;
/** Cells along a side: each is 16 pixels, two image tokens of the tiny model. */
export const GRID = 4;

/** A shape's name. */
export type Shape = typeof SHAPES[number];
/** A colour's name. */
export type Colour = keyof typeof COLOURS;
/** A size's name. */
export type Size = keyof typeof SIZES;
/** A background's name. */
export type Background = keyof typeof BACKGROUNDS;

/** An object. */
export interface WorldObject {
  /** Its shape. */
  readonly shape: Shape;
  /** Its colour. */
  readonly colour: Colour;
  /** Its size. */
  readonly size: Size;
  /** Its row, 0 at the top. */
  readonly row: number;
  /** Its column, 0 at the left. */
  readonly column: number;
}

/** A scene. No two objects share a cell, or both shape and colour. */
export interface Scene {
  /** What is behind the objects. */
  readonly background: Background;
  /** The objects. */
  readonly objects: readonly WorldObject[];
}

/** A random object in a cell. */
export function randomObject(random: Random, row: number, column: number): WorldObject {
  return {
    shape: pick(random, SHAPES),
    colour: pick(random, Object.keys(COLOURS) as Colour[]),
    size: pick(random, Object.keys(SIZES) as Size[]),
    row,
    column,
  };
}

/**
 * A random scene.
 *
 * @param random the stream to draw from
 * @param least fewest objects
 * @param most most objects
 * @returns a scene with so many objects
 */
export function randomScene(random: Random, least = 1, most = 3): Scene {
  const count = least + randomInt(random, most - least + 1);
  const cells = permutation(random, GRID * GRID);
  const objects: WorldObject[] = [];
  while (objects.length < count) {
    const cell = cells[objects.length]!;
    const object = randomObject(random, Math.floor(cell / GRID), cell % GRID);
    if (!objects.some((other) => sameKind(object, other))) objects.push(object);
  }
  return { background: pick(random, Object.keys(BACKGROUNDS) as Background[]), objects };
}

/** Whether two objects are called the same. */
export function sameKind(a: WorldObject, b: WorldObject): boolean {
  return a.shape === b.shape && a.colour === b.colour;
}

/** Whether a cell is in the grid and free. */
export function isFree({ objects }: Scene, row: number, column: number): boolean {
  const inside = row >= 0 && row < GRID && column >= 0 && column < GRID;
  return inside && !objects.some((object) => object.row === row && object.column === column);
}

/** How an object is called. */
export function nameOf({ colour, shape }: Pick<WorldObject, "colour" | "shape">): string {
  return `${colour} ${shape}`;
}
