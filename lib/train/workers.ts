/**
 * A training step shared by several processes: who does which samples, and sums over all of them.
 *
 * A step's samples, in their order, are cut into as many equal runs as there are workers. So a worker does whole micro-batches where
 * their number allows it, and parts of them where it does not; what a step adds up to is the same however many workers share it.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Collectives } from "../engine/collectives.ts";
import { leaves, withLeaves } from "../engine/tree.ts";
import { dispose, type Tensor, tf, tidy, valuesOf } from "../engine/mod.ts";
import type { TrainingPoint } from "./checkpoints.ts";

/** Is told of a gradient, by the number of what it belongs to. */
export type Arrived = (index: number, grad: Tensor) => void;

/** Gradients of a step, which are taken as they become known: over several workers they are added up meanwhile. */
export interface GradientSum {
  /** Takes over a gradient, which no open scope may end. All workers hand on theirs in the same order. */
  readonly add: Arrived;
  /** All gradients by their numbers, with loss and tokens: what all workers did together. */
  readonly end: (own: Counted) => Promise<Counted & { readonly grads: Tensor[] }>;
}

/** What is counted beside gradients. */
export interface Counted {
  /** The loss. */
  readonly loss: number;
  /** Tokens. */
  readonly size: number;
}

/** The workers of a training, as one of them sees them. */
export interface Workers {
  /** This one's number. */
  readonly rank: number;
  /** How many there are. */
  readonly count: number;
  /** Begins a sum over all workers; a timely one is not waited for without end. */
  readonly startSum: (timely: boolean) => GradientSum;
  /** Adds up a few whole numbers below 2²⁴ over all workers. */
  readonly sumNumbers: (numbers: readonly number[]) => Promise<number[]>;
  /** Equal parts of all workers, one after the other: [S] → [N · S]; waited for in place. */
  readonly gather: (part: Tensor) => Tensor;
  /** Waits until nobody needs another any more. */
  readonly leave: () => Promise<void>;
}

/** A part of a step: rows `from` … `to` − 1 of a micro-batch. */
export interface Piece {
  /** The micro-batch, counted within the step. */
  readonly micro: number;
  /** Its first row. */
  readonly from: number;
  /** The row after its last. */
  readonly to: number;
  /** Its share of the micro-batch: 1 for a whole one. */
  readonly share: number;
}

const BUCKET = 2 ** 24; // bytes that are sent together: the next bucket is filled while one is on the wire

/**
 * The workers of joined processes.
 *
 * @param collectives what the processes do together
 * @returns the workers
 */
export function workersOf(collectives: Collectives): Workers {
  const { rank, addresses, gather, leave } = collectives;
  return {
    ...{ rank, count: addresses.length, gather, leave },
    startSum: (timely) => sumOfBuckets((tensor) => collectives.sum(tensor, timely)),
    sumNumbers: async (numbers) => {
      const own = tf.tensor1d([...numbers], "int32");
      const summed = await collectives.sum(own);
      const values = [...valuesOf(summed)];
      dispose([own, summed]);
      return values;
    },
  };
}

/**
 * The pieces of a step that a worker does.
 *
 * @param worker its number and how many there are; undefined for the only one
 * @param accumulate micro-batches of the step
 * @param rows samples of a micro-batch
 * @returns pieces in order; whole micro-batches for the only worker
 * @throws UserError when there are more workers than samples
 */
export function piecesOf(worker: Pick<Workers, "rank" | "count"> | undefined, accumulate: number, rows: number): Piece[] {
  const { rank, count } = worker ?? { rank: 0, count: 1 };
  const total = accumulate * rows;
  if (count > total) {
    throw new UserError(`Cannot share ${total} samples a step among ${count} workers: start fewer, or raise batch or accumulate`);
  }
  const [first, end] = [Math.floor(rank * total / count), Math.floor((rank + 1) * total / count)];
  const pieces: Piece[] = [];
  for (let micro = Math.floor(first / rows); micro * rows < end; micro++) {
    const [from, to] = [Math.max(0, first - micro * rows), Math.min(rows, end - micro * rows)];
    pieces.push({ micro, from, to, share: (to - from) / rows });
  }
  return pieces;
}

/** The rows of a piece, of each tensor of a batch. */
export function rowsOf<T>(tensors: T, { from, to }: Piece): T {
  const cut = (tensor: Tensor) => tf.slice(tensor, [from], [to - from]) as Tensor;
  return withLeaves(tensors, leaves(tensors).map(cut));
}

/** The first worker's point, which becomes that of all: checkpoints may lie where it alone can read them. Consumes the point. */
export async function sharePoint(workers: Workers, { step, state }: TrainingPoint): Promise<TrainingPoint> {
  const { params, mean, square } = state;
  const own = [...params, ...mean, ...square];
  const given = workers.rank === 0 ? own : own.map(({ shape }) => tf.zeros(shape));
  if (workers.rank !== 0) dispose(state);
  const [first] = await workers.sumNumbers([workers.rank === 0 ? step : 0]);
  const sum = workers.startSum(false);
  given.forEach((tensor, i) => sum.add(i, tensor));
  const { grads: all } = await sum.end({ loss: 0, size: 0 });
  const n = params.length;
  return { step: first!, state: { params: all.slice(0, n), mean: all.slice(n, 2 * n), square: all.slice(2 * n) } };
}

/** The gradients of the only worker, as they are. */
export function ownSum(): GradientSum {
  const grads: Tensor[] = [];
  return { add: (index, grad) => grads[index] = grad, end: (own) => Promise.resolve({ grads, ...own }) };
}

/** A tensor that was taken, and its number. */
interface Taken {
  readonly index: number;
  readonly tensor: Tensor;
}

/** Sums of tensors by a few large ones that hold them all, each begun when it is full: a small message costs as much time as a large one. */
function sumOfBuckets(sum: (tensor: Tensor) => Promise<Tensor>): GradientSum {
  const sums: Promise<Taken[]>[] = [];
  let [bucket, room]: [Taken[], number] = [[], BUCKET];
  const send = () => {
    if (bucket.length === 0) return;
    const sent = sumOfBucket(sum, bucket);
    sent.catch(() => {}); // told where all are waited for
    sums.push(sent);
    [bucket, room] = [[], BUCKET];
  };
  return {
    add: (index, grad) => {
      const bytes = 4 * grad.size; // float32
      if (bytes > room) send();
      bucket.push({ index, tensor: grad });
      room -= bytes;
    },
    end: async ({ loss, size }) => {
      bucket.push({ index: -1, tensor: tf.tensor1d([loss, size]) });
      send();
      const taken = (await Promise.all(sums)).flat().sort((a, b) => a.index - b.index);
      const [counted, ...grads] = taken.map(({ tensor }) => tensor);
      const [lossSum, sizeSum] = valuesOf(counted!);
      counted!.dispose();
      return { grads, loss: lossSum!, size: sizeSum! };
    },
  };
}

/** Consumes the bucket's tensors; it is called between a scope's two ends, so what it makes is kept. */
async function sumOfBucket(sum: (tensor: Tensor) => Promise<Tensor>, bucket: readonly Taken[]): Promise<Taken[]> {
  const packed = tf.keep(tidy(() => tf.concat(bucket.map(({ tensor }) => tf.reshape(tensor, [-1])))) as Tensor);
  dispose(bucket.map(({ tensor }) => tensor));
  const summed = await sum(packed);
  packed.dispose();
  const parts = tidy(() =>
    tf.split(summed, bucket.map(({ tensor }) => tensor.size)).map((part, i) => tf.reshape(part, bucket[i]!.tensor.shape))
  );
  summed.dispose();
  return bucket.map(({ index }, i) => ({ index, tensor: parts[i] as Tensor }));
}
