/**
 * `deno task bench sample`: candidates of one source drawn by us and by transformers' `generate` on PyTorch; same checkpoint,
 * same prompt, one run. Also what one candidate more costs us, and what verification does.
 *
 * @module
 */
import { plotLines, type PlotPoint } from "../lib/report/mod.ts";
import { openBackend, randomInt, randomStream } from "../lib/engine/mod.ts";
import { CODES, FIRST_IMAGE, VOCABULARY, writeCheckpoint } from "./checkpoint.ts";
import { type BenchCase, lastLine, peerPython, report } from "./peer.ts";

interface Measured {
  readonly seconds: number;
  readonly memory: number;
}

interface Ours extends Measured {
  readonly byCount: Readonly<Record<string, number>>; // seconds for so many candidates
  readonly byLength: Readonly<Record<string, number>>; // seconds for so many tokens of 8 candidates
  readonly verify: Readonly<Record<string, number>>; // seconds to reward so many candidates
  readonly bytes: number; // of keys and values, a candidate
  readonly bandwidth: number; // bytes of weights, keys and values read a second
  readonly copy: number; // bytes a second that this machine reads
}

const CASES = [
  { name: "d 256, 6 layers, 8 candidates of one source", width: 256, layers: 6 },
  { name: "d 512, 8 layers, 8 candidates of one source", width: 512, layers: 8 },
];
const [PROMPT, TOKENS, CANDIDATES] = [288, 256, 8];

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  await openBackend("tensorflow");
  const results: BenchCase[] = [];
  const [byCount, byLength]: [PlotPoint[], PlotPoint[]] = [[], []];
  for (const { name, width, layers } of CASES.filter(({ name }) => name.includes(only))) {
    const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
    try {
      writeCheckpoint(folder, width, layers);
      const random = randomStream("bench sample", width);
      const text = () => CODES + 10 + randomInt(random, VOCABULARY - CODES - 20);
      const prompt = Array.from({ length: PROMPT }, (_, i) => i < 260 ? FIRST_IMAGE + randomInt(random, CODES) : text());
      Deno.writeTextFileSync(`${folder}/prompt.json`, JSON.stringify(prompt));
      const numbers = [`${TOKENS}`, `${CANDIDATES}`];
      const ours = await lastLine<Ours>(Deno.execPath(), [
        "run",
        "-A",
        new URL("sample_ours.ts", import.meta.url).pathname,
        folder,
        ...numbers,
      ]);
      const threads = `${navigator.hardwareConcurrency}`;
      const peer = await lastLine<Measured>(python, [new URL("peers/sample.py", import.meta.url).pathname, folder, ...numbers, threads]);
      console.log(describe(name, ours, peer));
      byCount.push(...Object.entries(ours.byCount).map(([n, y]) => ({ x: Number(n), y, line: name })));
      byLength.push(...Object.entries(ours.byLength).map(([n, y]) => ({ x: Number(n), y, line: name })));
      const round = (x: number) => Number(x.toPrecision(4));
      results.push({
        ...{
          case: name,
          unit: "tokens/s",
          ours: round(CANDIDATES * TOKENS / ours.seconds),
          peer: round(CANDIDATES * TOKENS / peer.seconds),
        },
        ...{ ratio: round(peer.seconds / ours.seconds), memory_ratio: round(ours.memory / peer.memory) },
      });
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }
  report("sample", results);
  await plotLines("runs/bench/candidates", byCount, { x: "candidates of one source, 256 tokens each", y: "seconds" });
  await plotLines("runs/bench/length", byLength, { x: "tokens of 8 candidates", y: "seconds" });
  console.log("  runs/bench/candidates.png, runs/bench/length.png   cost against N and against length");
}

function describe(name: string, { seconds, byCount, byLength, verify, bytes, bandwidth, copy }: Ours, peer: Measured): string {
  const list = (times: Readonly<Record<string, number>>) => Object.entries(times).map(([n, s]) => `${n}: ${s.toFixed(2)} s`).join(", ");
  return [
    `${name}: ours ${seconds.toFixed(2)} s, peer ${peer.seconds.toFixed(2)} s`,
    `  candidates ${list(byCount)}; 8 cost ${(byCount["8"]! / byCount["1"]!).toFixed(2)} times one; tokens ${list(byLength)}`,
    `  verification ${list(verify)}: 8 cost ${(verify["8"]! / verify["1"]!).toFixed(2)} times one`,
    `  keys and values ${(bytes / 2 ** 20).toFixed(1)} MiB a candidate; ${(bandwidth / 1e9).toFixed(1)} GB/s read, ${
      (100 * bandwidth / copy).toFixed(0)
    } % of the ${(copy / 1e9).toFixed(1)} GB/s that a sum reads`,
  ].join("\n");
}

if (import.meta.main) await main(Deno.args[0]);
