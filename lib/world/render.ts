/**
 * Drawing scenes: SVG, rasterised by sharp, sixteen scenes at a time.
 *
 * @module
 */
import sharp from "sharp";
import { crop, type RgbImage } from "../tokens/mod.ts";
import { BACKGROUNDS, COLOURS, GRID, type Scene, SIZES, type WorldObject } from "./scene.ts";

/** Pixels of a scene's side. */
export const SIDE = 64;
/** Version of the drawing: caches of drawn scenes carry it. */
export const RENDERER = "world-1";

const SHEET = 16; // scenes a sheet: larger ones fall out of the cache and take longer a scene

/**
 * Draws scenes.
 *
 * @param scenes the scenes
 * @returns their images, 64 × 64
 */
export async function renderScenes(scenes: readonly Scene[]): Promise<RgbImage[]> {
  const images: RgbImage[] = [];
  for (let i = 0; i < scenes.length; i += SHEET) images.push(...await renderSheet(scenes.slice(i, i + SHEET)));
  return images;
}

async function renderSheet(scenes: readonly Scene[]): Promise<RgbImage[]> {
  const width = SIDE * scenes.length;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${SIDE}">${
    scenes.map((scene, i) => `<g transform="translate(${i * SIDE} 0)">${sceneSvg(scene)}</g>`).join("")
  }</svg>`;
  const data = await sharp(new TextEncoder().encode(svg)).removeAlpha().raw().toBuffer();
  const sheet = { width, height: SIDE, data: new Uint8Array(data) };
  return scenes.map((_, i) => crop(sheet, i * SIDE, 0, SIDE, SIDE));
}

function sceneSvg({ background, objects }: Scene): string {
  return `<rect width="${SIDE}" height="${SIDE}" fill="${BACKGROUNDS[background]}"/>${objects.map(objectSvg).join("")}`;
}

function objectSvg({ shape, colour, size, row, column }: WorldObject): string {
  const cell = SIDE / GRID;
  const [x, y, r] = [(column + 0.5) * cell, (row + 0.5) * cell, SIZES[size]];
  const fill = `fill="${COLOURS[colour]}"`;
  switch (shape) {
    case "circle":
      return `<circle cx="${x}" cy="${y}" r="${r}" ${fill}/>`;
    case "square":
      return `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${2 * r}" ${fill}/>`;
    case "triangle":
      return `<path d="M${x} ${y - r}L${x + r} ${y + r}H${x - r}Z" ${fill}/>`;
    case "diamond":
      return `<path d="M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z" ${fill}/>`;
  }
}
