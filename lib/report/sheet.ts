/**
 * Picture sheets: a row a trajectory, with source, target, prediction and weights side by side.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import sharp from "sharp";
import { encodePng, type RgbImage } from "../tokens/mod.ts";

/** A row of a sheet. */
export interface SheetRow {
  /** What stands above the row: the action, mostly. */
  readonly caption: string;
  /** Images, in the order of the headings. */
  readonly images: readonly RgbImage[];
}

const CELL = 128;
const GAP = 12;
const LINE = 22;

/**
 * Draws a sheet.
 *
 * @param headings of the columns
 * @param rows captions and images
 * @param xmp what the file says of itself, as in `encodePng`
 * @returns a PNG
 *
 * @example Two columns
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) });
 * const png = await ws.report.drawSheet(["before", "after"], [{ caption: "open it", images: [plain(0), plain(255)] }]);
 * assertEquals(new TextDecoder().decode(png.slice(1, 4)), "PNG");
 * ```
 */
export async function drawSheet(headings: readonly string[], rows: readonly SheetRow[], xmp?: string): Promise<Uint8Array> {
  const width = headings.length * (CELL + GAP) + GAP;
  const rowHeight = CELL + LINE + GAP;
  const height = LINE + GAP + rows.length * rowHeight;
  const text = (x: number, y: number, content: string, weight: string) =>
    `<text x="${x}" y="${y}" font-family="sans-serif" font-size="13" font-weight="${weight}" fill="#222">${escapeXml(content)}</text>`;
  const labels = [
    ...headings.map((heading, i) => text(GAP + i * (CELL + GAP), LINE - 4, heading, "bold")),
    ...rows.map(({ caption }, i) => text(GAP, LINE + GAP + i * rowHeight + LINE - 8, shortened(caption, width / 7.5), "normal")),
  ].join("");
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fff"/>${labels}</svg>`;
  const layers = await Promise.all(rows.flatMap(({ images }, row) =>
    images.map(async (image, column) => ({
      input: await enlarged(image),
      left: GAP + column * (CELL + GAP),
      top: LINE + GAP + row * rowHeight + LINE,
    }))
  ));
  const sheet = sharp(new TextEncoder().encode(svg)).composite(layers).png();
  return new Uint8Array(await (xmp === undefined ? sheet : sheet.withXmp(xmp)).toBuffer());
}

/** What a strip has beside its pictures. */
export interface StripOptions {
  /** What the first picture is called. */
  readonly title?: string;
  /** Rows below, such as what is true. */
  readonly below?: readonly SheetRow[];
  /** What the file says of itself; absent: nothing. */
  readonly xmp?: string | undefined;
}

/** A first picture and what followed each action, side by side. A PNG. */
export async function drawStrip(
  pictures: readonly RgbImage[],
  actions: readonly string[],
  { title, below = [], xmp }: StripOptions = {},
): Promise<Uint8Array> {
  const headings = ["source", ...actions.map((_, i) => `${i + 1}`)];
  const said = actions.map((action, i) => `${i + 1} ${action}`);
  const caption = (title === undefined ? said : [title, ...said]).join(" · ");
  return await drawSheet(headings, [{ caption, images: pictures }, ...below], xmp);
}

/**
 * Numbers on a grid as a heat map from dark to bright, the largest brightest.
 *
 * @param values row by row
 * @param side of the square grid
 * @returns side × side pixels
 *
 * @example The largest is the brightest
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { data } = ws.report.heatMap([0, 1, 2, 3], 2);
 * assert(data[9]! > data[0]!);
 * ```
 */
export function heatMap(values: ArrayLike<number>, side: number): RgbImage {
  const most = Math.max(1e-9, ...Array.from(values));
  const data = new Uint8Array(side * side * 3);
  for (let i = 0; i < side * side; i++) {
    const t = values[i]! / most;
    data.set([255 * Math.min(1, 1.6 * t), 255 * t ** 1.5, 80 + 60 * (1 - t) - 80 * t ** 2], 3 * i); // indigo, orange, cream
  }
  return { width: side, height: side, data };
}

async function enlarged(image: RgbImage): Promise<Buffer> {
  const kernel = image.width < CELL ? "nearest" : "lanczos3";
  return await sharp(await encodePng(image)).resize(CELL, CELL, { kernel, fit: "contain", background: "#fff" }).png().toBuffer();
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function escapeXml(text: string): string {
  return text.replace(/\p{Cc}|[\ufffe\uffff]|\p{Cs}/gu, "\ufffd").replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`); // XML has no control characters
}
