/**
 * `deno task bench score`: log-likelihoods of many completions after few prompts, ours with shared prefixes, ours with every
 * sequence whole, and transformers' on PyTorch; same checkpoint, same sequences, one run.
 *
 * @module
 */
import { openBackend, randomInt, randomStream } from "../lib/engine/mod.ts";
import type { Sequence } from "../lib/tokens/mod.ts";
import { CODES, FIRST_IMAGE, VOCABULARY, writeCheckpoint } from "./checkpoint.ts";
import { type BenchCase, lastLine, peerPython, report } from "./peer.ts";

interface Case {
  readonly name: string;
  readonly width: number;
  readonly layers: number;
  readonly prompt: number; // ids that the sequences of a family share
  readonly completion: number;
}

interface Measured {
  readonly seconds: number;
  readonly whole?: number;
  readonly sums: readonly number[];
  readonly memory: number;
}

const CASES: readonly Case[] = [
  { name: "d 256, 8 actions each of 4 pairs of images", width: 256, layers: 6, prompt: 530, completion: 12 },
  { name: "d 512, 8 actions each of 4 pairs of images", width: 512, layers: 8, prompt: 530, completion: 12 },
  { name: "d 512, 8 images each of 4 sources", width: 512, layers: 8, prompt: 280, completion: 256 },
];
const [FAMILIES, EACH] = [4, 8];

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  await openBackend("tensorflow");
  const results: BenchCase[] = [];
  for (const each of CASES.filter(({ name }) => name.includes(only))) results.push(await measure(each, python));
  report("score", results);
}

async function measure(bench: Case, python: string): Promise<BenchCase> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  try {
    writeCheckpoint(folder, bench.width, bench.layers);
    Deno.writeTextFileSync(`${folder}/families.json`, JSON.stringify(randomFamilies(bench)));
    const ours = await lastLine<Measured>(Deno.execPath(), ["run", "-A", new URL("score_ours.ts", import.meta.url).pathname, folder]);
    const peer = await lastLine<Measured>(python, [
      new URL("peers/score.py", import.meta.url).pathname,
      folder,
      `${navigator.hardwareConcurrency}`,
    ]);
    const apart = Math.max(...ours.sums.map((sum, i) => Math.abs(sum - peer.sums[i]!) / bench.completion));
    console.log(
      `${bench.name}: shared ${ms(ours.seconds)}, whole ${ms(ours.whole!)} (${(ours.whole! / ours.seconds).toFixed(1)} times), peer ${
        ms(peer.seconds)
      }; means a token differ by ${apart.toFixed(4)} at most`,
    );
    const round = (x: number) => Number(x.toPrecision(4));
    const sequences = FAMILIES * EACH;
    return {
      case: bench.name,
      unit: "sequences/s",
      ours: round(sequences / ours.seconds),
      peer: round(sequences / peer.seconds),
      ratio: round(peer.seconds / ours.seconds),
      memory_ratio: round(ours.memory / peer.memory),
    };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function randomFamilies({ prompt, completion }: Case): Sequence[][] {
  const random = randomStream("bench score", prompt);
  const isImage = completion === 256;
  const draw = (count: number, image: boolean) =>
    Array.from(
      { length: count },
      () => image ? FIRST_IMAGE + randomInt(random, CODES) : CODES + 10 + randomInt(random, VOCABULARY - CODES - 20),
    );
  return Array.from({ length: FAMILIES }, () => {
    const shared = draw(prompt, true);
    return Array.from({ length: EACH }, () => ({ prompt: shared, completion: draw(completion, isImage) }));
  });
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}

if (import.meta.main) await main(Deno.args[0]);
