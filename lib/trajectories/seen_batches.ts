/**
 * Batches for the dynamics model of a base that sees pictures otherwise than by their codes: Janus, by SigLIP.
 *
 * Shapes: B trajectories with two pictures of n places, D width.
 *
 * @module
 */
import { tf, tidy } from "../engine/mod.ts";
import type { Vqgan } from "../model/mod.ts";
import type { Sequence, Vocabulary } from "../tokens/mod.ts";
import { seenPictures } from "../tokens/image_codes.ts";
import { withPlaces } from "../tokens/sequences.ts";
import { type BatchShape, dynamicsBatch, type SizedBatch } from "./batches.ts";
import { type EncodedTrajectory, loadPair } from "./token_cache.ts";

/**
 * A batch for the dynamics model: `dynamicsBatch`, and where the base has eyes the same with what is seen in place of codes.
 *
 * @param items trajectories in tokens
 * @param vqgan of the base
 * @param vocabulary of the model
 * @param shape of the batch
 * @param rehearsed other sequences that are learnt beside them, which no base with eyes has
 * @returns tokens [B, T], labels and weights [B, N], what is seen [B, 2 · n, D], and how many tokens there are
 * @throws Error when a picture cannot be read any more
 *
 * @example The tiny base reads codes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const { tensors } = await ws.trajectories.seenDynamicsBatch(encoded, vqgan, vocabulary, { limit: 1024, multiple: 16 });
 * assertEquals([tensors.labels.shape[0], tensors.seen], [2, undefined]);
 * ```
 */
export async function seenDynamicsBatch(
  items: readonly EncodedTrajectory[],
  vqgan: Vqgan,
  vocabulary: Vocabulary,
  shape: BatchShape,
  rehearsed: readonly Sequence[] = [],
): Promise<SizedBatch> {
  if (!vqgan.see) return dynamicsBatch(items, vocabulary, shape, rehearsed);
  const pairs = await Promise.all(items.map(({ trajectory }) => loadPair(trajectory, vqgan)));
  const own = withPlaces(vocabulary, 2, items[0]!.source.length); // each row's own
  const [source, target] = own.places.map((places) => Uint16Array.from(places)) as [Uint16Array, Uint16Array];
  const { tensors, size } = dynamicsBatch(items.map((item) => ({ ...item, source, target })), own.vocabulary, shape);
  const seen = tidy(() => {
    const all = seenPictures(vqgan, pairs.flat()); // [N, n, D]
    const [, n, width] = all.shape as [number, number, number];
    return tf.reshape(tf.slice(all, [0, 0, 0], [2 * items.length, -1, -1]), [items.length, 2 * n, width]); // [B, 2·n, D]
  });
  return { tensors: { ...tensors, seen }, size };
}
