/**
 * Kernels of our own on TensorFlow.js' wasm backend, for those of its own that are slow: products with transposed or batched factors
 * run there element by element (its XNNPACK takes neither), copies that need not be, and parts read by way of the whole.
 *
 * @module
 */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { type TensorInfo, tf } from "./tf.ts";

/** What our kernels need of the backend; the type that comes with it hides the number of the next id. */
type Backend = Pick<BackendWasm, "wasm" | "dataIdMap" | "makeOutput" | "typedArrayFromHeap" | "incRef" | "disposeData"> & {
  dataIdNextNumber: number;
};
type Attrs = Readonly<Record<string, unknown>>;
type KernelFunc = (call: { inputs: Readonly<Record<string, TensorInfo>>; attrs: Attrs; backend: Backend }) => TensorInfo | TensorInfo[];

/** Replaces the kernels. */
export function registerWasmKernels(): void {
  const backend = tf.backend() as unknown as Backend;
  replace("BatchMatMul", matMulOn(backend));
  replace("Identity", alias);
  replace("Slice", slice);
  replace("SplitV", split);
  replace("Tile", tileOn(kernelOf("Tile")));
}

function kernelOf(kernelName: string): KernelFunc {
  return tf.getKernel(kernelName, "wasm")!.kernelFunc as unknown as KernelFunc;
}

function replace(kernelName: string, kernelFunc: KernelFunc): void {
  tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc: kernelFunc as never });
}

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
function matMulOn(backend: Backend): KernelFunc {
  const { cwrap } = backend.wasm as unknown as { cwrap(name: string, result: null, types: string[]): (...args: unknown[]) => void };
  const matrix = ["number", "array", "number"]; // id, shape, axes
  const multiply = cwrap("BatchMatMul", null, [...matrix, ...matrix, "number", "number", "number"]);
  return ({ inputs, attrs }) => {
    const x = factor(inputs["a"]!, attrs["transposeA"] === true);
    const y = factor(inputs["b"]!, attrs["transposeB"] === true);
    const [m, k, n] = [x.isTransposed ? x.columns : x.rows, y.isTransposed ? y.columns : y.rows, y.isTransposed ? y.rows : y.columns];
    const direct = (x.isTransposed ? m * k : 0) + (y.isTransposed ? 2 : 1) * n * k; // XNNPACK lays the second factor anew as well
    const swapped = (x.isTransposed ? 1 : 2) * m * k + (y.isTransposed ? 0 : n * k) + m * n;
    const batch = Math.max(x.batch, y.batch);
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
  const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
  const strides = [...tf.util.computeStrides(x.shape), 1];
  const whole = x.shape.findLastIndex((length, axis) => length !== size[axis]); // the axes after it are taken whole
  const run = size.slice(Math.max(0, whole)).reduce((a, b) => a * b, 1); // neighbours that are copied at once
  let written = 0;
  const copy = (axis: number, offset: number): void => {
    const first = offset + (axis < size.length ? begin[axis]! * strides[axis]! : 0);
    if (axis >= whole) {
      to.set(from.subarray(first, first + run), written);
      written += run;
    } else for (let i = 0; i < size[axis]!; i++) copy(axis + 1, first + i * strides[axis]!);
  };
  if (to.length > 0) copy(0, 0);
  return out;
}

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
