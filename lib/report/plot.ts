/**
 * Line plots by Vega-Lite, as SVG and PNG. Vega is loaded when a plot is drawn.
 *
 * @module
 */
import { writeFile } from "../files.ts";

/** A point of a line. */
export interface PlotPoint {
  /** Along the axis below. */
  readonly x: number;
  /** Along the axis at the left. */
  readonly y: number;
  /** The line it belongs to. */
  readonly line: string;
}

/**
 * Draws lines to `PATH.svg` and `PATH.png`.
 *
 * @param path the files' path without an ending
 * @param points the points of all lines
 * @param titles of the axes
 */
export async function plotLines(
  path: string,
  points: readonly PlotPoint[],
  titles: { readonly x: string; readonly y: string },
): Promise<void> {
  const [vega, vegaLite, { default: sharp }] = await Promise.all([import("vega"), import("vega-lite"), import("sharp")]);
  const { spec } = vegaLite.compile({
    ...{ width: 520, height: 260, background: "white", data: { values: [...points] } },
    mark: { type: "line", strokeWidth: 1.5 },
    encoding: {
      x: { field: "x", type: "quantitative", title: titles.x },
      y: { field: "y", type: "quantitative", title: titles.y },
      color: { field: "line", type: "nominal", title: null },
    },
  });
  const svg = await new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
  writeFile(`${path}.svg`, svg);
  writeFile(`${path}.png`, new Uint8Array(await sharp(new TextEncoder().encode(svg), { density: 144 }).png().toBuffer()));
}
