/**
 * Drawing scenes: SVG, rasterised by sharp, sixteen scenes at a time.
 *
 * @module
 */
import sharp from "sharp";
import { crop, type RgbImage } from "../tokens/mod.ts";
import { middleOf, type Scene, type WorldObject } from "./scene.ts";
import { partsOf, partsSvg } from "./shapes.ts";
import { COLOURS, type Pattern, SIDE, SIZES, TONES } from "./things.ts";

/** Version of the drawing: caches of drawn scenes carry it. */
export const RENDERER = "world-2";
/** Colour of the floor. */
export const FLOOR = "#586478";

const SHEET = 16; // scenes a sheet: larger ones fall out of the cache and take longer a scene

/**
 * Draws scenes.
 *
 * @param scenes the scenes
 * @param side pixels along a side
 * @returns their images, side × side
 *
 * @example 64 pixels a side
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const scene = ws.world.randomScene(ws.engine.randomStream("example", 1), ws.world.DIFFICULTIES.easy);
 * assertEquals((await ws.world.renderScenes([scene])).map(({ width }) => width), [64]);
 * ```
 */
export async function renderScenes(scenes: readonly Scene[], side = SIDE): Promise<RgbImage[]> {
  const images: RgbImage[] = [];
  for (let i = 0; i < scenes.length; i += SHEET) images.push(...await renderSheet(scenes.slice(i, i + SHEET), side));
  return images;
}

/**
 * A function that draws one scene: those that are asked for in a row are drawn together, since a sheet takes a fifth of the time that
 * its scenes take alone.
 */
export function drawTogether(): (scene: Scene) => Promise<RgbImage> {
  let scenes: Scene[] = [];
  let images: Promise<RgbImage[]> | undefined;
  const drawAll = async () => {
    await new Promise((resolve) => setTimeout(resolve)); // whoever asks now asks for more
    const asked = scenes;
    [scenes, images] = [[], undefined];
    return await renderScenes(asked);
  };
  return async (scene) => {
    const place = scenes.push(scene) - 1;
    return (await (images ??= drawAll()))[place]!;
  };
}

async function renderSheet(scenes: readonly Scene[], side: number): Promise<RgbImage[]> {
  const width = side * scenes.length;
  const inner = scenes.map((scene, i) => `<svg x="${i * SIDE}" width="${SIDE}" height="${SIDE}">${sceneSvg(scene)}</svg>`).join("");
  const view = `viewBox="0 0 ${SIDE * scenes.length} ${SIDE}"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${side}" ${view}>${inner}</svg>`;
  const data = await sharp(new TextEncoder().encode(svg)).removeAlpha().raw().toBuffer();
  const sheet = { width, height: side, data: new Uint8Array(data) };
  return scenes.map((_, i) => crop(sheet, i * side, 0, side, side));
}

/** A scene as SVG of 64 × 64 units, without the element around it. */
export function sceneSvg({ background, objects, camera }: Scene): string {
  const base = `<rect width="${SIDE}" height="${SIDE}" fill="${TONES[background.tone]}"/>`;
  return base + patternSvg(background.pattern, camera) + objects.map((object) => objectSvg(object, camera)).join("");
}

function patternSvg(pattern: Pattern, [right, down]: Scene["camera"]): string {
  const tiles = (step: number, filled: (i: number, j: number) => boolean) => {
    const cells = Array.from({ length: 2 * SIDE / step }, (_, i) => i);
    return cells.flatMap((i) => cells.filter((j) => filled(i, j)).map((j) => [i * step - SIDE / 2 + right, j * step - SIDE / 2 + down]))
      .map(([x, y]) => `<rect x="${x}" y="${y}" width="${step}" height="${step}" fill="#808080" fill-opacity="0.25"/>`).join("");
  };
  switch (pattern) {
    case "plain":
      return "";
    case "floor":
      return `<rect y="${SIDE - 8 + down}" width="${SIDE}" height="16" fill="${FLOOR}"/>`;
    case "stripes":
      return tiles(8, (_, j) => j % 2 === 0);
    case "checks":
      return tiles(8, (i, j) => (i + j) % 2 === 0);
  }
}

function objectSvg(object: WorldObject, camera: Scene["camera"]): string {
  const [x, y] = middleOf(object, camera);
  const { shape, turn, size, colour } = object;
  const parts = partsSvg(partsOf(shape, turn));
  return `<g transform="translate(${x} ${y}) scale(${SIZES[size] / 8})" fill="${COLOURS[colour]}">${parts}</g>`;
}
