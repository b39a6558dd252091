/** One piece of work of `bench plan` in a process of its own: prints what was planned for it and what it took, in bytes. */
import { normal, openBackend, randomInt, randomStream, seedTensor, type Tensor, tf, tidy } from "../lib/engine/mod.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import {
  adapterTensors,
  createAdapter,
  decodeCodes,
  loadModel,
  planCheckpoint,
  planMemory,
  PROJECTIONS,
  type Vqgan,
} from "../lib/model/mod.ts";
import { drawingBytes, ENGINE_BYTES, pictureBytes, scoringBytes } from "../lib/model/memory.ts";
import { vqShapes } from "../lib/model/vqgan.ts";
import { generate, logLikelihoods } from "../lib/sample/mod.ts";
import { adamwStep, freshState } from "../lib/train/adamw.ts";
import { completionGradients } from "../lib/train/completion_loss.ts";
import { encodePictures } from "../lib/tokens/mod.ts";
import { freezeHead } from "../lib/model/chameleon.ts";
import { ANOLE_7B } from "../lib/model/presets.ts";

const [folder, work, count] = [Deno.args[0]!, Deno.args[1]!, Number(Deno.args[2])];
Deno.env.set("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory="); // compiling takes memory, too: the plan is for a first run
await openBackend("tensorflow");
const plan = planCheckpoint(folder, "bfloat16");
const { config } = plan;
const [POSITIONS, IMAGE, BYTES] = [548, 256, 2];
const random = randomStream("bench plan");
const ids = (length: number) => Array.from({ length }, () => 10 + randomInt(random, 1000));

console.log(JSON.stringify({ planned: run(), measured: peakMemory() }));
Deno.exit(0);

/** Does the work; gives the plan's bytes. */
function run(): number {
  if (work.startsWith("train")) return train(work.endsWith("checkpointed"));
  if (work === "encode" || work === "decode") return pictures();
  const model = loadModel(folder, "bfloat16").chameleon;
  const sampler = { model, head: model.head, firstId: 0, pad: 1 };
  const fixed = plan.bytes + ENGINE_BYTES;
  if (work === "draw") {
    generate(sampler, Array(count).fill(ids(288)), IMAGE, { temperature: 1, seed: 1 });
    return fixed +
      drawingBytes(config, { rows: count, prompts: 1, positions: 288, tokens: IMAGE, head: config.vocabSize, bytes: BYTES });
  }
  if (work === "draw text") {
    generate(sampler, Array.from({ length: count }, () => ids(528)), 32, { temperature: 0, seed: 1 });
    return fixed +
      drawingBytes(config, { rows: count, prompts: count, positions: 528, tokens: 32, head: config.vocabSize, bytes: BYTES });
  }
  const alone = work === "score";
  const prompts = Array.from({ length: count }, () => ids(528));
  const families = prompts.map((prompt) => Array.from({ length: alone ? 1 : 8 }, () => ({ prompt, completion: ids(12) })));
  logLikelihoods(sampler, families);
  const rows = families.flat().length;
  return fixed + scoringBytes(config, { rows, families: count, prefix: 528, rest: 16, asked: 12, head: config.vocabSize, bytes: BYTES });
}

function train(checkpointing: boolean): number {
  const model = loadModel(folder, "bfloat16").chameleon;
  const adapter = createAdapter(config, { rank: 16, alpha: 16, dropout: 0.05, targets: PROJECTIONS }, 1);
  const gradients = completionGradients({
    model,
    head: freezeHead(model, { firstImage: 4, codes: config.vq.codes }),
    adapter,
    checkpointing,
  });
  const tokens = () => tf.tensor2d(Array.from({ length: count }, () => ids(POSITIONS)), [count, POSITIONS], "int32") as Tensor;
  const labels = tf.tensor2d(Array.from({ length: count }, () => ids(IMAGE).map((id) => id % config.vq.codes)), [count, IMAGE], "int32");
  const batch = { tokens: tokens(), padding: tf.zeros([count, 1, 1, POSITIONS]), labels, weights: tf.ones([count, IMAGE]) };
  let state = freshState([...adapterTensors(adapter).values()]);
  for (let i = 0; i < 3; i++) {
    const { grads } = tidy(() => gradients(state.params, batch as never, seedTensor(1, i)));
    const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 };
    const fresh = tidy(() => adamwStep(state, grads, tf.tensor1d([1e-4, i + 1]), adamw));
    tf.dispose([grads, state] as never);
    state = fresh.state;
  }
  const size = { rank: 16, targets: PROJECTIONS, batch: count, positions: POSITIONS, bytes: BYTES, checkpointing };
  return planMemory(plan, { ...size, completions: IMAGE, head: config.vq.codes }).total;
}

/** Anole's VQGAN with random weights. */
function pictures(): number {
  const { vq } = ANOLE_7B;
  const weights: Record<string, Tensor> = {};
  let bytes = 0;
  for (const [name, shape] of vqShapes(vq)) {
    const own = shape.length === 4 ? [shape[2]!, shape[3]!, shape[1]!, shape[0]!] : shape;
    weights[name] = tidy(() => tf.mul(normal(own, seedTensor(name)), 0.02) as Tensor);
    bytes += 4 * own.reduce((a, b) => a * b, 1);
  }
  const vqgan: Vqgan = { config: vq, weights };
  const grey = { width: 512, height: 512, data: new Uint8Array(512 * 512 * 3).fill(128) };
  if (work === "encode") encodePictures(vqgan, Array(count).fill(grey));
  else tidy(() => decodeCodes(vqgan, tf.zeros([count, 1024], "int32") as Tensor).dataSync());
  return bytes + ENGINE_BYTES + pictureBytes(vq, count, work === "encode" ? "encoder" : "decoder");
}
