/** Looking at picture sheets: what stands in which cell. */
import { decodeImage, type RgbImage } from "../../lib/tokens/mod.ts";

/** A picture of one colour. */
export function flat(red: number, green: number, blue: number, side = 8): RgbImage {
  return { width: side, height: side, data: Uint8Array.from({ length: 3 * side * side }, (_, i) => [red, green, blue][i % 3]!) };
}

/** A sheet's size, and the colours in the middles of its cells, row by row; white where there is no picture. */
export async function readSheet(png: Uint8Array, columns: number, rows: number): Promise<{ width: number; cells: string[][] }> {
  const { width, data } = await decodeImage(png, "sheet");
  const colour = (x: number, y: number) => [...data.slice(3 * (y * width + x), 3 * (y * width + x) + 3)].join();
  const cells = Array.from(
    { length: rows },
    (_, row) => Array.from({ length: columns }, (_, column) => colour(12 + 140 * column + 64, 34 + 162 * row + 22 + 64)), // cells of 128, gaps of 12, lines of 22
  );
  return { width, cells };
}
