/**
 * Opening a training: its trajectories and memory, the check that the bench is not among them, the base, images as tokens.
 *
 * @module
 */
import { cacheFolder, type Precision } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { type CheckpointPlan, loadModel, type Model, planCheckpoint } from "../model/mod.ts";
import { checkpointDigest } from "../model/checkpoint.ts";
import { heldBytes, mebibytes } from "../model/memory.ts";
import { loadVocabulary, type Vocabulary } from "../tokens/mod.ts";
import { type EncodedTrajectory, encodeTrajectories, holdOut, type TrajectoryList, usableTrajectories } from "../trajectories/mod.ts";
import { asVideo, originalId } from "../synthesis/as_video.ts";
import { SYNTHETIC } from "../synthesis/filter.ts";
import { piecesOf, type Workers } from "../train/workers.ts";
import type { Invocation, TaskInfo } from "./task.ts";
import { describeTraining, trainingTrajectories, withSynthetic } from "./datasets.ts";
import { peakMemory } from "./memory.ts";
import { announceMemory, freeForWork } from "./plan.ts";
import { benchPictures, picturesOf, shared, withEarlier, writeTrainedPictures } from "./overlap.ts";
import { adapterFolder } from "./pipeline.ts";
import { duration, showProgress } from "./progress.ts";
import { digestOf } from "./run.ts";
import type { Config } from "./schema.ts";
import { ensureEngine, openStage, type Stage } from "./stage.ts";
import { configFor, inputsOfRehearsal, stepsOf } from "./training_config.ts";
import { clusterOf, codeDigest, joinWorkers, requireSame, workersAsked } from "./workers.ts";

/** What sets a training apart. */
export interface TrainingPlan {
  /** The run folder's last part. */
  readonly stage: string;
  /** The section of the configuration that is its own. */
  readonly section: "cdm" | "cwm";
  /** Files of synthetic trajectories to train on too. */
  readonly synthetic?: readonly string[];
  /** The adapter to go on from: a stage, or a folder; "": a fresh one. */
  readonly init?: string;
}

/** A training that can begin. */
export interface OpenTraining {
  /** The stage: folder, digest, backend. */
  readonly stage: Stage;
  /** The configuration in force. */
  readonly config: Config;
  /** The base, frozen. */
  readonly model: Model;
  /** Its vocabulary. */
  readonly vocabulary: Vocabulary;
  /** Trajectories in tokens. */
  readonly items: readonly EncodedTrajectory[];
  /** Those that are held out, to measure the loss on. */
  readonly held: readonly EncodedTrajectory[];
  /** Steps of the optimiser. */
  readonly steps: number;
  /** Bytes for drawing pictures between steps. */
  readonly budget: number;
  /** The workers that share each step; undefined for a single process. */
  readonly workers: Workers | undefined;
}

/**
 * Opens a training, or says what it would do.
 *
 * @param invocation of the task
 * @param task the task
 * @param plan what sets it apart
 * @returns what is needed for the loop over steps, or undefined when there is nothing to do
 * @throws UserError when the memory does not suffice, trajectories cannot be used, or the bench is among them
 */
export async function openTraining(invocation: Invocation, task: TaskInfo, plan: TrainingPlan): Promise<OpenTraining | undefined> {
  const { flags } = invocation;
  const cluster = "dry-run" in flags ? undefined : clusterOf(task);
  const backend = "dry-run" in flags ? undefined : await ensureEngine(invocation.config.model.backend, cluster?.share);
  const workers = cluster && await joinWorkers(cluster, flags);
  const isFirst = !workers || workers.rank === 0;
  const config = backend ? configFor(backend, invocation) : invocation.config;
  const { model: { path, precision }, [plan.section]: options } = config;
  const sharded = "sharded" in flags;
  if (sharded) requireShardable(config, plan.section, workers?.count ?? workersAsked(flags));
  const stored = planCheckpoint(path, precision);
  const checkpoint = sharded ? spread(stored, precision, workers?.count ?? workersAsked(flags)) : stored;
  const limit = plan.section === "cwm" ? config.cwm.syntheticLimit : 0; // a second round of the dynamics model takes all that was filtered
  const all = withSynthetic(trainingTrajectories(config), plan.synthetic ?? [], limit);
  const clean = usableTrajectories(all, "allow-missing" in flags);
  const list = plan.section === "cdm" && config.cdm.asVideo ? withVideoCopies(clean, checkpoint.config.vq.resolution) : clean;
  const onMachine = cluster?.onMachine ?? workersAsked(flags); // a dry run starts none
  if (isFirst) announce(task.name, config, plan, list, checkpoint, onMachine);
  const pictures = await picturesOf(list);
  const seen = withEarlier(pictures, plan.init ? [adapterFolder(plan.init, config)] : []);
  const inputs = {
    ...{ trajectories: digestOf(list.trajectories.map(({ id, action }) => [id, action])), pictures: digestOf(pictures) },
    ...inputsOfRehearsal(plan.section, config),
  };
  const sections = ["seed", "data", "model", plan.section] as const;
  if (workers) {
    await requireSame(workers, {
      code: codeDigest(),
      ...inputs,
      base: checkpointDigest(checkpoint),
      config: digestOf([sharded, ...sections.map((name) => config[name])]),
    });
  }
  const stage = await openStage({ ...invocation, config }, task, {
    ...{ stage: plan.stage, sections, inputs, leaveAlone: !isFirst, backend },
    overlap: shared(await benchPictures(config), seen),
    ...(plan.init && { adapters: { init: adapterFolder(plan.init, config) } }),
  });
  const [goesOn] = await workers?.sumNumbers([isFirst && stage ? 1 : 0]) ?? [1];
  if (!stage || goesOn === 0) return void await workers?.leave();
  if (isFirst) writeTrainedPictures(stage.folder, seen);
  const budget = freeForWork(config, checkpoint, onMachine); // before weights are loaded
  const model = loadModel(path, precision, sharded ? workers : undefined);
  const vocabulary = loadVocabulary(path, checkpoint.config.vq.codes);
  const encoded = await encode(list, model, "allow-missing" in flags, workers);
  const { trained: items, held } = holdOut(encoded, options.validation, config.seed, ({ trajectory: { id } }) => originalId(id));
  return { stage, config, model, vocabulary, items, held, steps: stepsOf(options, items.length), budget, workers };
}

/**
 * Refuses to spread the base where that cannot be.
 *
 * @param config of the training
 * @param section its own
 * @param count of workers
 * @throws UserError saying what stands against it
 */
export function requireShardable(config: Config, section: TrainingPlan["section"], count: number): void {
  const { checkpointing, validation, accumulate, batch } = config[section];
  const refuse = (why: string) => {
    throw new UserError(`Cannot spread the base over workers by --sharded ${why}`);
  };
  if (count === 1) refuse("as there is one: add --workers=N, or start several by a launcher");
  if (!checkpointing) refuse(`without recomputing blocks: add --${section}.checkpointing=true`);
  if (validation > 0) refuse(`and measure a held-out loss, which the first worker does alone: leave out ${section}.validation`);
  const pieces = Array.from({ length: count }, (_, rank) => piecesOf({ rank, count }, accumulate, batch).length);
  if (pieces.some((n) => n !== pieces[0])) {
    refuse(`as ${count} workers would run unequal numbers of micro-batches: make ${section}.accumulate a multiple of ${count}`);
  }
}

/** The checkpoint's plan, its bytes those that one of several workers holds. */
function spread(checkpoint: CheckpointPlan, precision: Precision, count: number): CheckpointPlan {
  const { config, bytes } = checkpoint;
  return { ...checkpoint, bytes: heldBytes(config, bytes, precision === "bfloat16" ? 2 : 4, count) };
}

/** Trajectories, and after them the supervised ones as videos would show them; synthetic ones come from videos. */
function withVideoCopies({ trajectories, problems }: TrajectoryList, side: number): TrajectoryList {
  const supervised = trajectories.filter(({ subset }) => subset !== SYNTHETIC);
  return { trajectories: [...trajectories, ...supervised.map((trajectory) => asVideo(trajectory, side))], problems };
}

/** Says what is trained on what, and refuses what does not fit into memory. */
function announce(
  task: string,
  config: Config,
  plan: TrainingPlan,
  { trajectories }: TrajectoryList,
  checkpoint: CheckpointPlan,
  workers: number,
): void {
  const { model: { path }, [plan.section]: { batch } } = config;
  console.log(`Training on ${trajectories.length} trajectories of ${describeTraining(config, plan.synthetic ?? [])}`);
  console.log(`Batch ${batch}; ${path}: ${(checkpoint.parameters / 1e6).toFixed(1)} M weights`);
  announceMemory(task, config, checkpoint, workers);
}

/** Trajectories as tokens. Each worker encodes its run of them; then all are read, or encoded where the cache is not shared. */
async function encode(
  { trajectories }: TrajectoryList,
  { vqgan }: Model,
  allowMissing: boolean,
  workers: Workers | undefined,
): Promise<readonly EncodedTrajectory[]> {
  const progress = workers && workers.rank > 0 ? undefined : showProgress("encode", trajectories.length);
  if (workers) {
    const [from, to] = [0, 1].map((more) => Math.floor((workers.rank + more) * trajectories.length / workers.count));
    await encodeTrajectories(trajectories.slice(from, to), vqgan, cacheFolder());
    await workers.sumNumbers([1]);
  }
  const { encoded, problems } = await encodeTrajectories(trajectories, vqgan, cacheFolder(), (done) => progress?.update(done));
  progress?.stop();
  usableTrajectories({ trajectories: encoded.map(({ trajectory }) => trajectory), problems }, allowMissing);
  return encoded;
}

/** What a training took, in a line: engine, threads, time since this process began, peak memory. */
export function costText({ backend }: Stage): string {
  const { name, version, threads } = backend!;
  return `on ${name} ${version}, ${threads} threads, in ${duration(performance.now() / 1000)}, peak ${mebibytes(peakMemory())}`;
}
