/** Our side of `bench score`: reads the checkpoint and the sequences, scores them both ways, prints times and memory. */
import { readJson } from "../lib/files.ts";
import { loadModel } from "../lib/model/mod.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { logLikelihoods } from "../lib/sample/mod.ts";
import { openBackend } from "../lib/engine/mod.ts";
import type { Sequence } from "../lib/tokens/mod.ts";

const folder = Deno.args[0]!;
await openBackend("tensorflow");
const model = loadModel(folder, "bfloat16").chameleon;
const sampler = { model, head: model.head, firstId: 0, pad: 1 };
const families = readJson(`${folder}/families.json`) as Sequence[][];
const alone = families.flat().map((sequence) => [sequence]);

/** The median of a few runs, the first left out: it compiles. */
function timed(work: () => number[]): { seconds: number; sums: number[] } {
  let sums = work();
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    sums = work();
    return (performance.now() - start) / 1000;
  });
  return { seconds: times.sort((a, b) => a - b)[2]!, sums };
}

const shared = timed(() => logLikelihoods(sampler, families).flat().map(({ sum }) => sum));
const memory = peakMemory();
const whole = timed(() => logLikelihoods(sampler, alone).flat().map(({ sum }) => sum));
console.log(JSON.stringify({ seconds: shared.seconds, whole: whole.seconds, sums: shared.sums, memory }));
