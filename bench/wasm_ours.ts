/** One side of `bench wasm`: the tiny model on the backend that is named; each line read asks for a training step or a drawing. */
import { createInterface } from "node:readline";
import process from "node:process";
import { adapterTensors, createAdapter, loadModel, PROJECTIONS } from "../lib/model/mod.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { dispose, openBackend, randomInt, randomStream, tf, tidy } from "../lib/engine/mod.ts";
import { takeNumber } from "../lib/engine/scope.ts";
import { drawObservations, imageSampler } from "../lib/sample/mod.ts";
import { loadVocabulary } from "../lib/tokens/mod.ts";
import { adamwStep, freshState } from "../lib/train/adamw.ts";
import { completionGradients } from "../lib/train/completion_loss.ts";

/** What the bench asks for: a step of training, or candidates of one source. */
export type Ask = { readonly work: "train" } | { readonly work: "draw"; readonly candidates: number };

/** What comes back. */
export interface Answer {
  /** Tokens a second. */
  readonly speed: number;
  /** Tokens a second of this process's own processor time, all threads together. */
  readonly ofProcessor: number;
  /** The loss of the step, or the codes that were drawn. */
  readonly values: readonly number[];
  /** Peak memory, bytes. */
  readonly memory: number;
}

const [BATCH, POSITIONS, CODES] = [8, 147, 64]; // of a step: the tiny world's transitions
await openBackend(Deno.args[0] as "tensorflow" | "wasm");
const { chameleon } = loadModel("data/tiny", "bfloat16");
const vocabulary = loadVocabulary("data/tiny", 1000);
const adapter = createAdapter(chameleon.config, { rank: 16, alpha: 16, dropout: 0, targets: PROJECTIONS }, 1);
const sampler = imageSampler(chameleon, vocabulary, adapter);
const random = randomStream("bench wasm");
const codes = (count: number) => Int32Array.from({ length: count }, () => randomInt(random, vocabulary.codes));
const batch = {
  tokens: tf.tensor2d(codes(BATCH * POSITIONS).map((code) => vocabulary.firstImage + code), [BATCH, POSITIONS], "int32"),
  padding: tf.zeros([1, 1, 1, POSITIONS]),
  labels: tf.tensor2d(codes(BATCH * CODES), [BATCH, CODES], "int32"),
  weights: tf.ones([BATCH, CODES]),
};
const gradients = completionGradients({ model: chameleon, head: sampler.head, adapter, checkpointing: false });
const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
const query = { id: "bench", source: codes(CODES), action: "move the red circle to the left" };
const choice = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1, seed: 1 };
let state = freshState([...adapterTensors(adapter).values()]);
let steps = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line) as Ask;
  const start = [performance.now(), processorTime()] as const;
  const { tokens, values } = ask.work === "train" ? step() : draw(ask.candidates);
  const [speed, ofProcessor] = [performance.now(), processorTime()].map((end, i) => 1000 * tokens / (end - start[i]!)) as [number, number];
  console.log(JSON.stringify({ speed, ofProcessor, values, memory: peakMemory() } satisfies Answer));
}

/** Milliseconds. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function step(): { tokens: number; values: number[] } {
  const { value, grads } = tidy(() => gradients(state.params, batch, null));
  const fresh = tidy(() => adamwStep(state, grads, tf.tensor1d([1e-3, ++steps]), adamw));
  const values = [takeNumber(value), takeNumber(fresh.norm)];
  dispose([grads, state]);
  state = fresh.state;
  return { tokens: BATCH * POSITIONS, values };
}

function draw(candidates: number): { tokens: number; values: number[] } {
  const [drawn] = drawObservations(sampler, vocabulary, [query], candidates, choice);
  return { tokens: candidates * CODES, values: drawn![0]! };
}
