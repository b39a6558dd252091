/**
 * Reads a picture back into objects: classical vision on pixels, no model. Every pixel gets the nearest colour of the
 * palette; connected pixels of an object's colour are laid over the outlines of all shapes.
 *
 * @module
 */
import { resize, type RgbImage } from "../tokens/mod.ts";
import { FLOOR } from "./render.ts";
import { covers, partsOf } from "./shapes.ts";
import { type Colour, COLOURS, PITCH, type Shape, SHAPES, SIDE, type Size, SIZES, type Tone, TONES } from "./things.ts";

/** An object that was found. */
export interface FoundObject {
  /** Its colour. */
  readonly colour: Colour;
  /** The shape that fits best. */
  readonly shape: Shape;
  /** Its size. */
  readonly size: Size;
  /** Quarter turns, or 1 for a person with the arms up. */
  readonly turn: number;
  /** Its middle, in pixels of a 64-pixel image. */
  readonly x: number;
  /** Its middle, in pixels of a 64-pixel image. */
  readonly y: number;
  /** Intersection over union of its pixels and the shape's. */
  readonly fit: number;
}

/** What a picture shows. */
export interface Reading {
  /** Objects with a fit of 0.6 or more. */
  readonly objects: readonly FoundObject[];
  /** The tone of most of the background. */
  readonly tone: Tone;
  /** Whether there is a floor. */
  readonly floor: boolean;
  /** Share of the pixels that belong neither to an object nor to the background. */
  readonly mess: number;
}

const COLOUR_NAMES = Object.keys(COLOURS) as Colour[];
const TONE_NAMES = Object.keys(TONES) as Tone[];
const PALETTE = [...Object.values(COLOURS), ...Object.values(TONES), FLOOR].map(rgbOf);
const [FIRST_TONE, FLOOR_CLASS, UNKNOWN] = [COLOUR_NAMES.length, PALETTE.length - 1, PALETTE.length];
const FARTHEST = 70; // RGB distance at which a pixel is no longer of a colour
const FEWEST = 24; // pixels of an object
const LEAST_FIT = 0.6;

/**
 * Reads a picture.
 *
 * @param image a square picture; sizes other than 64 × 64 are resized
 * @returns what it shows
 *
 * @example As many objects as were drawn
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const scene = ws.world.randomScene(ws.engine.randomStream("example", 1), ws.world.DIFFICULTIES.easy);
 * const [picture] = await ws.world.renderScenes([scene]);
 * assertEquals(ws.world.readScene(picture!).objects.length, scene.objects.length);
 * ```
 */
export function readScene(image: RgbImage): Reading {
  const { data } = image.width === SIDE && image.height === SIDE ? image : resize(image, SIDE, SIDE, "bilinear");
  const classes = classify(data); // [64 · 64]
  const label = new Int16Array(classes.length); // which component a pixel belongs to, from 1
  const objects: FoundObject[] = [];
  const isObject = [false]; // by component
  for (let pixel = 0; pixel < classes.length; pixel++) {
    if (classes[pixel]! >= FIRST_TONE || label[pixel] !== 0) continue;
    const component = flood(classes, label, pixel, isObject.length);
    const found = component.length < FEWEST ? undefined : fitShape(component, COLOUR_NAMES[classes[pixel]!]!);
    isObject.push(found !== undefined);
    if (found) objects.push(found);
  }
  const { tone, floor } = backgroundOf(classes);
  return { objects, tone, floor, mess: messOf(classes, label, isObject, tone, floor) };
}

/** The palette's nearest colour for every colour of 5 bits a channel. */
const NEAREST = Uint8Array.from({ length: 1 << 15 }, (_, code) => {
  const rgb = [code >> 10, code >> 5 & 31, code & 31].map((level) => level * 8 + 4) as [number, number, number];
  const distances = PALETTE.map((colour) => Math.hypot(...colour.map((value, i) => value - rgb[i]!)));
  const least = Math.min(...distances);
  return least > FARTHEST ? UNKNOWN : distances.indexOf(least);
});

function classify(data: Uint8Array): Uint8Array {
  const classes = new Uint8Array(data.length / 3);
  for (let i = 0; i < classes.length; i++) {
    classes[i] = NEAREST[(data[3 * i]! >> 3 << 10) | (data[3 * i + 1]! >> 3 << 5) | data[3 * i + 2]! >> 3]!;
  }
  return classes;
}

/** Marks the connected pixels of one class, and returns them. */
function flood(classes: Uint8Array, label: Int16Array, first: number, mark: number): number[] {
  const pixels = [first];
  label[first] = mark;
  for (let i = 0; i < pixels.length; i++) {
    const at = pixels[i]!;
    const column = at % SIDE;
    const near = [at - SIDE, at + SIDE, column > 0 ? at - 1 : -1, column < SIDE - 1 ? at + 1 : -1];
    for (const next of near) {
      if (next < 0 || next >= classes.length || label[next] !== 0 || classes[next] !== classes[first]) continue;
      label[next] = mark;
      pixels.push(next);
    }
  }
  return pixels;
}

interface Template {
  readonly shape: Shape;
  readonly size: Size;
  readonly turn: number;
  readonly mask: Uint8Array; // [REACH · REACH], around its middle
  readonly area: number;
}

const REACH = 24; // pixels of a template's side; objects are 16 wide and may be found off by one
const TEMPLATES: readonly Template[] = SHAPES.flatMap((shape) =>
  (shape === "person" ? ["large"] as const : Object.keys(SIZES) as Size[]).flatMap((size) =>
    (shape === "triangle" ? [0, 1, 2, 3] : shape === "person" ? [0, 1] : [0]).map((turn) => {
      const parts = partsOf(shape, turn);
      const scale = 8 / SIZES[size];
      const at = (pixel: number) => (pixel + 0.5 - REACH / 2) * scale;
      const mask = Uint8Array.from({ length: REACH * REACH }, (_, i) => Number(covers(parts, at(i % REACH), at(Math.floor(i / REACH)))));
      return { shape, size, turn, mask, area: mask.reduce((a, b) => a + b, 0) };
    })
  )
);

/** The template that fits pixels best, or undefined when none fits well. */
function fitShape(pixels: readonly number[], colour: Colour): FoundObject | undefined {
  const columns = pixels.map((pixel) => pixel % SIDE);
  const rows = pixels.map((pixel) => Math.floor(pixel / SIDE));
  const middle = (values: number[]) => Math.round((Math.min(...values) + Math.max(...values) + 1) / 2);
  const [x, y] = [middle(columns), middle(rows)];
  let best: FoundObject | undefined;
  for (const { shape, size, turn, mask, area } of TEMPLATES) {
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const shared = overlap(mask, columns, rows, REACH / 2 - x - dx, REACH / 2 - y - dy);
        const fit = shared / (pixels.length + area - shared);
        if (fit >= LEAST_FIT && fit > (best?.fit ?? 0)) best = { colour, shape, size, turn, x: x + dx, y: y + dy, fit };
      }
    }
  }
  return best;
}

function overlap(mask: Uint8Array, columns: readonly number[], rows: readonly number[], right: number, down: number): number {
  let shared = 0;
  for (let i = 0; i < columns.length; i++) {
    const [column, row] = [columns[i]! + right, rows[i]! + down];
    if (column >= 0 && column < REACH && row >= 0 && row < REACH) shared += mask[row * REACH + column]!;
  }
  return shared;
}

function backgroundOf(classes: Uint8Array): { tone: Tone; floor: boolean } {
  const counts = new Uint32Array(UNKNOWN + 1);
  let floor = 0;
  classes.forEach((value, pixel) => {
    counts[value]!++;
    if (value === FLOOR_CLASS && pixel >= SIDE * (SIDE - 8)) floor++;
  });
  const tones = Array.from(counts.subarray(FIRST_TONE, FLOOR_CLASS));
  return { tone: TONE_NAMES[tones.indexOf(Math.max(...tones))]!, floor: floor > SIDE * 8 * 0.15 };
}

/** Pixels that are neither of the background nor within a pixel of an object, where edges mix. */
function messOf(classes: Uint8Array, label: Int16Array, isObject: readonly boolean[], tone: Tone, floor: boolean): number {
  const background = FIRST_TONE + TONE_NAMES.indexOf(tone);
  const nearObject = (pixel: number) =>
    [0, -1, 1, -SIDE, SIDE, -SIDE - 1, -SIDE + 1, SIDE - 1, SIDE + 1].some((step) => isObject[label[pixel + step] ?? 0]);
  let mess = 0;
  for (let pixel = 0; pixel < classes.length; pixel++) {
    const expected = classes[pixel] === background || floor && classes[pixel] === FLOOR_CLASS && pixel >= SIDE * (SIDE - 12);
    if (!expected && !nearObject(pixel)) mess++;
  }
  return mess / classes.length;
}

/** Row and column of the place nearest to a point. */
export function placeOf(x: number, y: number): { row: number; column: number } {
  return { row: Math.round((y - PITCH / 3) / PITCH), column: Math.round((x - PITCH / 3) / PITCH) };
}

function rgbOf(hex: string): [number, number, number] {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}
