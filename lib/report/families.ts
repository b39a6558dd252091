/**
 * The tiny world as a picture.
 *
 * @module
 */
import { FAMILIES, renderScenes, type WorldTrajectory } from "../world/mod.ts";
import { drawSheet } from "./sheet.ts";

/**
 * Draws trajectories of the tiny world, a row for each family.
 *
 * @param trajectories two of each family
 * @returns a PNG
 *
 * @example A PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * assert((await ws.report.drawFamilies(ws.worldTrajectories("easy", 1, "bench", 10))).length > 1000);
 * ```
 */
export async function drawFamilies(trajectories: readonly WorldTrajectory[]): Promise<Uint8Array> {
  const rows = await Promise.all(FAMILIES.map(async (family) => {
    const own = trajectories.filter(({ subset }) => subset === family);
    const scenes = own.flatMap(({ before, after }) => [before, after]);
    return { caption: `${family}: ${own.map(({ action }) => action).join(" / ")}`, images: await renderScenes(scenes, 128) };
  }));
  return await drawSheet(["source", "target", "source", "target"], rows);
}
