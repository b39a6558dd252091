/**
 * `deno task bench train`: a LoRA step of ours beside one of transformers + PEFT, same checkpoint, same batch, one run.
 *
 * @module
 */
import { writeSafetensors } from "../lib/model/safetensors.ts";
import { openBackend, randomInt, randomStream } from "../lib/engine/mod.ts";
import { CODES, FIRST_IMAGE, VOCABULARY, writeCheckpoint } from "./checkpoint.ts";
import { type BenchCase, lastLine, peerPython, report } from "./peer.ts";

interface Case {
  readonly name: string;
  readonly width: number;
  readonly layers: number;
  readonly batch: number;
  readonly checkpointing: boolean;
  readonly peerCheckpointing: boolean;
}

interface Measured {
  readonly seconds: number;
  readonly loss: readonly number[];
  readonly memory: number;
  readonly peak?: number;
}

const CASES: readonly Case[] = [
  { name: "d 256, 6 layers, 4 × 548", width: 256, layers: 6, batch: 4, checkpointing: false, peerCheckpointing: false },
  { name: "d 512, 8 layers, 4 × 548", width: 512, layers: 8, batch: 4, checkpointing: false, peerCheckpointing: false },
  { name: "d 512, 8 layers, 16 × 548, both checkpointed", width: 512, layers: 8, batch: 16, checkpointing: true, peerCheckpointing: true },
  { name: "d 512, 8 layers, 16 × 548, ours checkpointed", width: 512, layers: 8, batch: 16, checkpointing: true, peerCheckpointing: false },
];
const [POSITIONS, IMAGE] = [548, 256];

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  await openBackend("tensorflow");
  const results: BenchCase[] = [];
  for (const each of CASES.filter(({ name }) => name.includes(only))) results.push(await measure(each, python));
  report("train", results);
}

async function measure({ name, width, layers, batch, checkpointing, peerCheckpointing }: Case, python: string): Promise<BenchCase> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  try {
    writeCheckpoint(folder, width, layers);
    writeBatch(folder, batch);
    const steps = batch > 4 ? "4" : "8";
    const deno = Deno.execPath();
    const ours = (mode: string, count = steps) =>
      lastLine<Measured>(deno, [
        "run",
        "-A",
        new URL("train_ours.ts", import.meta.url).pathname,
        folder,
        count,
        mode,
        `${CODES}`,
        `${IMAGE}`,
      ]);
    const mine = await ours(checkpointing ? "checkpointed" : "compiled");
    const threads = `${navigator.hardwareConcurrency}`;
    const peer = await lastLine<Measured>(python, [
      new URL("peers/train.py", import.meta.url).pathname,
      folder,
      steps,
      `${peerCheckpointing}`,
      threads,
    ]);
    const eager = checkpointing ? undefined : await ours("eager", "3");
    const tokens = batch * POSITIONS;
    const share = flops(width, layers, batch) / mine.seconds / mine.peak!;
    console.log(
      `${name}: ours ${(mine.seconds * 1000).toFixed(0)} ms, ${mib(mine.memory)} MiB; peer ${(peer.seconds * 1000).toFixed(0)} ms, ${
        mib(peer.memory)
      } MiB; ` +
        `${eager ? `eager ${(eager.seconds * 1000).toFixed(0)} ms; ` : ""}${(share * 100).toFixed(0)} % of the product peak of ${
          (mine.peak! / 1e9).toFixed(0)
        } GFLOP/s; ` +
        `loss ${mine.loss[0]!.toFixed(3)} and ${peer.loss[0]!.toFixed(3)}`,
    );
    const round = (x: number) => Number(x.toPrecision(4));
    return {
      case: name,
      unit: "tokens/s",
      ours: round(tokens / mine.seconds),
      peer: round(tokens / peer.seconds),
      ratio: round(peer.seconds / mine.seconds),
      memory_ratio: round(mine.memory / peer.memory),
    };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function writeBatch(folder: string, batch: number): void {
  const random = randomStream("bench", batch);
  const tokens = Int32Array.from({ length: batch * POSITIONS }, (_, i) => {
    const completion = i % POSITIONS >= POSITIONS - IMAGE;
    return completion ? FIRST_IMAGE + randomInt(random, CODES) : CODES + 10 + randomInt(random, VOCABULARY - CODES - 20);
  });
  const labels = tokens.map((id, i) => i % POSITIONS >= POSITIONS - IMAGE ? id : -100);
  const tensor = (name: string, values: Int32Array) => ({
    ...{ name, dtype: "I32" as const, shape: [batch, POSITIONS] },
    bytes: () => new Uint8Array(values.buffer),
  });
  writeSafetensors(`${folder}/batch.safetensors`, [tensor("tokens", tokens), tensor("labels", labels)]);
}

/** Floating-point operations of a step's matrix products, without recomputation: forward, and backward to the inputs. */
function flops(width: number, layers: number, batch: number): number {
  const inner = Math.floor(width * 11 / 4 / 64) * 64;
  const tokens = batch * POSITIONS;
  const weights = 4 * width ** 2 + 3 * width * inner;
  const lora = 16 * (8 * width + 3 * (width + inner));
  const attention = 2 * 2 * tokens * POSITIONS * width * 0.5; // causal half of QKᵀ and PV
  const head = 2 * batch * IMAGE * width * CODES;
  return layers * (2 * 2 * tokens * weights + 3 * 2 * tokens * lora + 3 * attention) + 2 * head;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

if (import.meta.main) await main(Deno.args[0]);
