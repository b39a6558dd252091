/**
 * Tensors that are made of a checkpoint's model-parallel parts when they are written: parts joined, rows reordered, vectors
 * repeated. All of it moves bytes and never looks at them, but for the mean of norms. One part is in memory beside the result.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { type OutgoingTensor, readInto, type StoredTensor } from "../model/safetensors.ts";
import { isReadable } from "../model/stored_tensors.ts";

/** Element types of weights. */
type WeightType = "F32" | "BF16" | "F16";

const WIDTH: Readonly<Record<WeightType, number>> = { F32: 4, BF16: 2, F16: 2 };

/** Parts of one tensor, of one element type; at least one. */
export interface Parts {
  /** Their element type. */
  readonly dtype: WeightType;
  /** The parts, in the order of their ranks. */
  readonly parts: readonly [StoredTensor, ...StoredTensor[]];
}

/**
 * Takes tensors as the parts of one.
 *
 * @param name of the tensor, for messages
 * @param stored the parts, in the order of their ranks
 * @param rank dimensions that each must have; any, when it is left out
 * @param axis the dimension in which they may differ
 * @throws UserError when their element types or shapes do not go together
 */
export function partsOf(name: string, stored: readonly [StoredTensor, ...StoredTensor[]], rank?: number, axis?: number): Parts {
  const [{ dtype, shape }] = stored;
  const isAlike = (part: StoredTensor) =>
    part.dtype === dtype && part.shape.length === (rank ?? shape.length) && part.shape.every((size, i) => i === axis || size === shape[i]);
  const other = stored.find((part) => !isAlike(part));
  if (isReadable(dtype) && !other) return { dtype, parts: stored };
  const { path, ...found } = other ?? stored[0];
  throw new UserError(
    `Cannot convert ${quoted(name)} of ${path}: it is ${found.dtype} of shape ${quoted(found.shape)}, wanted F32, F16 or BF16` +
      `${rank === undefined ? "" : ` in ${rank} dimensions`}, alike in all parts`,
  );
}

/**
 * Parts one after the other: rows of a matrix, or a whole tensor of any shape when there is one part.
 *
 * @param name of the result
 * @param parts [rows, …] each
 */
export function joinedRows(name: string, { dtype, parts }: Parts): OutgoingTensor {
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 1), 0);
  const [{ shape: [, ...rest] }] = parts;
  return { name, dtype, shape: parts[0].shape.length === 0 ? [] : [rows, ...rest], bytes: () => readAll(parts) };
}

/**
 * Parts side by side: each has all rows and some of the columns.
 *
 * @param name of the result
 * @param parts [rows, columns] each
 */
export function joinedColumns(name: string, { dtype, parts }: Parts): OutgoingTensor {
  const rows = parts[0].shape[0]!;
  const stride = parts.reduce((sum, { shape }) => sum + shape[1]!, 0) * WIDTH[dtype]; // bytes of a row
  const bytes = () => {
    if (parts.length === 1) return readAll(parts); // half the memory: embeddings are the largest tensors
    const all = new Uint8Array(rows * stride);
    let column = 0; // in bytes
    for (const part of parts) {
      const own = readAll([part]);
      const width = own.length / rows;
      for (let row = 0; row < rows; row++) all.set(own.subarray(row * width, (row + 1) * width), row * stride + column);
      column += width;
    }
    return all;
  };
  return { name, dtype, shape: [rows, stride / WIDTH[dtype]], bytes };
}

/**
 * The rows of each head from rotary pairs (Meta) to rotary halves (Hugging Face): row 2i + j of a head becomes row j · D/2 + i.
 *
 * @param tensor [heads · D, …]
 * @param headDim D
 */
export function halvesOfPairs(tensor: OutgoingTensor, headDim: number): OutgoingTensor {
  const bytes = () => {
    const pairs = tensor.bytes();
    const halves = new Uint8Array(pairs.length);
    const rows = tensor.shape[0]!;
    const width = pairs.length / rows;
    for (let row = 0; row < rows; row++) {
      const [head, at] = [row - row % headDim, row % headDim];
      const to = head + (at % 2) * headDim / 2 + (at >> 1);
      halves.set(pairs.subarray(row * width, (row + 1) * width), to * width);
    }
    return halves;
  };
  return { ...tensor, bytes };
}

/**
 * A vector for each head from one for each part: the heads of a part share its own.
 *
 * @param vectors all parts' vectors one after the other, [parts · D]
 * @param heads of all parts together
 * @param headDim D
 * @returns [heads, D]
 */
export function perHead(vectors: OutgoingTensor, heads: number, headDim: number): OutgoingTensor {
  const bytes = () => {
    const own = vectors.bytes();
    const width = own.length / (vectors.shape[0]! / headDim); // bytes of a vector
    const sharing = heads / (own.length / width); // heads of a part
    const all = new Uint8Array(heads * width);
    for (let head = 0; head < heads; head++) {
      const part = Math.floor(head / sharing);
      all.set(own.subarray(part * width, (part + 1) * width), head * width);
    }
    return all;
  };
  return { ...vectors, shape: [heads, headDim], bytes };
}

/**
 * The mean of vectors that every part has whole, as transformers' conversion takes it. Equal ones stay as they are.
 *
 * @param name of the result
 * @param parts [D] each
 */
export function meanOf(name: string, { dtype, parts }: Parts): OutgoingTensor {
  const bytes = () => {
    const all = parts.map((part) => readAll([part]));
    const [first, ...others] = all as [Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]];
    if (others.every((other) => other.every((byte, i) => byte === first[i]))) return first;
    const values = all.map((own) => valuesOf(own, dtype));
    return encoded(values[0]!.map((_, i) => values.reduce((sum, own) => sum + own[i]!, 0) / values.length), dtype);
  };
  return { name, dtype, shape: parts[0].shape, bytes };
}

function readAll(parts: readonly StoredTensor[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { size }) => sum + size, 0));
  let at = 0;
  for (const part of parts) {
    readInto(part, all.subarray(at, at + part.size));
    at += part.size;
  }
  return all;
}

function valuesOf({ buffer }: Uint8Array<ArrayBuffer>, dtype: WeightType): Float32Array<ArrayBuffer> {
  if (dtype === "F32") return new Float32Array(buffer);
  if (dtype === "F16") return Float32Array.from(new Float16Array(buffer));
  return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer);
}

/** Values in their element type, rounded to nearest, ties to even. */
function encoded(values: Float32Array<ArrayBuffer>, dtype: WeightType): Uint8Array<ArrayBuffer> {
  if (dtype === "F32") return new Uint8Array(values.buffer);
  if (dtype === "F16") return new Uint8Array(Float16Array.from(values).buffer);
  const words = new Uint32Array(values.buffer);
  return new Uint8Array(Uint16Array.from(words, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16).buffer);
}
