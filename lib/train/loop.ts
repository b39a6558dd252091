/**
 * The training loop: gradients, AdamW, checkpoints, log. What happens at a step depends on the seed and the step's
 * number alone, so a run that was killed goes on as if it had not been.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { appendLine, type Disk, exists, readJsonLines, readText, realDisk, writeFile } from "../files.ts";
import { dispose, type Tensor, tf, tidy } from "../engine/mod.ts";
import { takeNumber } from "../engine/scope.ts";
import { type AdamWConfig, adamwStep, freshState, learningRate, type Schedule, type TrainingState } from "./adamw.ts";
import { loadPoint, savePoint, type TrainingPoint } from "./checkpoints.ts";
import { heedingSignals } from "./stop.ts";
import { type Arrived, type GradientSum, ownSum, type Piece, piecesOf, rowsOf, sharePoint, type Workers } from "./workers.ts";

/** A batch with what the log and errors say of it. */
export interface TrainingBatch<T> {
  /** Tensors, disposed after the step. */
  readonly tensors: T;
  /** Tokens or pixels in it, for the speed. */
  readonly size: number;
  /** Ids of its samples. */
  readonly samples: readonly string[];
}

/** A line of the log. */
export interface StepLog {
  /** Steps done. */
  readonly step: number;
  /** Loss, mean over the step's micro-batches. */
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly norm: number;
  /** Learning rate. */
  readonly lr: number;
  /** Tokens a second. */
  readonly speed: number;
}

/** What a training is made of. */
export interface Training<T> {
  /** The run's folder: `checkpoints/` and `log.jsonl` go there. */
  readonly folder: string;
  /** Digest of all that the result depends on. */
  readonly digest: string;
  /** Parameters before the first step. */
  readonly initial: () => Tensor[];
  /** The learning rate's course; it says how many steps there are. */
  readonly schedule: Schedule;
  /** AdamW's numbers. */
  readonly adamw: AdamWConfig;
  /** Micro-batches a step. */
  readonly accumulate?: number;
  /** Steps between checkpoints. */
  readonly saveEvery: number;
  /** The batch of a micro-step, counted from 0 over the whole training. */
  readonly batch: (micro: number) => Promise<TrainingBatch<T>> | TrainingBatch<T>;
  /**
   * Loss and gradients. Of a part of a micro-batch, `micro` is the number and the share of it that lies before the part. It may tell
   * `arrived` of a gradient as soon as that is known, in the same order each time.
   */
  readonly gradients: (params: readonly Tensor[], tensors: T, micro: number, arrived: Arrived) => { value: Tensor; grads: Tensor[] };
  /** The workers that share each step, this one among them; the first alone writes, and gives the steps. */
  readonly workers?: Workers | undefined;
  /** Samples of a micro-batch, which workers share: the first axis of its tensors. */
  readonly rows?: number;
  /** Told of what is worth a line. */
  readonly warn?: (message: string) => void;
  /** The disk. */
  readonly disk?: Disk;
}

/** A step that was done. */
export interface TrainingStep extends StepLog {
  /** The trained parameters after it; those of the last step are the caller's, earlier ones live until the next step. */
  readonly params: readonly Tensor[];
}

/**
 * Trains step by step, from the newest checkpoint if there is one: what a step does depends on the seed and its number alone,
 * so a training that was killed ends with the same bits. A training that resumes gives the step of its checkpoint first. Of
 * several workers the first gives the steps, the others none. One that works alone and is asked to end (SIGINT, SIGTERM) keeps the step
 * that it is at.
 *
 * @param training what to train
 * @returns a step after the other, the last one with the final parameters
 * @throws UserError when a loss or gradient is not finite, and the checkpoint before stays; or when it was asked to end
 *
 * @example A line through one point
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const loop = ws.train.train({
 *   ...{ folder: Deno.makeTempDirSync(), digest: "example", saveEvery: 100, initial: () => [tf.zeros([1]) as ws.Tensor] },
 *   schedule: { lr: 0.1, warmup: 1, steps: 20 },
 *   adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 },
 *   batch: () => ({ tensors: {}, size: 1, samples: [] }),
 *   gradients: (params) => ws.engine.valueAndGradients(([w]) => tf.sum(tf.square(tf.sub(w!, 1))) as ws.Tensor, params),
 * });
 * let last = Infinity;
 * for await (const { loss } of loop) last = loss;
 * assert(last < 0.5);
 * ```
 */
export async function* train<T>(training: Training<T>): AsyncGenerator<TrainingStep, void, void> {
  const { folder, digest, schedule, workers, disk = realDisk, warn = console.warn } = training;
  const isFirst = !workers || workers.rank === 0;
  const checkpoints = `${folder}/checkpoints`;
  const initial = training.initial();
  const found = isFirst ? loadPoint(checkpoints, digest, initial.map(({ shape }) => shape), warn) : undefined;
  if (found) dispose(initial);
  let point = found ?? { step: 0, state: freshState(initial) };
  try {
    if (workers) point = await sharePoint(workers, point);
    if (isFirst) trimLog(`${folder}/log.jsonl`, point.step, disk);
    if (found) yield { ...loggedStep(folder, point.step), params: point.state.params };
    for (let isWarm = false; point.step < schedule.steps; isWarm = true) {
      const started = performance.now();
      const work = () => trainingStep(training, point, isWarm);
      const { done: { state, loss, norm, size }, isAsked } = workers ? { done: await work(), isAsked: false } : await heedingSignals(work);
      point = { step: point.step + 1, state };
      if (!isFirst) continue;
      const speed = Math.round(size / ((performance.now() - started) / 1000));
      const log = { step: point.step, loss, norm, lr: learningRate(point.step, schedule), speed };
      appendLine(`${folder}/log.jsonl`, JSON.stringify(log), disk, false);
      const isLast = point.step === schedule.steps;
      if (isAsked || isLast || point.step % training.saveEvery === 0) savePoint(checkpoints, point, digest, disk);
      if (isAsked && !isLast) throw new UserError(`Stopped after step ${point.step}, which is kept: the same command goes on from there`);
      yield { ...log, params: state.params };
    }
    await workers?.leave();
  } finally {
    dispose(isFirst ? [point.state.mean, point.state.square] : point.state);
  }
}

/**
 * The log of a run's folder, a line a step.
 *
 * @param folder the run's folder
 * @returns its steps, in order
 *
 * @example A line a step
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * Deno.writeTextFileSync(`${folder}/log.jsonl`, '{"step":1,"loss":2,"norm":1,"lr":0.1,"speed":9}\n');
 * assertEquals(ws.train.readLog(folder).map(({ loss }) => loss), [2]);
 * ```
 */
export function readLog(folder: string): StepLog[] {
  return readJsonLines(`${folder}/log.jsonl`);
}

/** The log's line of a step; a log that was lost leaves its numbers unknown. */
function loggedStep(folder: string, step: number): StepLog {
  return readLog(folder).find((line) => line.step === step) ?? { step, loss: NaN, norm: NaN, lr: NaN, speed: NaN };
}

async function trainingStep<T>(
  training: Training<T>,
  { step, state }: TrainingPoint,
  isWarm: boolean, // the first step compiles, for as long as it takes
): Promise<{ state: TrainingState; loss: number; norm: number; size: number }> {
  const { accumulate = 1, adamw, schedule, workers } = training;
  const sum = workers ? workers.startSum(isWarm) : ownSum();
  const { samples, ...own } = await ownShare(training, { step, state }, sum);
  const { grads, loss, size } = await sum.end(own);
  const fresh = tidy(() => {
    const scaled = accumulate === 1 ? grads : grads.map((grad) => tf.div(grad, accumulate) as Tensor);
    return adamwStep(state, scaled, tf.tensor1d([learningRate(step + 1, schedule), step + 1]), adamw);
  });
  dispose(grads);
  const norm = takeNumber(fresh.norm);
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    dispose(fresh.state);
    throw new UserError(
      `Cannot go on at step ${step + 1}: the loss is ${loss} and the gradients' norm ${norm}, both must be finite. ` +
        `The samples were ${samples.join(", ")}; nothing was updated: lower the learning rate or look at the samples`,
    );
  }
  dispose(state);
  return { state: fresh.state, loss, norm, size };
}

/** What this worker does of a step: gradients, tokens, and loss, which count for as much as its samples are of the step's. */
async function ownShare<T>(
  training: Training<T>,
  { step, state }: TrainingPoint,
  sum: GradientSum,
): Promise<{ loss: number; size: number; samples: string[] }> {
  const { accumulate = 1, rows = 1, workers } = training;
  const samples: string[] = [];
  let [loss, size] = [0, 0];
  let before: Tensor[] = []; // gradients of the pieces before, added up
  const pieces = piecesOf(workers, accumulate, rows);
  for (const piece of pieces) {
    const micro = step * accumulate + piece.micro;
    const batch = await training.batch(micro);
    const totals: Tensor[] = [];
    const take: Arrived = piece === pieces.at(-1) ? sum.add : (index, total) => totals[index] = total;
    const value = tidy(() => lossOf(training, state.params, batch, { ...piece, micro }, before, take));
    dispose([before, batch.tensors]);
    before = totals;
    loss += takeNumber(value) * piece.share / accumulate;
    size += batch.size * piece.share;
    samples.push(...batch.samples.slice(piece.from, piece.share === 1 ? undefined : piece.to));
  }
  return { loss, size, samples };
}

/** The loss of a piece. Its gradients, times its share and on top of those before, go to `take` as each becomes known. */
function lossOf<T>(
  training: Training<T>,
  params: readonly Tensor[],
  { tensors }: TrainingBatch<T>,
  piece: Piece, // its micro-batch counted over the whole training
  before: readonly Tensor[],
  take: Arrived,
): Tensor {
  const { micro, from, share } = piece;
  const taken = new Set<number>();
  const arrived: Arrived = (index, grad) => {
    taken.add(index);
    const own = share === 1 ? tf.clone(grad) : tf.mul(grad, share) as Tensor;
    take(index, tf.keep(before[index] ? tf.add(before[index], own) as Tensor : own)); // scopes are open here that would end it
  };
  const [own, at] = share === 1 ? [tensors, micro] : [rowsOf(tensors, piece), micro + from / training.rows!];
  const { value, grads } = training.gradients(params, own, at, arrived);
  grads.forEach((grad, index) => taken.has(index) || arrived(index, grad));
  return value;
}

/** Drops what the log says of steps after the checkpoint, and a line that was cut off. */
function trimLog(path: string, step: number, disk: Disk): void {
  if (!exists(path)) return;
  const kept = readText(path).split("\n").filter((line) => {
    try {
      return JSON.parse(line).step <= step;
    } catch {
      return false;
    }
  });
  writeFile(path, kept.map((line) => line + "\n").join(""), disk);
}
