/**
 * Fine-tuning the base into a world model or a dynamics model: all that the two tasks share.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Invocation } from "./cli.ts";
import { type Config, resolveConfig } from "./config.ts";
import { trainingTrajectories, withSynthetic } from "./datasets.ts";
import {
  adapterTensors,
  checkpointDigest,
  type CheckpointPlan,
  createAdapter,
  imageTokens,
  loadModel,
  type LoraAdapter,
  mebibytes,
  type MemoryPlan,
  memoryText,
  type Model,
  planCheckpoint,
  planMemory,
  saveAdapter,
  tooLargeText,
  withAdapterTensors,
} from "../model/mod.ts";
import { plotLines, writeTensorBoard } from "../report/mod.ts";
import { digestOf, dryRunText, duration, finishedText, freeMemory, openRun, peakMemory, runFolder, showProgress } from "./run.ts";
import { type Backend, cacheFolder, seedTensor, type Tensor } from "../engine/mod.ts";
import { loadVocabulary, type Vocabulary } from "../tokens/mod.ts";
import { completionGradients } from "../train/completion_loss.ts";
import { readLog, type StepLog, train } from "../train/loop.ts";
import {
  batchItems,
  type EncodedTrajectory,
  encodeTrajectories,
  type SizedBatch,
  type TrajectoryList,
  usableTrajectories,
} from "../trajectories/mod.ts";

/** What is known when training begins. */
export interface Material {
  /** The configuration. */
  readonly config: Config;
  /** The run's folder. */
  readonly folder: string;
  /** The base. */
  readonly model: Model;
  /** Its vocabulary. */
  readonly vocabulary: Vocabulary;
  /** Trajectories in tokens. */
  readonly items: readonly EncodedTrajectory[];
}

/** What sets one kind of fine-tuning apart. */
export interface FineTuning {
  /** The task. */
  readonly task: string;
  /** The run folder's last part. */
  readonly stage: string;
  /** The section of the configuration that is its own. */
  readonly section: "cdm" | "cwm";
  /** Files of synthetic trajectories to train on too. */
  readonly synthetic?: readonly string[];
  /** Rows of the output matrix that the loss runs over, [K, D]. */
  readonly head: (material: Material) => Tensor;
  /** Lays trajectories in batches, all of one length. */
  readonly batches: (material: Material) => (items: readonly EncodedTrajectory[]) => SizedBatch;
  /** Shows what the model can do, at `path` without ending; gives a line on what can be looked at. */
  readonly show: (path: string, material: Material, head: Tensor, adapter: LoraAdapter) => Promise<string>;
}

/**
 * Trains an adapter, or goes on training it, and writes all that a run leaves.
 *
 * @param invocation configuration and flags
 * @param kind of fine-tuning
 * @param backend what runs it; without one, what would happen is said and nothing done
 */
export async function fineTune(
  { config, flags }: Pick<Invocation, "config" | "flags">,
  kind: FineTuning,
  backend: Backend | undefined,
): Promise<void> {
  const { task, stage, section } = kind;
  const options = config[section];
  const { seed } = config;

  // 1. Trajectories, their digests, and a plan of what the training takes
  const list = usableTrajectories(
    withSynthetic(trainingTrajectories(config), kind.synthetic ?? [], config.cwm.syntheticLimit),
    "allow-missing" in flags,
  );
  const checkpoint = planCheckpoint(config.model.path, config.model.precision);
  const memory = memoryPlan(checkpoint, config, section);
  const inputs = { base: checkpointDigest(checkpoint), trajectories: digestOf(list.trajectories.map(({ id, action }) => [id, action])) };
  console.log(
    `${list.trajectories.length} trajectories, batch ${options.batch}; ${config.model.path}: ${
      memoryText(checkpoint, memory, freeMemory())
    }`,
  );
  if (memory.total > freeMemory()) throw new UserError(tooLargeText(memory, freeMemory()));
  const sections = ["seed", "data", "model", section] as const;
  if (!backend) return console.log(dryRunText({ config, stage, sections, inputs, folder: runFolder(config, stage, flags) }));

  // 2. Run and base
  const run = openRun({ task, stage, config, sections, inputs, backend, flags });
  if (run.finished) return console.log(finishedText(run.folder));
  const model = loadModel(config.model.path, config.model.precision);
  const vocabulary = loadVocabulary(config.model.path, checkpoint.config.vq.codes);

  // 3. Images to tokens, once
  const items = await encode(list, model, flags);
  const material = { config, folder: run.folder, model, vocabulary, items };

  // 4. Training
  const adapter = createAdapter(checkpoint.config, options.lora, seed);
  const head = kind.head(material);
  const batchOf = kind.batches(material);
  const gradients = completionGradients({ model: model.chameleon, head, adapter, checkpointing: options.checkpointing });
  const steps = options.steps || Math.ceil(options.epochs * items.length / (options.batch * options.accumulate));
  const trained = (params: readonly Tensor[]) => withAdapterTensors(adapter, params) as LoraAdapter;
  const progress = showProgress(stage, steps);
  const { state } = await train({
    folder: run.folder,
    digest: run.digest,
    initial: () => [...adapterTensors(adapter).values()],
    schedule: { lr: options.lr, warmup: options.warmup, steps },
    adamw: options,
    accumulate: options.accumulate,
    saveEvery: options.saveEvery,
    batch: (micro) => {
      const chosen = batchItems(items, seed, options.batch, micro);
      return Promise.resolve({ ...batchOf(chosen), samples: chosen.map(({ trajectory }) => trajectory.id) });
    },
    gradients: (params, batch, micro) => gradients(params, batch, options.lora.dropout > 0 ? seedTensor(seed, "dropout", micro) : null),
    onStep: async (log, { params }) => {
      progress.update(log.step, `loss ${log.loss.toFixed(3)}, ${log.speed.toFixed(0)} tokens/s`);
      if (options.sampleEvery > 0 && log.step % options.sampleEvery === 0 && log.step < steps) {
        await kind.show(`${run.folder}/samples/${String(log.step).padStart(6, "0")}`, material, head, trained(params));
      }
    },
    warn: console.warn,
  });
  progress.stop();

  // 5. What it left: the adapter, what it can do, numbers
  saveAdapter(`${run.folder}/adapter`, trained(state.params), config.model.path);
  const shown = await kind.show(`${run.folder}/predictions`, material, head, trained(state.params));
  const log = readLog(run.folder);
  await plotLines(`${run.folder}/loss`, log.map(({ step, loss }) => ({ x: step, y: loss, line: stage })), { x: "step", y: "loss" });
  writeTensorBoard(
    `${run.folder}/tensorboard`,
    log.flatMap(({ step, loss, lr }) => [{ step, tag: "loss", value: loss }, { step, tag: "lr", value: lr }]),
  );
  const loss = { first: meanLoss(log.slice(0, 10)), last: meanLoss(log.slice(-10)) };
  run.finish({ steps, loss, trajectories: items.length });
  console.log(summary(run.folder, backend, loss, log, shown));
}

/** The configuration; on wasm, when none is given, a smaller one, so that it ends in minutes too. */
export function configFor({ config, flags, overrides }: Invocation, backend: Backend): Config {
  if (backend.name !== "wasm" || flags["config"]) return config;
  console.log(`Taking ${WASM_CONFIG}, which is smaller: --config=FILE takes another`);
  return resolveConfig(WASM_CONFIG, overrides);
}

const WASM_CONFIG = "data/configs/tiny-wasm.yaml";

function memoryPlan(checkpoint: CheckpointPlan, config: Config, section: "cdm" | "cwm"): MemoryPlan {
  const { lora, batch, checkpointing } = config[section];
  const positions = 2 * imageTokens(checkpoint.config) + 48; // two images and an action
  const bytes = config.model.precision === "bfloat16" ? 2 : 4;
  return planMemory(checkpoint, { ...lora, batch, positions, bytes, checkpointing });
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
  loss: { readonly first: number; readonly last: number },
  log: readonly StepLog[],
  shown: string,
): string {
  const speed = log.map(({ speed }) => speed).sort((a, b) => a - b)[log.length >> 1]!;
  return [
    `Loss ${loss.first.toFixed(3)} → ${loss.last.toFixed(3)} in ${log.length} steps, ${speed.toFixed(0)} tokens/s, peak ${
      mebibytes(peakMemory())
    }`,
    `on ${backend.name} ${backend.version}, ${backend.threads} threads, in ${duration(performance.now() / 1000)}`,
    `  ${shown}`,
    `  ${folder}/loss.png          the loss`,
    `  ${folder}/adapter/          the adapter, in PEFT's layout`,
  ].join("\n");
}
