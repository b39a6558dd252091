/**
 * Do recognition weights (paper §3.2) fall where a picture changes? On real triplets, by subset: how well the VQGAN's feature distances tell
 * the tokens whose pixels change from the others, and how they go with the size of the change.
 *
 * @module
 */
import { cacheFolder, openBackend } from "../lib/engine/mod.ts";
import { UserError } from "../lib/errors.ts";
import { mean, pearson } from "../lib/metrics/mod.ts";
import { loadModel } from "../lib/model/mod.ts";
import { markdownTable } from "../lib/report/table.ts";
import { type RgbImage, squareCrop } from "../lib/tokens/mod.ts";
import { encodeTrajectories, readAurora } from "../lib/trajectories/mod.ts";

const VISIBLE = 8; // of 255: a token whose pixels differ by more on average has changed

/** Runs the bench on an AURORA list; the last line is one JSON object. */
export async function main(list: string | undefined): Promise<void> {
  if (!list) throw new UserError("give an AURORA list: deno task bench weights test.json");
  await openBackend("auto");
  const { vqgan } = loadModel("data/tiny", "bfloat16");
  const { encoded } = await encodeTrajectories(readAurora(list).trajectories, vqgan, cacheFolder());
  const measured = await Promise.all(encoded.map(async ({ trajectory: { subset, source, target }, distances }) => {
    const [before, after] = [await source.load(), await target.load()].map((image) => squareCrop(image, vqgan.config.resolution));
    const change = changeByToken(before!, after!, Math.sqrt(distances.length));
    return { subset, ...agreement(Array.from(distances), change) };
  }));
  const subsets = Map.groupBy(measured, ({ subset }) => subset);
  const rows = [["all", measured] as const, ...subsets].map(([subset, own]) => ({
    ...{ subset, n: own.length, "tokens changed": mean(own.map(({ changed }) => changed)) },
    AUC: mean(own.flatMap(({ auc }) => auc ?? [])),
    Pearson: mean(own.flatMap(({ correlation }) => correlation ?? [])),
  }));
  console.log(markdownTable(rows));
  console.log(JSON.stringify({ bench: "weights", list: encoded.length, rows }));
}

/** Mean absolute difference of the pixels behind each token, row by row, 0 … 255. */
function changeByToken(before: RgbImage, after: RgbImage, side: number): number[] {
  const patch = before.width / side;
  const sums = new Array<number>(side * side).fill(0);
  before.data.forEach((value, i) => {
    const pixel = Math.floor(i / 3);
    const place = Math.floor(pixel / before.width / patch) * side + Math.floor(pixel % before.width / patch);
    sums[place]! += Math.abs(value - after.data[i]!) / (3 * patch * patch);
  });
  return sums;
}

/** The chance that a token that changed has the larger distance than one that did not, and the correlation; null where all are alike. */
function agreement(distances: readonly number[], change: readonly number[]) {
  const [changed, kept] = [(value: number) => value > VISIBLE, (value: number) => value <= VISIBLE]
    .map((holds) => distances.filter((_, i) => holds(change[i]!)));
  const wins = changed!.flatMap((a) => kept!.map((b) => a > b ? 1 : a === b ? 0.5 : 0));
  return { changed: changed!.length, auc: wins.length > 0 ? mean(wins) : null, correlation: pearson(distances, change) };
}
