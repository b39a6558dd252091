/**
 * Trains the world model (paper §3.2, A.8.3): a LoRA adapter on the base, source image and action in, target image out,
 * tokens that change weighted by recognition. With `--cft` the baseline of A.8.2: no weights.
 *
 * @module
 */
import { type Invocation, runTask, type TaskInfo } from "../lib/cli.ts";
import { type Config, resolveConfig, UserError } from "../lib/config.ts";
import {
  adapterTensors,
  checkpointDigest,
  type CheckpointPlan,
  createAdapter,
  freezeHead,
  imageTokens,
  loadModel,
  mebibytes,
  type MemoryPlan,
  memoryText,
  type Model,
  planCheckpoint,
  planMemory,
  saveAdapter,
  tooLargeText,
  withAdapterTensors,
} from "../lib/model/mod.ts";
import { drawPredictions, plotLines, writeTensorBoard } from "../lib/report/mod.ts";
import { digestOf, dryRunText, duration, finishedText, freeMemory, openRun, peakMemory, runFolder, showProgress } from "../lib/run.ts";
import { type Backend, cacheFolder, seedTensor, type Tensor } from "../lib/tensor/mod.ts";
import { loadVocabulary } from "../lib/tokens/mod.ts";
import { readLog, train } from "../lib/train/loop.ts";
import { worldGradients } from "../lib/train/world_model.ts";
import {
  batchItems,
  type EncodedTrajectory,
  encodeTrajectories,
  longestSequence,
  readAurora,
  type TrajectoryList,
  usableTrajectories,
  worldBatch,
} from "../lib/trajectories/mod.ts";
import { worldTrajectories } from "../lib/world/mod.ts";
import { ensureEngine } from "./setup.ts";

const TASK: TaskInfo = {
  name: "train-cwm",
  about: "Trains the world model: a LoRA adapter that predicts the next observation from an observation and an action.",
  sections: ["data", "model", "cwm"],
  flags: { cft: "the baseline C-FT: no recognition weights" },
};

const WASM_CONFIG = "data/configs/tiny-wasm.yaml";

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  const backend = "dry-run" in flags ? undefined : await ensureEngine(invocation.config.model.backend);
  const config = configFor(invocation, backend);
  const stage = "cft" in flags ? "train-cft" : "train-cwm";
  const { cwm, seed } = config;

  // 1. Trajectories, their digests, and a plan of what the training takes
  const list = usableTrajectories(readTrajectories(config), "allow-missing" in flags);
  const checkpoint = planCheckpoint(config.model.path, config.model.precision);
  const memory = memoryPlan(checkpoint, config);
  const inputs = { base: checkpointDigest(checkpoint), trajectories: digestOf(list.trajectories.map(({ id, action }) => [id, action])) };
  console.log(
    `${list.trajectories.length} trajectories, batch ${cwm.batch}; ${config.model.path}: ${memoryText(checkpoint, memory, freeMemory())}`,
  );
  if (memory.total > freeMemory()) throw new UserError(tooLargeText(memory, freeMemory()));
  if (!backend) return console.log(dryRunText({ config, stage, sections: TASK.sections, inputs, folder: runFolder(config, stage, flags) }));

  // 2. Run and base
  const run = openRun({ task: TASK.name, stage, config, sections: ["seed", "data", "model", "cwm"], inputs, backend, flags });
  if (run.finished) return console.log(finishedText(run.folder));
  const model = loadModel(config.model.path, config.model.precision);
  const vocabulary = loadVocabulary(config.model.path, checkpoint.config.vq.codes);

  // 3. Images to tokens, once
  const items = await encode(list, model, flags);
  const positions = longestSequence(items, vocabulary);

  // 4. Training
  const adapter = createAdapter(checkpoint.config, cwm.lora, seed);
  const imageHead = freezeHead(model.chameleon, vocabulary);
  const gradients = worldGradients({ model: model.chameleon, imageHead, adapter, checkpointing: cwm.checkpointing });
  const steps = cwm.steps || Math.ceil(cwm.epochs * items.length / (cwm.batch * cwm.accumulate));
  const sampler = { model: model.chameleon, imageHead, firstImage: vocabulary.firstImage, pad: vocabulary.pad };
  const draw = (path: string, params: readonly Tensor[]) =>
    drawPredictions(
      path,
      { ...sampler, adapter: withAdapterTensors(adapter, params) },
      model.vqgan,
      vocabulary,
      items.slice(0, cwm.samples),
      {
        ...cwm,
        seed,
      },
    );
  const progress = showProgress(stage, steps);
  const { state } = await train({
    folder: run.folder,
    digest: run.digest,
    initial: () => [...adapterTensors(adapter).values()],
    schedule: { lr: cwm.lr, warmup: cwm.warmup, steps },
    adamw: cwm,
    accumulate: cwm.accumulate,
    saveEvery: cwm.saveEvery,
    batch: (micro) => {
      const chosen = batchItems(items, seed, cwm.batch, micro);
      const batch = worldBatch(chosen, vocabulary, cwm, checkpoint.config.maxPositions, positions);
      return Promise.resolve({ ...batch, samples: chosen.map(({ trajectory }) => trajectory.id) });
    },
    gradients: (params, batch, micro) => gradients(params, batch, cwm.lora.dropout > 0 ? seedTensor(seed, "dropout", micro) : null),
    onStep: async (log, { params }) => {
      progress.update(log.step, `loss ${log.loss.toFixed(3)}, ${log.speed.toFixed(0)} tokens/s`);
      if (cwm.sampleEvery > 0 && log.step % cwm.sampleEvery === 0 && log.step < steps) {
        await draw(`${run.folder}/samples/${String(log.step).padStart(6, "0")}.png`, params);
      }
    },
    warn: console.warn,
  });
  progress.stop();

  // 5. What it left: the adapter, pictures, numbers
  saveAdapter(`${run.folder}/adapter`, withAdapterTensors(adapter, state.params) as typeof adapter, config.model.path);
  await draw(`${run.folder}/predictions.png`, state.params);
  const log = readLog(run.folder);
  await plotLines(`${run.folder}/loss`, log.map(({ step, loss }) => ({ x: step, y: loss, line: stage })), { x: "step", y: "loss" });
  writeTensorBoard(
    `${run.folder}/tensorboard`,
    log.flatMap(({ step, loss, lr }) => [{ step, tag: "loss", value: loss }, { step, tag: "lr", value: lr }]),
  );
  const [first, last] = [meanLoss(log.slice(0, 10)), meanLoss(log.slice(-10))];
  run.finish({ steps, loss: { first, last }, trajectories: items.length, positions });
  const speed = log.map(({ speed }) => speed).sort((a, b) => a - b)[log.length >> 1]!;
  console.log(summary(run.folder, backend, { first, last, steps, speed }));
}

/** The configuration; on wasm, when none is given, a smaller one, so that it ends in minutes too. */
function configFor({ config: given, flags, overrides }: Invocation, backend: Backend | undefined): Config {
  const small = backend?.name === "wasm" && !flags["config"];
  if (small) console.log(`Taking ${WASM_CONFIG}, which is smaller: --config=FILE takes another`);
  const config = small ? resolveConfig(WASM_CONFIG, overrides) : given;
  return "cft" in flags ? { ...config, cwm: { ...config.cwm, weights: "none" } } : config;
}

function readTrajectories({ data, seed }: Config): TrajectoryList {
  const list = data.aurora === "" ? { trajectories: worldTrajectories(seed, "train", data.world), problems: [] } : readAurora(data.aurora);
  return data.limit === 0 ? list : { ...list, trajectories: list.trajectories.slice(0, data.limit) };
}

function memoryPlan(checkpoint: CheckpointPlan, { cwm, model }: Config): MemoryPlan {
  const positions = 2 * imageTokens(checkpoint.config) + 48; // two images and an action
  const bytes = model.precision === "bfloat16" ? 2 : 4;
  return planMemory(checkpoint, { ...cwm.lora, batch: cwm.batch, positions, bytes, checkpointing: cwm.checkpointing });
}

async function encode(list: TrajectoryList, model: Model, flags: Readonly<Record<string, string>>): Promise<readonly EncodedTrajectory[]> {
  const { trajectories } = list;
  const progress = showProgress("encode", trajectories.length);
  const { encoded, problems } = await encodeTrajectories(trajectories, model.vqgan, cacheFolder(), (done) => progress.update(done));
  progress.stop();
  usableTrajectories({ trajectories: encoded.map(({ trajectory }) => trajectory), problems }, "allow-missing" in flags);
  return encoded;
}

function meanLoss(log: readonly { readonly loss: number }[]): number {
  return log.reduce((sum, { loss }) => sum + loss, 0) / log.length;
}

function summary(
  folder: string,
  backend: Backend,
  { first, last, steps, speed }: { first: number; last: number; steps: number; speed: number },
): string {
  return [
    `Loss ${first.toFixed(3)} → ${last.toFixed(3)} in ${steps} steps, ${speed.toFixed(0)} tokens/s, peak ${mebibytes(peakMemory())}`,
    `on ${backend.name} ${backend.version}, ${backend.threads} threads, in ${duration(performance.now() / 1000)}`,
    `  ${folder}/predictions.png   source, target, prediction, weights`,
    `  ${folder}/loss.png          the loss`,
    `  ${folder}/adapter/          the adapter, in PEFT's layout`,
  ].join("\n");
}

if (import.meta.main) await runTask(TASK, main);
