/**
 * Trains the tiny Chameleon from nothing: VQGAN on pictures of scenes, then transformer on scenes with captions.
 * The checkpoint goes to the run's folder, or to `pretrain.out`.
 *
 * @module
 */
import { type Invocation, runTask, type TaskInfo } from "../lib/cli.ts";
import type { Config } from "../lib/config.ts";
import { encodeFeatures, modelOf, nearestCodes, saveModel, type Vqgan } from "../lib/model/mod.ts";
import { finishedText, openRun, type Run, runFolder, showProgress } from "../lib/run.ts";
import { dispose, pick, randomStream, type Tensor, tf, tidy, toPrecision, valuesOf } from "../lib/tensor/mod.ts";
import { imagesToTensor, loadVocabulary, type RgbImage, type Vocabulary, vocabularyMap } from "../lib/tokens/mod.ts";
import { readLog, train } from "../lib/train/loop.ts";
import { documentGradients, gridCodebook, initTransformer, initVqgan, TINY_VQ, tinyConfig, vqganGradients } from "../lib/train/pretrain.ts";
import { type EncodedScene, randomDocument, randomScene, renderScenes, type Scene, tinyTokenizer } from "../lib/world/mod.ts";
import { writeFile } from "../lib/files.ts";
import { ensureEngine } from "./setup.ts";

const TASK: TaskInfo = {
  name: "pretrain-tiny",
  about: "Trains the tiny Chameleon from nothing on scenes of the tiny world: VQGAN first, then the transformer.",
  sections: ["pretrain", "model"],
};

/** Runs the task. */
export async function main({ config, flags }: Invocation): Promise<void> {
  const { pretrain, seed } = config;
  const folder = runFolder(config, "pretrain-tiny", flags);
  if ("dry-run" in flags) {
    return console.log(
      `Would train ${pretrain.vqSteps} steps of the VQGAN and ${pretrain.steps} of the transformer into ${pretrain.out || folder}.`,
    );
  }
  const backend = await ensureEngine(config.model.backend);
  if (backend.name === "wasm") {
    throw new Error('Cannot train from nothing on wasm, which lacks gradients of convolutions: run "deno task setup"');
  }
  const run = openRun({ task: TASK.name, stage: "pretrain-tiny", config, sections: ["pretrain", "seed"], inputs: {}, backend, flags });
  if (run.finished) return console.log(finishedText(run.folder));

  // 1. Scenes, fewest objects first, and their pictures
  const scenes = makeScenes(seed, pretrain.scenes);
  const pictures = await renderScenes(scenes);

  // 2. The VQGAN
  const vqgan = await trainVqgan(run, config, pictures);

  // 3. Every scene's image codes, and the vocabulary
  const encoded = encodeAll(vqgan, scenes, pictures);
  const tokenizer = tinyTokenizer(TINY_VQ.codes);
  for (const [name, text] of Object.entries(tokenizer.files)) writeFile(`${run.folder}/model/${name}`, text);
  const vocabulary = loadVocabulary(`${run.folder}/model`, TINY_VQ.codes);

  // 4. The transformer
  const { weights, loss } = await trainTransformer(run, config, encoded, vocabulary, tokenizer.size);

  // 5. The checkpoint
  const named = new Map([...weights, ...Object.entries(vqgan.weights).map(([name, t]) => [`model.vqmodel.${name}`, t] as const)]);
  const out = pretrain.out || `${run.folder}/model`;
  const model = modelOf(out, tinyConfig(tokenizer.size), (name) => named.get(name));
  saveModel(out, model, { vocabularyMap: vocabularyMap(vocabulary), tokenizer: tokenizer.files }, "BF16");
  run.finish({ checkpoint: out, loss, vqSteps: pretrain.vqSteps, steps: pretrain.steps });
  console.log(`The checkpoint is in ${out}; last loss ${loss.toFixed(3)}`);
}

function makeScenes(seed: number, count: number): Scene[] {
  const scenes = Array.from({ length: count }, (_, i) => randomScene(randomStream("pretrain", seed, i)));
  return scenes.sort((a, b) => a.objects.length - b.objects.length);
}

async function trainVqgan(run: Run, { pretrain, seed }: Config, pictures: readonly RgbImage[]): Promise<Vqgan> {
  const first = initVqgan(seed);
  const names = [...first.keys()];
  const progress = showProgress("VQGAN", pretrain.vqSteps);
  const { state } = await train({
    folder: `${run.folder}/vqgan`,
    digest: run.digest,
    initial: () => [...first.values()],
    schedule: { lr: pretrain.vqLr, warmup: 100, steps: pretrain.vqSteps, final: 0.05 },
    adamw: pretrain,
    saveEvery: pretrain.saveEvery,
    batch: (step) => {
      const random = randomStream("vqgan", seed, step);
      const chosen = Array.from({ length: pretrain.vqBatch }, () => pick(random, pictures));
      return Promise.resolve({ tensors: imagesToTensor(chosen), size: chosen.length, samples: [] });
    },
    gradients: (params, images) => vqganGradients(names, params, images),
    onStep: ({ step, loss, speed }) => progress.update(step, `loss ${loss.toFixed(4)}, ${speed.toFixed(0)} images/s`),
    warn: console.warn,
  });
  progress.stop();
  dispose([state.mean, state.square]);
  const weights = Object.fromEntries(names.map((name, i) => [name, rounded(state.params[i]!)]));
  return { config: TINY_VQ, weights: { ...weights, "quantize.embedding.weight": rounded(gridCodebook()) } };
}

/** Filters are stored in bfloat16; the codes must be those of what is stored. */
function rounded(tensor: Tensor): Tensor {
  return tensor.rank < 2 ? tensor : tidy(() => toPrecision(toPrecision(tensor, "bfloat16"), "float32"));
}

function encodeAll(vqgan: Vqgan, scenes: readonly Scene[], pictures: readonly RgbImage[]): EncodedScene[] {
  const encoded: EncodedScene[] = [];
  for (let i = 0; i < scenes.length; i += 64) {
    const codes = tidy(() => nearestCodes(vqgan, encodeFeatures(vqgan, imagesToTensor(pictures.slice(i, i + 64)))));
    const values = valuesOf(codes);
    const each = codes.shape[1]!;
    scenes.slice(i, i + 64).forEach((scene, j) => encoded.push({ scene, codes: values.slice(j * each, (j + 1) * each) }));
    codes.dispose();
  }
  return encoded;
}

async function trainTransformer(
  run: Run,
  { pretrain, seed, model }: Config,
  scenes: readonly EncodedScene[],
  vocabulary: Vocabulary,
  size: number,
): Promise<{ weights: Map<string, Tensor>; loss: number }> {
  const shape = tinyConfig(size);
  const first = initTransformer(shape, seed);
  const names = [...first.keys()];
  const progress = showProgress("Transformer", pretrain.steps);
  const { state } = await train({
    folder: `${run.folder}/transformer`,
    digest: run.digest,
    initial: () => [...first.values()],
    schedule: { lr: pretrain.lr, warmup: pretrain.warmup, steps: pretrain.steps, final: 0.02 },
    adamw: pretrain,
    saveEvery: pretrain.saveEvery,
    batch: (step) => Promise.resolve(documentBatch(scenes, vocabulary, seed, step, pretrain)),
    gradients: (params, batch) => documentGradients(names, params, shape, batch, model.precision),
    onStep: ({ step, loss, speed }) => progress.update(step, `loss ${loss.toFixed(3)}, ${speed.toFixed(0)} tokens/s`),
    warn: console.warn,
  });
  progress.stop();
  dispose([state.mean, state.square]);
  return { weights: new Map(names.map((name, i) => [name, state.params[i]!])), loss: readLog(`${run.folder}/transformer`).at(-1)!.loss };
}

function documentBatch(
  scenes: readonly EncodedScene[],
  vocabulary: Vocabulary,
  seed: number,
  step: number,
  { batch, steps }: Config["pretrain"],
) {
  const random = randomStream("documents", seed, step);
  const documents = Array.from({ length: batch }, () => randomDocument(random, scenes, step / steps, vocabulary));
  const longest = Math.max(...documents.map(({ ids }) => ids.length)) - 1;
  const length = Math.ceil(longest / 32) * 32; // few lengths, so that few shapes are compiled
  const tokens = new Int32Array(batch * length).fill(vocabulary.pad);
  const labels = new Int32Array(batch * length);
  const weights = new Float32Array(batch * length);
  documents.forEach(({ ids, weights: costs }, row) => { // padded on the right: causal attention never looks there
    tokens.set(ids.slice(0, -1), row * length);
    labels.set(ids.slice(1), row * length);
    weights.set(costs.slice(1), row * length);
  });
  const shape: [number, number] = [batch, length];
  return {
    tensors: {
      tokens: tf.tensor2d(tokens, shape, "int32"),
      labels: tf.tensor2d(labels, shape, "int32"),
      weights: tf.tensor2d(weights, shape),
    },
    size: documents.reduce((sum, { ids }) => sum + ids.length, 0),
    samples: [],
  };
}

if (import.meta.main) await runTask(TASK, main);
