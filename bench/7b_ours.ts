/** One step of `bench 7b` in a process of its own: prints its times, what it worked on, and the machine's limits beside it. */
import { openBackend, randomInt, randomStream, seedTensor, tf, tidy } from "../lib/engine/mod.ts";
import { takeNumber } from "../lib/engine/scope.ts";
import { adapterTensors, createAdapter, loadModel, PROJECTIONS } from "../lib/model/mod.ts";
import { generate, imageSampler, logLikelihoods, textSampler } from "../lib/sample/mod.ts";
import { dynamicsSequence, loadVocabulary } from "../lib/tokens/mod.ts";
import { worldPrompt } from "../lib/tokens/sequences.ts";
import { adamwStep, freshState } from "../lib/train/adamw.ts";
import { completionGradients } from "../lib/train/completion_loss.ts";
import { type EncodedTrajectory, worldBatch } from "../lib/trajectories/mod.ts";
import { measureLimits } from "./limits.ts";

const [folder, step] = [Deno.args[0]!, Deno.args[1] as keyof typeof STEPS];
const [ACTION, TOKENS] = ["move the red circle to the left of the blue square", 40];
const STEPS = { load: () => ({}), score, draw, train };
const random = randomStream("bench 7b");

await openBackend("tensorflow");
const before = step === "load" ? undefined : measureLimits();
const opened = performance.now();
const { chameleon, vqgan } = loadModel(folder, "bfloat16");
const load = since(opened);
const vocabulary = loadVocabulary(folder, vqgan.config.codes);
const result = STEPS[step]();
const after = step === "load" ? undefined : measureLimits();
const limits = before && after && { read: Math.max(before.read, after.read), product: Math.max(before.product, after.product) };
console.log(JSON.stringify({ load, ...result, ...limits }));
Deno.exit(0);

/** The likelihood of an action between two images. */
function score(): Record<string, number> {
  const sequence = dynamicsSequence(vocabulary, image(), image(), ACTION);
  const start = performance.now();
  const [likelihood] = logLikelihoods(textSampler(chameleon, vocabulary), [[sequence]]).flat();
  const positions = sequence.prompt.length + sequence.completion.length - 1;
  return { seconds: since(start), value: likelihood!.mean, positions };
}

/** Image tokens after a source and an action; the time of one is the median, of the prompt that of the first. */
function draw(): Record<string, number> {
  const prompt = worldPrompt(vocabulary, image(), ACTION);
  const times: number[] = [];
  const start = performance.now();
  const onStep = () => void times.push(since(start));
  generate(imageSampler(chameleon, vocabulary), [prompt], TOKENS, { temperature: 1, seed: 1, onStep });
  const steps = times.slice(1).map((time, i) => time - times[i]!).slice(1).sort((a, b) => a - b); // the first step compiles
  return { first: times[0]!, seconds: steps[Math.floor(steps.length / 2)]!, best: steps[0]!, tokens: TOKENS, positions: prompt.length };
}

/** A step of LoRA on one transition, blocks recomputed. */
function train(): Record<string, number> {
  const trajectory = { id: "a", subset: "random", action: ACTION } as EncodedTrajectory["trajectory"];
  const item = { trajectory, source: image(), target: image(), distances: new Float32Array(1024).fill(1) };
  const { tensors } = worldBatch([item], vocabulary, { weights: "l2", normalise: "mean", floor: 0.1 }, { limit: 4096, multiple: 16 });
  const adapter = createAdapter(chameleon.config, { rank: 16, alpha: 16, dropout: 0.05, targets: PROJECTIONS }, 1);
  const { head } = imageSampler(chameleon, vocabulary);
  const gradients = completionGradients({ model: chameleon, head, adapter, checkpointing: true });
  const state = freshState([...adapterTensors(adapter).values()]);
  const start = performance.now();
  const { value, grads } = tidy(() => gradients(state.params, tensors, seedTensor(1)));
  const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 };
  const { norm } = tidy(() => adamwStep(state, grads, tf.tensor1d([1e-4, 1]), adamw));
  return { value: takeNumber(value), norm: takeNumber(norm), seconds: since(start), positions: tensors.tokens.shape[1]! };
}

function image(): Uint16Array {
  return Uint16Array.from({ length: 1024 }, () => randomInt(random, vqgan.config.codes));
}

function since(start: number): number {
  return (performance.now() - start) / 1000;
}
