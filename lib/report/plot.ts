/**
 * Line plots by Vega-Lite, as SVG and PNG. Vega is loaded when a plot is drawn.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { writeFile } from "../files.ts";

/** A point of a line. */
export interface PlotPoint {
  /** Along the axis below. */
  readonly x: number;
  /** Along the axis at the left. */
  readonly y: number;
  /** The line it belongs to. */
  readonly line: string;
  /** How far a band reaches above and below. */
  readonly spread?: number;
}

/**
 * Draws lines to `PATH.svg` and `PATH.png`.
 *
 * @param path the files' path without an ending
 * @param points the points of all lines
 * @param titles of the axes
 *
 * @example SVG and PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * await ws.report.plotLines(`${folder}/p`, [{ x: 0, y: 1, line: "a" }, { x: 1, y: 2, line: "a" }], { x: "step", y: "loss" });
 * assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).toSorted(), ["p.png", "p.svg"]);
 * ```
 */
export async function plotLines(
  path: string,
  points: readonly PlotPoint[],
  titles: { readonly x: string; readonly y: string },
): Promise<void> {
  await draw(path, {
    ...{ width: 520, height: 260, background: "white", data: { values: points.map(withBand) } },
    encoding: {
      x: { field: "x", type: "quantitative", title: titles.x },
      color: { field: "line", type: "nominal", title: null },
    },
    layer: [
      ...(points.some(({ spread = 0 }) => spread > 0) ? [BAND] : []),
      { mark: { type: "line", strokeWidth: 1.5 }, encoding: { y: { field: "y", type: "quantitative", title: titles.y } } },
    ],
  });
}

function withBand({ spread = 0, ...point }: PlotPoint) {
  return { ...point, low: point.y - spread, high: point.y + spread };
}

const BAND = {
  mark: { type: "area" as const, opacity: 0.15 },
  encoding: { y: { field: "low", type: "quantitative" as const }, y2: { field: "high" } },
};

/** A point of a scatter plot. */
export interface ScatterPoint {
  /** Along the axis below. */
  readonly x: number;
  /** Along the axis at the left. */
  readonly y: number;
  /** The panel's row. */
  readonly row: string;
  /** The panel's column. */
  readonly column: string;
  /** What its colour says. */
  readonly group: string;
}

/**
 * Draws scatter plots in rows and columns, each with the line where both axes are equal, to `PATH.svg` and `PATH.png`.
 *
 * @param path the files' path without an ending
 * @param points the points of all panels
 * @param titles of the axes
 *
 * @example SVG and PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * await ws.report.plotScatter(`${folder}/p`, [{ x: 0, y: 1, row: "r", column: "c", group: "g" }], { x: "true", y: "manipulated" });
 * assert(Deno.statSync(`${folder}/p.png`).size > 1000);
 * ```
 */
export async function plotScatter(
  path: string,
  points: readonly ScatterPoint[],
  titles: { readonly x: string; readonly y: string },
): Promise<void> {
  const values = points.flatMap(({ x, y }) => [x, y]);
  const domain = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] as [number, number];
  const axis = (field: "x" | "y") => ({ field, type: "quantitative" as const, title: titles[field], scale: { domain, zero: false } });
  const diagonal = domain.map((value) => ({ x: value, y: value }));
  await draw(path, {
    ...{ background: "white", data: { values: [...points] } },
    facet: { row: { field: "row", type: "nominal", title: null }, column: { field: "column", type: "nominal", title: null, sort: null } },
    spec: {
      ...{ width: 180, height: 180 },
      layer: [
        {
          mark: { type: "circle", size: 12, opacity: 0.6 },
          encoding: { x: axis("x"), y: axis("y"), color: { field: "group", type: "nominal", title: null } },
        },
        { data: { values: diagonal }, mark: { type: "line", strokeWidth: 1, color: "#888" }, encoding: { x: axis("x"), y: axis("y") } },
      ],
    },
  });
}

/** A value of a distribution. */
export interface PlotValue {
  /** The value. */
  readonly x: number;
  /** The group that it belongs to. */
  readonly group: string;
}

/**
 * Draws the distribution of values as a box for each group, the values as dots, to `PATH.svg` and `PATH.png`.
 *
 * @param path the files' path without an ending
 * @param values with their groups
 * @param titles of the axes
 *
 * @example SVG and PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * await ws.report.plotDistributions(`${folder}/p`, [{ x: 0, group: "g" }, { x: 2, group: "g" }], { x: "score", y: "" });
 * assert(Deno.statSync(`${folder}/p.png`).size > 1000);
 * ```
 */
export async function plotDistributions(
  path: string,
  values: readonly PlotValue[],
  titles: { readonly x: string; readonly y: string },
): Promise<void> {
  const x = { field: "x", type: "quantitative" as const, title: titles.x, scale: { zero: false } };
  const y = { field: "group", type: "nominal" as const, title: titles.y };
  await draw(path, {
    ...{ width: 480, height: { step: 22 }, background: "white", data: { values: [...values] } },
    layer: [
      { mark: { type: "tick", opacity: 0.25 }, encoding: { x, y } },
      { mark: { type: "boxplot", extent: "min-max", opacity: 0.7 }, encoding: { x, y } },
    ],
  });
}

/**
 * Draws the count of each group, side by side for each series, to `PATH.svg` and `PATH.png`.
 *
 * @param path the files' path without an ending
 * @param counts by group and series
 * @param titles of the axes
 *
 * @example SVG and PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * await ws.report.plotCounts(`${folder}/p`, [{ group: "g", series: "kept", count: 3 }], { x: "trajectories", y: "class" });
 * assert(Deno.statSync(`${folder}/p.png`).size > 1000);
 * ```
 */
export async function plotCounts(
  path: string,
  counts: readonly { readonly group: string; readonly series: string; readonly count: number }[],
  titles: { readonly x: string; readonly y: string },
): Promise<void> {
  await draw(path, {
    ...{ width: 480, height: { step: 12 }, background: "white", data: { values: [...counts] } },
    mark: "bar",
    encoding: {
      x: { field: "count", type: "quantitative", title: titles.x },
      y: { field: "group", type: "nominal", title: titles.y },
      yOffset: { field: "series", type: "nominal", sort: null },
      color: { field: "series", type: "nominal", title: null, sort: null },
    },
  });
}

async function draw(path: string, chart: TopLevelSpec): Promise<void> {
  const [vega, vegaLite, { default: sharp }] = await Promise.all([import("vega"), import("vega-lite"), import("sharp")]);
  const { spec } = vegaLite.compile(chart, { config: { legend: { labelLimit: 0 } } }); // names are shown whole
  const svg = await new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
  writeFile(`${path}.svg`, svg);
  writeFile(`${path}.png`, new Uint8Array(await sharp(new TextEncoder().encode(svg), { density: 144 }).png().toBuffer()));
}
