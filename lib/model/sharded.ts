/**
 * Blocks whose matrices are spread over processes: each holds a part of every block, and all gather a block's matrices just before it
 * runs, in the forward pass and again in the recomputed backward pass (ZeRO's third stage, Rajbhandari et al. 2020, of frozen weights,
 * which have no gradients to scatter).
 *
 * Shapes: N processes, E elements of a block's matrices one after the other, S elements of a process's part of them.
 *
 * @module
 */
import { type Precision, STORED_BYTES, type Tensor, tf, tidy, toPrecision } from "../engine/mod.ts";
import { type ChameleonConfig, PROJECTIONS, projectionShape } from "./config.ts";
import type { BlockNorms, Matrices } from "./layer.ts";
import type { StoredTensor } from "./safetensors.ts";
import { isReadable, readTensor } from "./stored_tensors.ts";

/** The processes that hold parts, as one of them sees them. */
export interface Gathering {
  /** This one's number. */
  readonly rank: number;
  /** How many there are. */
  readonly count: number;
  /** The parts of all, one after the other: [S] → [N · S]. All of them call it, in the same order. */
  readonly gather: (part: Tensor) => Tensor;
}

/** What a process holds of a block: its part of the matrices, [S], and all that is small. */
export interface ShardedBlock extends BlockNorms {
  /** Elements of the block's matrices, each row by row, in the order of `PROJECTIONS`; zeros after the last. [S] */
  readonly part: Tensor;
}

/** All blocks of a model, spread over processes. */
export interface ShardedBlocks {
  /** Precision of the matrices. */
  readonly precision: Precision;
  /** What this process holds, by block. */
  readonly blocks: readonly ShardedBlock[];
  /** A block's matrices, [out, in] each, gathered from all processes; the caller's to free. */
  readonly matricesOf: (block: number) => Matrices;
}

const LINE = 32; // elements: parts of matrices that begin at whole lines of 64 bytes are used where they lie

/** Blocks of parts that a process holds. */
export function shardedBlocks(
  config: ChameleonConfig,
  precision: Precision,
  blocks: readonly ShardedBlock[],
  { gather }: Gathering,
): ShardedBlocks {
  return { precision, blocks, matricesOf: (block) => tidy(() => matricesOf(config, gather(blocks[block]!.part))) };
}

/** The matrices that lie one after the other, without a copy where they begin at whole lines. [N · S] → [out, in] each */
function matricesOf(config: ChameleonConfig, whole: Tensor): Matrices {
  let from = 0;
  return Object.fromEntries(PROJECTIONS.map((name) => {
    const [out, width] = projectionShape(config, name);
    const flat = tf.slice(whole, [from], [out * width]); // [out · in]
    from += out * width;
    return [name, tf.reshape(flat, [out, width])]; // [out, in]
  })) as Matrices;
}

/** S: elements of a block that each process holds, of so many in all. */
export function partSize(elements: number, count: number): number {
  return Math.ceil(elements / count / LINE) * LINE;
}

/**
 * Reads a process's part of a block's matrices, and nothing else of them.
 *
 * @param matrices as they are stored, in the order of `PROJECTIONS`
 * @param precision wanted
 * @param process its number, and how many there are
 * @returns the part, [S]
 */
export function readPart(
  matrices: readonly StoredTensor[],
  precision: Precision,
  { rank, count }: Pick<Gathering, "rank" | "count">,
): Tensor {
  const sizes = matrices.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const size = partSize(sizes.reduce((a, b) => a + b, 0), count);
  return tidy(() => {
    const pieces: Tensor[] = [];
    let [from, room] = [rank * size, size]; // from: counted from the next matrix's first element
    matrices.forEach((matrix, i) => {
      const taken = Math.min(room, sizes[i]! - from);
      if (taken > 0) pieces.push(toPrecision(readRange(matrix, from, taken), precision)); // [taken]
      room -= Math.max(0, taken);
      from = Math.max(0, from - sizes[i]!);
    });
    if (room > 0) pieces.push(toPrecision(tf.zeros([room]), precision)); // [room]
    return pieces.length === 1 ? pieces[0]! : tf.concat(pieces); // [S]
  });
}

/** Elements of a stored tensor, row by row. [count] */
function readRange(stored: StoredTensor, from: number, count: number): Tensor {
  if (!isReadable(stored.dtype)) throw new TypeError(`Cannot read elements of type ${stored.dtype}`);
  const bytes = STORED_BYTES[stored.dtype];
  return readTensor({ ...stored, shape: [count], begin: stored.begin + from * bytes, size: count * bytes });
}
