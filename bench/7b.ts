/**
 * `deno task bench 7b`: a random Chameleon of Anole-7B's shapes on this machine: loading, a likelihood, image tokens, a training
 * step, each in a process of its own with its peak memory and its share of what the machine can do. It writes 14 GB into the
 * cache folder and removes them at the end, unless `keep` is said.
 *
 * @module
 */
import { hasInstructions, processorText } from "../lib/engine/processor.ts";
import { mebibytes } from "../lib/model/memory.ts";
import { ANOLE_7B } from "../lib/model/presets.ts";
import { machine } from "./machine.ts";
import { removeRandom7b, writeRandom7b } from "./random_7b.ts";

interface Measured {
  readonly load: number;
  readonly seconds: number;
  readonly positions: number;
  readonly read: number;
  readonly product: number;
  readonly value?: number;
  readonly first?: number;
  readonly best?: number;
}

/** The most that a process held, in bytes; a mapped file's pages are the system's to take back. */
interface Peak {
  readonly total: number;
  readonly anonymous: number;
  readonly file: number;
}

const STEPS = ["load", "draw", "score", "train"] as const;

/** Runs the bench; `only` names one step, or "keep". */
export async function main(only = ""): Promise<void> {
  console.log(`${cpuName()}, load ${Deno.loadavg()[0]!.toFixed(1)} of ${navigator.hardwareConcurrency} cores`);
  const folder = writeRandom7b();
  try {
    for (const step of STEPS.filter((step) => only === "" || only === "keep" || only === step)) {
      const { result, peak } = await measured(folder, step);
      console.log(
        `${step}: ${describe(step, result)}; peak ${mebibytes(peak.total)}, of it anonymous ${mebibytes(peak.anonymous)}, mapped ${
          mebibytes(peak.file)
        }`,
      );
      console.log(JSON.stringify({ bench: "7b", step, loadAverage: Deno.loadavg()[0], ...result, peak }));
    }
  } finally {
    if (only === "") removeRandom7b();
  }
}

/** Runs a step as a process and watches its memory. */
async function measured(folder: string, step: string): Promise<{ result: Measured; peak: Peak }> {
  const script = new URL("7b_ours.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), { args: ["run", "-A", script, folder, step], stdout: "piped" }).spawn();
  let peak: Peak = { total: 0, anonymous: 0, file: 0 };
  const timer = setInterval(() => peak = larger(peak, memoryOf(child.pid)), 50);
  const { success, stdout } = await child.output();
  clearInterval(timer);
  if (!success) throw new Error(`step ${step} failed after a peak of ${mebibytes(peak.total)}`);
  return { result: JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!), peak };
}

function larger(a: Peak, b: Peak): Peak {
  return { total: Math.max(a.total, b.total), anonymous: Math.max(a.anonymous, b.anonymous), file: Math.max(a.file, b.file) };
}

function memoryOf(pid: number): Peak {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const bytes = (key: string) => 1024 * Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0);
    return { total: bytes("VmRSS"), anonymous: bytes("RssAnon"), file: bytes("RssFile") };
  } catch {
    return { total: 0, anonymous: 0, file: 0 }; // it has ended
  }
}

const { layers, hiddenSize: width, intermediateSize: inner, vq } = ANOLE_7B;
const BLOCK = 4 * width ** 2 + 3 * width * inner; // weights of a block

function describe(step: typeof STEPS[number], { load, seconds, positions, read, product, value, first, best }: Measured): string {
  const share = (part: number) => `${(100 * part).toFixed(0)} %`;
  if (step === "load") return `${load.toFixed(1)} s`;
  const limit = `of the ${(product / 1e9).toFixed(0)} GFLOP/s that a product reaches`;
  if (step === "draw") {
    const bytes = 2 * (layers * BLOCK + vq.codes * width) + 4 * layers * width * positions; // weights, keys and values of the prompt
    const prompt = 2 * layers * BLOCK * positions / first! / product;
    return `a token of one row in ${seconds.toFixed(2)} s (best ${best!.toFixed(2)} s), ${(bytes / best! / 1e9).toFixed(1)} GB/s, ${
      share(bytes / best! / read)
    } of the ${(read / 1e9).toFixed(1)} GB/s that a product with a vector reads; prompt of ${positions} tokens in ${first!.toFixed(1)} s, ${
      share(prompt)
    } ${limit}`;
  }
  const attention = 2 * positions ** 2 * width; // causal half of both products
  const forward = layers * (2 * positions * BLOCK + attention);
  const flops = step === "score" ? forward : 3 * forward; // forward, once more, and back to the inputs
  const what = step === "score" ? "mean log-likelihood" : "loss";
  return `${positions} tokens in ${seconds.toFixed(1)} s, ${(flops / seconds / 1e9).toFixed(0)} GFLOP/s, ${
    share(flops / seconds / product)
  } ${limit}; ${what} ${value!.toFixed(3)}`;
}

function cpuName(): string {
  const { cpu } = machine();
  if (cpu === "unknown") return Deno.build.arch;
  const bf16 = hasInstructions("amx_bf16") ? "AMX-bf16" : hasInstructions("avx512_bf16") ? "AVX512-bf16, no AMX" : "no bf16";
  return `${cpu} (model ${processorText().match(/^model\s*: (.*)$/m)?.[1]}, ${bf16})`;
}

if (import.meta.main) await main(Deno.args[0]);
