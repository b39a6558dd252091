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
 */
export async function drawFamilies(trajectories: readonly WorldTrajectory[]): Promise<Uint8Array> {
  const rows = await Promise.all(FAMILIES.map(async (family) => {
    const own = trajectories.filter(({ subset }) => subset === family);
    const scenes = own.flatMap(({ before, after }) => [before, after]);
    return { caption: `${family}: ${own.map(({ action }) => action).join(" / ")}`, images: await renderScenes(scenes, 128) };
  }));
  return await drawSheet(["source", "target", "source", "target"], rows);
}
