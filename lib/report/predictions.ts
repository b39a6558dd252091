/**
 * What a world model predicts, as a picture: source, target, prediction, and where the loss looked.
 *
 * @module
 */
import { writeFile } from "../files.ts";
import type { Vqgan } from "../model/mod.ts";
import { hasDecoder } from "../model/vqgan.ts";
import { generate, type Sampler, type SamplingOptions } from "../sample/generate.ts";
import { decodedImages, squareCrop, type Vocabulary, worldPrompt } from "../tokens/mod.ts";
import { pictureCodes, pictureLength } from "../tokens/sequences.ts";
import { type EncodedTrajectory, recognitionWeights, type WeightOptions } from "../trajectories/mod.ts";
import { drawSheet, heatMap } from "./sheet.ts";

/**
 * Draws one prediction for each trajectory and writes them as a sheet. Without a decoder there is no picture.
 *
 * @param path the PNG
 * @param models the world model's sampler, the VQGAN that decodes, their vocabulary
 * @param items trajectories, a row each
 * @param options of sampling, and of the weights that are shown
 * @param xmp what the file says of itself
 *
 * @example A PNG
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const folder = Deno.makeTempDirSync();
 * const sampler = ws.imageSampler(chameleon, vocabulary);
 * const options = { temperature: 1, seed: 1, weights: "l2", normalise: "mean", floor: 0.5 } as const;
 * await ws.report.drawPredictions(`${folder}/p.png`, { sampler, vqgan, vocabulary }, encoded, options);
 * assert(Deno.statSync(`${folder}/p.png`).size > 1000);
 * ```
 */
export async function drawPredictions(
  path: string,
  { sampler, vqgan, vocabulary }: { readonly sampler: Sampler; readonly vqgan: Vqgan; readonly vocabulary: Vocabulary },
  items: readonly EncodedTrajectory[],
  options: SamplingOptions & WeightOptions,
  xmp?: string,
): Promise<void> {
  if (!hasDecoder(vqgan)) return console.warn(`No picture ${path}: the checkpoint has no decoder for image tokens`);
  const prompts = items.map(({ source, trajectory }) => worldPrompt(vocabulary, source, trajectory.action));
  const drawn = generate(sampler, prompts, pictureLength(vocabulary, items[0]!.target.length), options);
  const predictions = decodedImages(vqgan, drawn.map((ids) => pictureCodes(vocabulary, ids)));
  const side = vqgan.config.resolution;
  const rows = await Promise.all(items.map(async ({ trajectory, distances }, i) => ({
    caption: trajectory.action,
    images: [
      squareCrop(await trajectory.source.load(), side),
      squareCrop(await trajectory.target.load(), side),
      predictions[i]!,
      heatMap(recognitionWeights(distances, options), Math.sqrt(distances.length)),
    ],
  })));
  writeFile(path, await drawSheet(["source", "target", "prediction", "weights"], rows, xmp));
}
