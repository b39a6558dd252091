/**
 * Pictures, tables and trajectories that show themselves as a notebook cell's last value: the Deno kernel asks a value for its
 * `Jupyter.display`.
 *
 * @module
 */
import { encodeBase64, readBytes } from "../files.ts";
import type { Imagined } from "../sample/mod.ts";
import { encodePng, type RgbImage } from "../tokens/mod.ts";
import type { Trajectory } from "../trajectories/mod.ts";
import { drawSheet } from "./sheet.ts";
import { markdownTable, type TableRow } from "./table.ts";

/** What can be shown: a picture's pixels, its PNG or the path of one, trajectories, candidates, the rows of a table. */
export type Showable = RgbImage | Uint8Array | string | Trajectory | readonly Trajectory[] | readonly Imagined[] | readonly TableRow[];

/** A value that shows itself. */
export type Shown = Readonly<Record<symbol, () => Promise<Readonly<Record<string, string>>>>>;

/**
 * Makes a value show itself as the last one of a cell.
 *
 * @param value a picture, as pixels, PNG or the path of one; trajectories, as a sheet of source and target with the action; candidates of
 *   `imagine()`, side by side; rows, as a table
 * @returns what the cell ends with
 *
 * @example A table
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const shown = ws.show([{ system: "C-FT", score: 4.2 }]);
 * const outputs = await shown[Symbol.for("Jupyter.display")]!();
 * assertEquals(outputs["text/markdown"]!.split("\n")[0]!.includes("system"), true);
 * ```
 */
export function show(value: Showable): Shown {
  return { [Symbol.for("Jupyter.display")]: () => outputsOf(value) };
}

/** A cell's outputs, by media type. */
async function outputsOf(value: Showable): Promise<Record<string, string>> {
  if (typeof value === "string") return png(readBytes(value));
  if (value instanceof Uint8Array) return png(value);
  if ("data" in value && "width" in value) return png(await encodePng(value as RgbImage));
  const items = [value].flat() as readonly (Trajectory | Imagined | TableRow)[];
  if (items.length > 0 && items.every(isTrajectory)) return png(await pairsSheet(items));
  if (items.length > 0 && items.every(isImagined)) return png(await candidatesSheet(items));
  return { "text/markdown": markdownTable(items as readonly TableRow[]) };
}

function png(bytes: Uint8Array): Record<string, string> {
  return { "image/png": encodeBase64(bytes) };
}

function isTrajectory(item: Trajectory | Imagined | TableRow): item is Trajectory {
  return "source" in item && typeof item.source === "object" && item.source !== null;
}

function isImagined(item: Trajectory | Imagined | TableRow): item is Imagined {
  return "picture" in item && typeof item.picture === "object" && item.picture !== null;
}

async function pairsSheet(trajectories: readonly Trajectory[]): Promise<Uint8Array> {
  const rows = await Promise.all(
    trajectories.map(async ({ action, source, target }) => ({ caption: action, images: [await source.load(), await target.load()] })),
  );
  return await drawSheet(["source", "target", ""], rows);
}

async function candidatesSheet(candidates: readonly Imagined[]): Promise<Uint8Array> {
  const headings = candidates.map(({ logLikelihood }) => logLikelihood.toFixed(2));
  const row = { caption: "log-likelihood of the action, the likeliest first", images: candidates.map(({ picture }) => picture) };
  return await drawSheet(headings, [row]);
}
