/** Our side of `bench train`: reads the checkpoint and the batch; each line read asks for some steps. */
import { createInterface } from "node:readline";
import process from "node:process";
import { adapterTensors, createAdapter, loadModel, PROJECTIONS } from "../lib/model/mod.ts";
import { freezeHead } from "../lib/model/chameleon.ts";
import { compile, dispose, openBackend, seedTensor, type Tensor, tf, tidy, toPrecision } from "../lib/engine/mod.ts";
import { takeNumber } from "../lib/engine/scope.ts";
import { adamwStep, freshState } from "../lib/train/adamw.ts";
import { completionGradients } from "../lib/train/completion_loss.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { openReference } from "../test/support.ts";

const [folder, checkpointing] = [Deno.args[0]!, Deno.args[1] === "true"];
const [firstImage, codes, completions, rank, dropout] = Deno.args.slice(2).map(Number) as [number, number, number, number, number];
await openBackend("tensorflow");
const model = loadModel(folder, "bfloat16").chameleon;
const data = openReference(`${folder}/batch.safetensors`);
const [count, positions] = data.shape("tokens") as [number, number];
const tokens = data.tensor("tokens");
const next = tf.slice(tokens, [0, positions - completions], [count, completions]);
const batch = {
  tokens: tf.slice(tokens, [0, 0], [count, positions - 1]), // the last token is a label alone
  padding: tf.zeros([1, 1, 1, positions - 1]),
  labels: tf.sub(next, tf.scalar(firstImage, "int32")),
  weights: tf.ones([count, completions]),
};
const adapter = createAdapter(model.config, { rank, alpha: rank, dropout, targets: PROJECTIONS }, 1);
const gradients = completionGradients({ model, head: freezeHead(model, { firstImage, codes }), adapter, checkpointing });
const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
let state = freshState([...adapterTensors(adapter).values()]);
let taken = 0;
const product = compile((a: Tensor, b: Tensor) => tf.matMul(a as never, b as never, false, true) as Tensor);

for await (const line of createInterface({ input: process.stdin })) {
  const { steps } = JSON.parse(line) as { steps: number };
  const start = performance.now();
  let loss = 0;
  for (let i = 0; i < steps; i++) loss = step();
  const seconds = (performance.now() - start) / 1000 / steps;
  const memory = peakMemory(); // before the product's peak is measured, which takes memory of its own
  console.log(JSON.stringify({ seconds, loss, memory, peak: peakFlops() }));
}

function step(): number {
  const { value, grads } = tidy(() => gradients(state.params, batch, dropout > 0 ? seedTensor(1, taken) : null));
  const fresh = tidy(() => adamwStep(state, grads, tf.tensor1d([1e-4, ++taken]), adamw));
  const loss = takeNumber(value);
  takeNumber(fresh.norm);
  dispose([grads, state]);
  state = fresh.state;
  return loss;
}

/** The machine's matrix-product peak, as this engine reaches it: bfloat16, 2048³. */
function peakFlops(): number {
  const random = (seed: number) => toPrecision(tf.randomNormal([2048, 2048], 0, 1, "float32", seed), "bfloat16") as Tensor;
  const [a, b] = [random(1), random(2)];
  const seconds = Array.from({ length: 6 }, () => {
    const start = performance.now();
    product(a, b).dispose();
    return (performance.now() - start) / 1000;
  });
  dispose([a, b]);
  return 2 * 2048 ** 3 / Math.min(...seconds);
}
