/**
 * `deno task bench sharded`: what 1, 2 and 4 processes on this machine hold at most when they train on a base that each of them has whole,
 * and on one whose blocks are spread over them. The base is random, of width 1024 with 24 blocks, 768 MiB of bfloat16 in blocks; a step is
 * one sequence of 16 tokens a process. Beside memory: how long a step gathers, by the clock and by the processor.
 *
 * @module
 */
import { cacheFolder } from "../lib/engine/mod.ts";
import { freeAddresses } from "../lib/experiment/workers.ts";
import type { ChameleonConfig } from "../lib/model/mod.ts";
import { loadText, machine, machineText } from "./machine.ts";
import { startChild } from "./peer.ts";
import { writeRandom } from "./random_7b.ts";
import type { ShardedAnswer } from "./sharded_ours.ts";

const BASE: ChameleonConfig = {
  ...{ vocabSize: 1583, hiddenSize: 1024, intermediateSize: 4096, layers: 24, heads: 8, keyHeads: 8 },
  ...{ maxPositions: 1024, ropeTheta: 10000, rmsEpsilon: 1e-5, swinNorm: false },
  vq: {
    ...{ embedDim: 4, codes: 1000, latentChannels: 64, resolution: 64, baseChannels: 64 },
    ...{ channelMultiplier: [1, 1, 1, 1], resBlocks: 0, midAttention: false },
  },
};
const CASES = [[1, false], [2, true], [4, true], [2, false], [4, false]] as const;

/** Runs the bench; `only` is a number of processes. */
export async function main(only = ""): Promise<void> {
  const here = machine();
  console.log(machineText(here));
  const folder = writeRandom(`${cacheFolder()}/random-1024x24`, BASE);
  const results: Record<string, Record<string, number>> = {};
  try {
    for (const [processes, spread] of CASES) {
      if (only !== "" && Number(only) !== processes) continue;
      const name = `${processes} ${processes === 1 ? "process" : "processes"}, ${spread ? "spread" : "whole"}`;
      results[name] = worst(await measure(folder, processes, spread));
      console.log(`${name}: ${JSON.stringify(results[name])}`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  console.table(results);
  console.log(JSON.stringify({ bench: "sharded", machine: here, load_after: Number(loadText()), results }));
}

/** What each process says. */
function measure(folder: string, processes: number, spread: boolean): Promise<ShardedAnswer[]> {
  const addresses = freeAddresses(processes);
  const script = new URL("sharded_ours.ts", import.meta.url).pathname;
  return Promise.all(addresses.map(async (_, rank) => {
    const child = startChild(Deno.execPath(), ["run", "-A", script, folder, `${rank}`, addresses.join(), `${spread}`]);
    try {
      return await child.ask<ShardedAnswer>({});
    } finally {
      await child.stop();
    }
  }));
}

/** The largest of each number over all processes. */
function worst(answers: readonly ShardedAnswer[]): Record<string, number> {
  const names = Object.keys(answers[0]!) as (keyof ShardedAnswer)[];
  return Object.fromEntries(names.map((name) => [name, Math.round(10 * Math.max(...answers.map((answer) => answer[name]))) / 10]));
}

if (import.meta.main) await main(Deno.args[0]);
