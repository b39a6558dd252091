/**
 * `deno task bench train`: a LoRA step of ours beside three on PyTorch, same checkpoint, same batch, in alternating rounds:
 * transformers + PEFT as they are; the same with our head, image rows at loss positions, which shows what doing less brings; and a
 * step written by hand that does the work that ours does.
 *
 * @module
 */
import { writeSafetensors } from "../lib/model/safetensors.ts";
import { openBackend, randomInt, randomStream } from "../lib/engine/mod.ts";
import { CODES, FIRST_IMAGE, VOCABULARY, writeCheckpoint } from "./checkpoint.ts";
import { loadText, machine, machineText } from "./machine.ts";
import { alternate, type Answer, compared, median, type PairedCase, ratioText, round, timesOurs } from "./pairs.ts";
import { peerPython, report, startChild } from "./peer.ts";

interface Case {
  readonly name: string;
  readonly width: number;
  readonly layers: number;
  readonly batch: number;
  readonly checkpointing: boolean;
  readonly rank: number;
  readonly dropout: number;
}

interface Stepped extends Answer {
  readonly loss: number;
  readonly peak: number; // operations a second that a product reaches; ours alone
}

interface TrainCase extends PairedCase {
  readonly peer_with_our_head: number; // tokens/s
  readonly by_hand: number; // tokens/s
  readonly ratio_with_our_head: number;
  readonly ratio_by_hand: number;
  readonly share_of_product_peak: number;
}

const [PAPER, TINY] = [{ rank: 16, dropout: 0.05 }, { rank: 64, dropout: 0 }]; // as paper.yaml and tiny.yaml have them
const CASES: readonly Case[] = [
  { name: "d 256, 6 layers, 4 × 548", width: 256, layers: 6, batch: 4, checkpointing: false, ...PAPER },
  { name: "d 512, 8 layers, 4 × 548", width: 512, layers: 8, batch: 4, checkpointing: false, ...PAPER },
  { name: "d 512, 8 layers, 16 × 548, all checkpointed", width: 512, layers: 8, batch: 16, checkpointing: true, ...PAPER },
  { name: "d 256, 6 layers, 4 × 548, rank 64 without dropout", width: 256, layers: 6, batch: 4, checkpointing: false, ...TINY },
];
const [POSITIONS, IMAGE] = [548, 256];

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  await openBackend("tensorflow");
  const here = machine();
  console.log(machineText(here));
  const results: TrainCase[] = [];
  for (const each of CASES.filter(({ name }) => name.includes(only))) results.push(await measure(each, python));
  report("train", results, { machine: here, load_after: Number(loadText()) });
}

async function measure(bench: Case, python: string): Promise<TrainCase> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  writeCheckpoint(folder, bench.width, bench.layers);
  writeBatch(folder, bench.batch);
  const children = startSides(bench, python, folder);
  try {
    const { compiled } = await children.hand.ask<{ compiled: boolean }>({ choose: true });
    const ask = { steps: bench.batch > 4 ? 1 : 2 };
    const { ours, peer, rows, hand } = children;
    const rounds = await alternate<keyof typeof children, Stepped>({
      ours: { child: ours, ask },
      peer: { child: peer, ask },
      rows: { child: rows, ask },
      hand: { child: hand, ask },
    });
    return describe(bench, rounds.answers, rounds.others, compiled);
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The four processes, each with its model loaded once. */
function startSides({ checkpointing, rank, dropout }: Case, python: string, folder: string) {
  const file = (path: string) => new URL(path, import.meta.url).pathname;
  const shape = [`${FIRST_IMAGE}`, `${CODES}`, `${IMAGE}`, `${rank}`, `${dropout}`];
  const common = [`${checkpointing}`, `${navigator.hardwareConcurrency}`, ...shape];
  return {
    ours: startChild(Deno.execPath(), ["run", "-A", file("train_ours.ts"), folder, `${checkpointing}`, ...shape]),
    peer: startChild(python, [file("peers/train.py"), folder, "whole", ...common]),
    rows: startChild(python, [file("peers/train.py"), folder, "rows", ...common]),
    hand: startChild(python, [file("peers/train_by_hand.py"), folder, ...common]),
  };
}

function describe(
  { name, width, layers, batch, rank }: Case,
  { ours, peer, rows, hand }: Readonly<Record<"ours" | "peer" | "rows" | "hand", readonly Stepped[]>>,
  others: number,
  compiled: boolean,
): TrainCase {
  const count = batch * POSITIONS;
  const result = compared({ name, unit: "tokens/s", count }, ours, peer, others);
  const seconds = (side: readonly Stepped[]) => median(side.map(({ seconds }) => seconds));
  const share = flops(width, layers, batch, rank) / seconds(ours) / Math.max(...ours.map(({ peak }) => peak));
  const sides = { ours, peer, "with our head": rows, [`by hand${compiled ? ", compiled" : ""}`]: hand };
  const described = Object.entries(sides).map(([side, answers]) =>
    `${side} ${(seconds(answers) * 1000).toFixed(0)} ms, ${(answers.at(-1)!.memory / 2 ** 20).toFixed(0)} MiB, loss ${
      answers[0]!.loss.toFixed(3)
    }`
  );
  console.log(`${name}: ${described.join("; ")}; ${ratioText(result)}; ${(share * 100).toFixed(0)} % of the product peak`);
  return {
    ...result,
    ...{ peer_with_our_head: round(count / seconds(rows)), by_hand: round(count / seconds(hand)) },
    ...{ ratio_with_our_head: timesOurs(rows, ours), ratio_by_hand: timesOurs(hand, ours) },
    share_of_product_peak: round(share),
  };
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

/** Floating-point operations of a step's matrix products, without recomputation: forward, and backward to the inputs; updates beside the weights. */
function flops(width: number, layers: number, batch: number, rank: number): number {
  const inner = Math.floor(width * 11 / 4 / 64) * 64;
  const tokens = batch * POSITIONS;
  const weights = 4 * width ** 2 + 3 * width * inner;
  const lora = rank * (8 * width + 3 * (width + inner));
  const attention = 2 * 2 * tokens * POSITIONS * width * 0.5; // causal half of QKᵀ and PV
  const head = 2 * batch * IMAGE * width * CODES;
  return layers * (2 * 2 * tokens * weights + 3 * 2 * tokens * lora + 3 * attention) + 2 * head;
}

if (import.meta.main) await main(Deno.args[0]);
