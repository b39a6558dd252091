/** Our side of `bench sample`: each line read asks for one drawing, or for rewards of what was drawn last. */
import { createInterface } from "node:readline";
import process from "node:process";
import { readJson } from "../lib/files.ts";
import { createAdapter, loadModel, PROJECTIONS, withAdapterTensors } from "../lib/model/mod.ts";
import { freezeHead } from "../lib/model/chameleon.ts";
import { adapterTensors } from "../lib/model/lora.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { generate, logLikelihoods } from "../lib/sample/mod.ts";
import { compile, normal, openBackend, seedTensor, type Tensor, tf, tidy } from "../lib/engine/mod.ts";
import { CODES, FIRST_IMAGE } from "./checkpoint.ts";

/** What the bench asks for. */
export interface Ask {
  /** Rows drawn together. */
  readonly rows: number;
  /** Prompts among them. */
  readonly sources: number;
  /** Tokens a row. */
  readonly tokens: number;
  /** Whether an adapter is on. */
  readonly adapter?: boolean;
  /** Reward the rows drawn last instead. */
  readonly verify?: boolean;
}

const folder = Deno.args[0]!;
await openBackend("tensorflow");
const model = loadModel(folder, "bfloat16").chameleon;
const head = freezeHead(model, { firstImage: FIRST_IMAGE, codes: CODES });
const prompts = readJson(`${folder}/prompts.json`) as number[][];
const sampler = { model, head, firstId: FIRST_IMAGE, pad: 1 };
const adapter = randomAdapter();
const action = Array.from({ length: 12 }, (_, i) => CODES + 20 + i);
let drawn: number[][] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line) as Ask;
  const start = performance.now();
  if (ask.verify) reward(ask);
  else drawn = draw(ask);
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ seconds, memory: peakMemory(), bytes: bytesRead(ask), readSpeed: ask.verify ? readSpeed() : 0 }));
}

function draw({ rows, sources, tokens, adapter: adapted }: Ask): number[][] {
  const asked = Array.from({ length: rows }, (_, i) => prompts[i % sources]!);
  return generate(adapted ? { ...sampler, adapter } : sampler, asked, tokens, { temperature: 1, seed: 1 });
}

function reward({ rows }: Ask): void {
  const family = drawn.slice(0, rows).map((ids) => ({ prompt: [...prompts[0]!.slice(0, 260), ...ids], completion: action }));
  logLikelihoods({ model, head: model.head, firstId: 0, pad: 1 }, [family]);
}

function randomAdapter() {
  const fresh = createAdapter(model.config, { rank: 16, alpha: 16, dropout: 0, targets: PROJECTIONS }, 1);
  const random = ({ shape }: Tensor, i: number) => tidy(() => tf.mul(normal(shape, seedTensor("bench adapter", i)), 0.01));
  return withAdapterTensors(fresh, [...adapterTensors(fresh).values()].map(random));
}

/** Bytes that a drawing must read: weights once a step, keys and values of each prompt once, those of each row up to its step. */
function bytesRead({ rows, sources, tokens }: Ask): number {
  const { layers, hiddenSize: width, heads, keyHeads, intermediateSize: inner } = model.config;
  const keyBytes = 2 * layers * width * keyHeads / heads * 2; // of a position, bfloat16
  const weights = 2 * (layers * (2 * width ** 2 * (1 + keyHeads / heads) + 3 * width * inner) + CODES * width);
  return tokens * (weights + sources * keyBytes * prompts[0]!.length) + rows * keyBytes * tokens ** 2 / 2;
}

/** Bytes a second that a sum over 256 MiB reads. */
function readSpeed(): number {
  const big = tf.ones([64, 2 ** 20]) as Tensor;
  const sum = compile((x: Tensor) => tf.sum(x) as Tensor);
  const times = [0, 1, 2, 3].map(() => {
    const start = performance.now();
    sum(big).dispose();
    return (performance.now() - start) / 1000;
  });
  big.dispose();
  return 4 * 64 * 2 ** 20 / Math.min(...times);
}
