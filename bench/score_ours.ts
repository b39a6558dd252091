/** Our side of `bench score`: reads the checkpoint and the sequences; each line read asks to score them all, shared or whole. */
import { createInterface } from "node:readline";
import process from "node:process";
import { readJson } from "../lib/files.ts";
import { loadModel } from "../lib/model/mod.ts";
import { freezeHead } from "../lib/model/chameleon.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { logLikelihoods } from "../lib/sample/mod.ts";
import { openBackend } from "../lib/engine/mod.ts";
import type { Sequence } from "../lib/tokens/mod.ts";

const folder = Deno.args[0]!;
await openBackend("tensorflow");
const model = loadModel(folder, "bfloat16").chameleon;
const [firstImage, codes] = Deno.args.slice(1).map(Number); // for images, the rows of image tokens alone
const rows = codes
  ? { head: freezeHead(model, { firstImage: firstImage!, codes }), firstId: firstImage! }
  : { head: model.head, firstId: 0 };
const sampler = { model, ...rows, pad: 1 };
const families = readJson(`${folder}/families.json`) as Sequence[][];
const alone = families.flat().map((sequence) => [sequence]);

for await (const line of createInterface({ input: process.stdin })) {
  const { whole } = JSON.parse(line) as { whole?: boolean };
  const start = performance.now();
  const sums = logLikelihoods(sampler, whole ? alone : families).flat().map(({ sum }) => sum);
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, sums, memory: peakMemory() }));
}
