/**
 * Outlines of shapes, as data: drawn as SVG, and asked pixel by pixel by the judge.
 *
 * @module
 */
import type { Shape } from "./things.ts";

/** A part of an outline around (0, 0), 16 units wide: a disc or a polygon. */
export type Part =
  | { readonly disc: readonly [x: number, y: number, radius: number] }
  | { readonly polygon: readonly (readonly [x: number, y: number])[] };

/** The parts of a shape after so many quarter turns; a person with 1 has the arms up. */
export function partsOf(shape: Shape, turn: number): readonly Part[] {
  switch (shape) {
    case "circle":
      return [{ disc: [0, 0, 8] }];
    case "square":
      return [box(-7, -7, 14, 14)];
    case "triangle":
      return [{ polygon: ([[0, -8], [8, 8], [-8, 8]] as const).map((point) => turned(point, turn)) }];
    case "diamond":
      return [{ polygon: [[0, -8], [8, 0], [0, 8], [-8, 0]] }];
    case "cross":
      return [{ polygon: [[-3, -8], [3, -8], [3, -3], [8, -3], [8, 3], [3, 3], [3, 8], [-3, 8], [-3, 3], [-8, 3], [-8, -3], [-3, -3]] }];
    case "person":
      return [{ disc: [0, -5, 3] }, box(-3, -3, 6, 7), box(-3, 4, 2.5, 4), box(0.5, 4, 2.5, 4), box(-7, -3, 14, 3), ...arms(turn === 1)];
  }
}

/** Whether a point lies in a shape. */
export function covers(parts: readonly Part[], x: number, y: number): boolean {
  return parts.some((part) =>
    "disc" in part ? (x - part.disc[0]) ** 2 + (y - part.disc[1]) ** 2 <= part.disc[2] ** 2 : isInside(part.polygon, x, y)
  );
}

/** A shape's parts as SVG. */
export function partsSvg(parts: readonly Part[]): string {
  return parts.map((part) =>
    "disc" in part
      ? `<circle cx="${part.disc[0]}" cy="${part.disc[1]}" r="${part.disc[2]}"/>`
      : `<path d="M${part.polygon.map((point) => point.join(" ")).join("L")}Z"/>`
  ).join("");
}

function arms(up: boolean): Part[] {
  return up ? [box(-7, -8, 3, 8), box(4, -8, 3, 8)] : [box(-7, -2, 3, 7), box(4, -2, 3, 7)];
}

function box(x: number, y: number, width: number, height: number): Part {
  return { polygon: [[x, y], [x + width, y], [x + width, y + height], [x, y + height]] };
}

function turned([x, y]: readonly [number, number], turns: number): [number, number] {
  return turns === 0 ? [x, y] : turned([-y, x], turns - 1);
}

/** Even-odd rule: how many edges a ray to the right crosses. */
function isInside(polygon: readonly (readonly [number, number])[], x: number, y: number): boolean {
  let inside = false;
  polygon.forEach(([x1, y1], i) => {
    const [x2, y2] = polygon[(i + 1) % polygon.length]!;
    if ((y1 > y) !== (y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1)) inside = !inside;
  });
  return inside;
}
