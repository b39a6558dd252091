/**
 * Kernels of our own on TensorFlow.js' wasm backend, for those of its own that are slow: products with transposed or batched factors
 * run there element by element (its XNNPACK takes neither), copies that need not be, and parts read by way of the whole.
 *
 * @module
 */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { type Tensor, type TensorInfo, tf } from "./tf.ts";

/** What our kernels need of the backend; the type that comes with it hides the number of the next id. */
type Backend = Pick<BackendWasm, "wasm" | "dataIdMap" | "makeOutput" | "typedArrayFromHeap" | "incRef" | "disposeData"> & {
  dataIdNextNumber: number;
};
type Numbers = Float32Array | Int32Array | Uint8Array;
type Attrs = Readonly<Record<string, unknown>>;
type KernelFunc = (call: { inputs: Readonly<Record<string, TensorInfo>>; attrs: Attrs; backend: Backend }) => TensorInfo | TensorInfo[];

/** A kernel that only we have: a copy of a buffer with a part of it written anew. */
export const UPDATE_SLICE = "WorldstrapUpdateSlice";

const HEAP_LOOP = "WorldstrapHeapLoop"; // has no gradient: asking for one is an error

/**
 * A kernel written where it is used: a loop over numbers in the memory of the wasm backend, without copies.
 *
 * @param inputs what it reads, by name; an int32 tensor comes as an Int32Array
 * @param shape of the result
 * @param loop writes all numbers of the result, and may write into its inputs
 * @returns the result, float32
 */
export function onHeap<N extends string>(
  inputs: Readonly<Record<N, Tensor>>,
  shape: readonly number[],
  loop: (out: Float32Array, values: Readonly<Record<N, Float32Array>>) => void,
): Tensor {
  return tf.engine().runKernel(HEAP_LOOP, inputs as never, { shape, loop } as never);
}

/** Replaces the kernels. */
export function registerWasmKernels(): void {
  const backend = tf.backend() as unknown as Backend;
  replace("BatchMatMul", matMulOn(backend, kernelOf("BatchMatMul")));
  replace("Identity", alias);
  replace("Slice", slice);
  replace("SplitV", split);
  replace("Tile", tileOn(kernelOf("Tile")));
  replace("Equal", compareOn((a, b) => a === b));
  replace("Greater", compareOn((a, b) => a > b));
  tf.registerKernel({ kernelName: UPDATE_SLICE, backendName: "wasm", kernelFunc: updateSlice as never });
  tf.registerKernel({ kernelName: HEAP_LOOP, backendName: "wasm", kernelFunc: heapLoop as never });
}

function kernelOf(kernelName: string): KernelFunc {
  return tf.getKernel(kernelName, "wasm")!.kernelFunc as unknown as KernelFunc;
}

function replace(kernelName: string, kernelFunc: KernelFunc): void {
  tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc: kernelFunc as never });
}

const [CALL, LAY] = [5000, 3]; // what a call of XNNPACK costs, and a number that it lays anew, in products of two numbers by the backend

/** A factor of a product as it lies: [N, rows, columns], to be read transposed or not. */
interface Factor {
  readonly info: TensorInfo;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly isTransposed: boolean;
}

/**
 * Products by XNNPACK, one after the other: it multiplies two matrices as they lie, `x y`. Where a factor is to be read transposed,
 * either it is transposed first, or the transposed product `yᵀ xᵀ` is computed, whichever moves fewer numbers.
 */
function matMulOn(backend: Backend, oneByOne: KernelFunc): KernelFunc {
  const { cwrap } = backend.wasm as unknown as { cwrap(name: string, result: null, types: string[]): (...args: unknown[]) => void };
  const matrix = ["number", "array", "number"]; // id, shape, axes
  const multiply = cwrap("BatchMatMul", null, [...matrix, ...matrix, "number", "number", "number"]);
  return (call) => {
    const { inputs, attrs } = call;
    const x = factor(inputs["a"]!, attrs["transposeA"] === true);
    const y = factor(inputs["b"]!, attrs["transposeB"] === true);
    const [m, k, n] = [x.isTransposed ? x.columns : x.rows, y.isTransposed ? y.columns : y.rows, y.isTransposed ? y.rows : y.columns];
    const direct = (x.isTransposed ? m * k : 0) + (y.isTransposed ? 2 : 1) * n * k; // XNNPACK lays the second factor anew as well
    const swapped = (x.isTransposed ? 1 : 2) * m * k + (y.isTransposed ? 0 : n * k) + m * n;
    const batch = Math.max(x.batch, y.batch);
    const isSmall = batch > 1 && m * k * n < CALL + LAY * Math.min(direct, swapped);
    if (isSmall || !isOurs(x, y)) return oneByOne(call);
    const shape = [...(x.batch >= y.batch ? x : y).info.shape.slice(0, -2), m, n];
    if (direct <= swapped) return { ...products(x, y, [m, k, n], batch), shape };
    const turned = products({ ...y, isTransposed: !y.isTransposed }, { ...x, isTransposed: !x.isTransposed }, [n, k, m], batch);
    return { ...takeTransposed(backend, turned, [batch, n, m]), shape };
  };

  /** [N, m, k] and [N, k, n] → [N, m, n] */
  function products(x: Factor, y: Factor, [m, k, n]: [number, number, number], batch: number): TensorInfo {
    const [left, right] = [x, y].map(({ info, batch, rows, columns, isTransposed }) =>
      isTransposed ? transposed(backend, info, [batch, rows, columns]) : info
    ) as [TensorInfo, TensorInfo];
    const out = backend.makeOutput([batch, m, n], "float32");
    const [xShape, yShape] = [intBytes([1, m, k]), intBytes([1, k, n])];
    for (let i = 0; i < batch; i++) {
      const ids = [
        part(backend, left, x.batch === 1 ? 0 : i, x.batch, m * k),
        part(backend, right, y.batch === 1 ? 0 : i, y.batch, k * n),
        part(backend, out, i, batch, m * n),
      ] as const;
      multiply(ids[0].id, xShape, 3, ids[1].id, yShape, 3, 0, 0, ids[2].id);
      ids.forEach(({ free }) => free());
    }
    if (left !== x.info) backend.disposeData(left.dataId);
    if (right !== y.info) backend.disposeData(right.dataId);
    return out;
  }
}

/** The backend says of others why it cannot. */
function isOurs(x: Factor, y: Factor): boolean {
  const batches = x.batch === y.batch || x.batch === 1 || y.batch === 1;
  return batches && x.info.dtype === "float32" && y.info.dtype === "float32" && x.batch * y.batch > 0;
}

function factor(info: TensorInfo, isTransposed: boolean): Factor {
  const [rows, columns] = info.shape.slice(-2) as [number, number];
  return { info, rows, columns, isTransposed, batch: info.shape.slice(0, -2).reduce((a, b) => a * b, 1) };
}

/** A matrix of a batch under an id of its own, where it lies: no copy. */
function part(backend: Backend, { dataId }: TensorInfo, index: number, batch: number, size: number): { id: number; free: () => void } {
  const { id, memoryOffset } = backend.dataIdMap.get(dataId);
  if (batch === 1) return { id, free: () => {} };
  const own = backend.dataIdNextNumber++;
  tfjs(backend).registerTensor(own, size, memoryOffset + 4 * size * index);
  return { id: own, free: () => tfjs(backend).disposeData(own) };
}

function tfjs({ wasm }: Backend) {
  return wasm.tfjs as unknown as { registerTensor(id: number, size: number, offset: number): void; disposeData(id: number): void };
}

function intBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** [N, rows, columns] → [N, columns, rows], in new memory */
function transposed(backend: Backend, info: TensorInfo, shape: number[]): TensorInfo {
  return kernelOf("Transpose")({ inputs: { x: { ...info, shape } }, attrs: { perm: [0, 2, 1] }, backend }) as TensorInfo;
}

function takeTransposed(backend: Backend, info: TensorInfo, shape: number[]): TensorInfo {
  const turned = transposed(backend, info, shape);
  backend.disposeData(info.dataId);
  return turned;
}

/** The same memory once more. */
const alias: KernelFunc = ({ inputs: { x }, backend }) => {
  backend.incRef(x!.dataId);
  return { dataId: x!.dataId, shape: x!.shape, dtype: x!.dtype };
};

/** A part of a tensor: rows are copied from where they lie. */
const slice: KernelFunc = ({ inputs: { x }, attrs, backend }) => {
  const [begin, size] = tf.slice_util.parseSliceParams(x as never, attrs["begin"] as number[], attrs["size"] as number[]);
  return cut(backend, x!, begin!, size!);
};

function cut(backend: Backend, x: TensorInfo, begin: readonly number[], size: readonly number[]): TensorInfo {
  const out = backend.makeOutput([...size], x.dtype);
  const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)] as [Numbers, Numbers];
  eachRun(x.shape, begin, size, (first, written, count) => to.set(from.subarray(first, first + count), written));
  return out;
}

/** Neighbours in a part of a tensor that are neighbours in the whole too: where they begin in the whole and in the part, how many. */
function eachRun(
  shape: readonly number[],
  begin: readonly number[],
  size: readonly number[],
  run: (inWhole: number, inPart: number, count: number) => void,
): void {
  if (size.includes(0)) return;
  const strides = [...tf.util.computeStrides([...shape]), 1];
  const last = Math.max(0, shape.findLastIndex((length, axis) => length !== size[axis])); // the axes after it are taken whole
  const count = size.slice(last).reduce((a, b) => a * b, 1);
  let inPart = 0;
  const walk = (axis: number, offset: number): void => {
    const first = offset + (begin[axis] ?? 0) * strides[axis]!;
    if (axis === last) {
      run(first, inPart, count);
      inPart += count;
    } else for (let i = 0; i < size[axis]!; i++) walk(axis + 1, first + i * strides[axis]!);
  };
  walk(0, 0);
}

const heapLoop: KernelFunc = ({ inputs, attrs, backend }) => {
  const out = backend.makeOutput([...attrs["shape"] as number[]], "float32"); // first: it may move the memory
  const values = Object.fromEntries(Object.entries(inputs).map(([name, info]) => [name, backend.typedArrayFromHeap(info)]));
  (attrs["loop"] as (out: unknown, values: unknown) => void)(backend.typedArrayFromHeap(out), values);
  return out;
};

/** The buffer with `part` written at `start`, in new memory. */
const updateSlice: KernelFunc = ({ inputs: { buffer, part, start }, backend }) => {
  const out = backend.makeOutput([...buffer!.shape], buffer!.dtype);
  const [from, written, to] = [buffer!, part!, out].map((info) => backend.typedArrayFromHeap(info)) as [Numbers, Numbers, Numbers];
  to.set(from);
  const begin = [...backend.typedArrayFromHeap(start!)];
  eachRun(buffer!.shape, begin, part!.shape, (first, read, count) => to.set(written.subarray(read, read + count), first));
  return out;
};

/** Parts along one axis. */
const split: KernelFunc = ({ inputs: { x }, attrs, backend }) => {
  const [axis] = tf.util.parseAxisParam(attrs["axis"] as number, x!.shape) as [number];
  const sizes = tf.backend_util.prepareSplitSize(x as never, attrs["numOrSizeSplits"] as number[], axis);
  let first = 0;
  return sizes.map((count) => {
    const begin = x!.shape.map((_, i) => i === axis ? first : 0);
    first += count;
    return cut(backend, x!, begin, x!.shape.map((length, i) => i === axis ? count : length));
  });
};

/** One number repeated is a fill. */
function tileOn(others: KernelFunc): KernelFunc {
  return (call) => {
    const { inputs: { x }, attrs, backend } = call;
    if (tf.util.sizeFromShape(x!.shape) !== 1) return others(call);
    const out = backend.makeOutput(x!.shape.map((length, i) => length * (attrs["reps"] as number[])[i]!), x!.dtype);
    backend.typedArrayFromHeap(out).fill(backend.typedArrayFromHeap(x!)[0]!);
    return out;
  };
}

/** Comparisons; the backend's own take 50 nanoseconds an element where a shape is stretched. */
function compareOn(holds: (a: number, b: number) => boolean): KernelFunc {
  return ({ inputs: { a, b }, backend }) => {
    const shape = tf.backend_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
    const out = backend.makeOutput(shape, "bool");
    const to = backend.typedArrayFromHeap(out) as Uint8Array;
    const [left, right] = [a!, b!].map((info) => stretched(backend, info, shape)) as [Stretched, Stretched];
    const columns = shape.at(-1) ?? 1;
    let i = 0;
    for (let row = 0; i < to.length; row++) {
      let [l, r] = [left.firstOf(row), right.firstOf(row)];
      for (let column = 0; column < columns; column++, l += left.step, r += right.step) {
        to[i++] = holds(left.values[l]!, right.values[r]!) ? 1 : 0;
      }
    }
    return out;
  };
}

/** A tensor that is read as one of a larger shape. */
interface Stretched {
  readonly values: Numbers;
  readonly step: number; // to the next column: 0 or 1
  readonly firstOf: (row: number) => number;
}

function stretched(backend: Backend, info: TensorInfo, shape: readonly number[]): Stretched {
  const own = [...Array(shape.length - info.shape.length).fill(1), ...info.shape] as number[];
  const columns = own.at(-1) ?? 1;
  const firstOf = (row: number) => {
    let [first, stride] = [0, columns];
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      if (own[axis] !== 1) first += (row % shape[axis]!) * stride;
      row = Math.floor(row / shape[axis]!);
      stride *= own[axis]!;
    }
    return first;
  };
  return { values: backend.typedArrayFromHeap(info) as Numbers, step: columns === 1 ? 0 : 1, firstOf };
}
