/** Our side of `bench train`: reads the checkpoint and the batch, trains a few steps, prints times and memory. */
import { adapterTensors, createAdapter, loadModel, PROJECTIONS, withAdapterTensors } from "../lib/model/mod.ts";
import { freezeHead } from "../lib/model/chameleon.ts";
import { compile, dispose, openBackend, seedTensor, type Tensor, tf, tidy, toPrecision, valueAndGradients } from "../lib/engine/mod.ts";
import { takeNumber } from "../lib/engine/scope.ts";
import { adamwStep, freshState } from "../lib/train/adamw.ts";
import { completionGradients, completionLoss } from "../lib/train/completion_loss.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { openReference } from "../test/support.ts";

const [folder, steps, mode] = [Deno.args[0]!, Number(Deno.args[1]), Deno.args[2] as "compiled" | "checkpointed" | "eager"];
await openBackend("tensorflow");
const model = loadModel(folder, "bfloat16").chameleon;
const [firstImage, codes] = [4, Number(Deno.args[3])];
const data = openReference(`${folder}/batch.safetensors`);
const [count, positions] = data.shape("tokens") as [number, number];
const completions = Number(Deno.args[4]);
const tokens = data.tensor("tokens");
const next = tf.slice(tokens, [0, positions - completions], [count, completions]);
const batch = {
  tokens: tf.slice(tokens, [0, 0], [count, positions - 1]), // the last token is a label alone
  padding: tf.zeros([1, 1, 1, positions - 1]),
  labels: tf.sub(next, tf.scalar(firstImage, "int32")),
  weights: tf.ones([count, completions]),
};
const adapter = createAdapter(model.config, { rank: 16, alpha: 16, dropout: 0.05, targets: PROJECTIONS }, 1);
const options = { model, head: freezeHead(model, { firstImage, codes }), adapter, checkpointing: mode === "checkpointed" };
const eager = (params: readonly Tensor[], seed: Tensor) =>
  valueAndGradients((factors) => completionLoss({ ...options, adapter: withAdapterTensors(adapter, factors) }, batch, seed), params);
const whole = completionGradients(options);
const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
let state = freshState([...adapterTensors(adapter).values()]);
const [times, losses]: [number[], number[]] = [[], []];
for (let i = 0; i < steps; i++) {
  const start = performance.now();
  const { value, grads } = tidy(() =>
    mode === "eager" ? eager(state.params, seedTensor(1, i)) : whole(state.params, batch, seedTensor(1, i))
  );
  const fresh = tidy(() => adamwStep(state, grads, tf.tensor1d([1e-4, i + 1]), adamw));
  losses.push(takeNumber(value));
  takeNumber(fresh.norm);
  dispose([grads, state]);
  state = fresh.state;
  times.push((performance.now() - start) / 1000);
}
times.splice(0, 1);
times.sort((a, b) => a - b);

/** The machine's matrix-product peak, as this engine reaches it: bfloat16, 2048³. */
function peakFlops(): number {
  const random = (seed: number) => toPrecision(tf.randomNormal([2048, 2048], 0, 1, "float32", seed), "bfloat16") as Tensor;
  const [a, b] = [random(1), random(2)];
  const product = compile((a: Tensor, b: Tensor) => tf.matMul(a as never, b as never, false, true) as Tensor);
  let best = Infinity;
  for (let i = 0; i < 6; i++) {
    const start = performance.now();
    product(a, b).dispose();
    best = Math.min(best, performance.now() - start);
  }
  return 2 * 2048 ** 3 / (best / 1000);
}

console.log(JSON.stringify({ seconds: times[Math.floor(times.length / 2)], loss: losses, memory: peakMemory(), peak: peakFlops() }));
