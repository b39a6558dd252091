/**
 * What dynamics models say of trajectories, as a picture.
 *
 * @module
 */
import { writeFile } from "../files.ts";
import { squareCrop } from "../tokens/mod.ts";
import type { EncodedTrajectory } from "../trajectories/mod.ts";
import { drawSheet } from "./sheet.ts";

/**
 * Draws trajectories with what was done and what models say was done, a row each.
 *
 * @param path the PNG
 * @param items trajectories
 * @param said the actions of each model, in the trajectories' order
 * @param side pixels that the model sees of an image's side
 *
 * @example A PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const folder = Deno.makeTempDirSync();
 * await ws.report.drawActions(`${folder}/a.png`, encoded, [["open it", "close it"]], 64);
 * assert(Deno.statSync(`${folder}/a.png`).size > 1000);
 * ```
 */
export async function drawActions(
  path: string,
  items: readonly Pick<EncodedTrajectory, "trajectory">[],
  said: readonly (readonly string[])[],
  side: number,
): Promise<void> {
  const rows = await Promise.all(items.map(async ({ trajectory: { source, action, target } }, i) => ({
    caption: [action, ...said.map((actions) => actions[i] || "(nothing)")].join(" → "),
    images: [await source.load(), await target.load()].map((image) => squareCrop(image, side)),
  })));
  writeFile(path, await drawSheet(said.length > 1 ? ["source", "target", "", ""] : ["source", "target"], rows));
}
