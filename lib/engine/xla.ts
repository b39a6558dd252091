/**
 * Operations that TensorFlow.js does not have: products with float32 sums, writes into a part of a buffer, bit patterns. With
 * libtensorflow, functions compiled by XLA alone have them.
 *
 * @module
 */
import { AttrKind, type OpAttr } from "./graph.ts";
import { DType } from "./capi.ts";
import { activeBinding, inputIds, isOnCpu, kernelBackend } from "./kernels.ts";
import { precisionOf, toPrecision } from "./bfloat16.ts";
import { hasInstructions } from "./processor.ts";
import { type Tensor, tf } from "./tf.ts";
import { UPDATE_SLICE } from "./wasm.ts";

const TILE = 32; // columns of a product that AMX's tiles are used for
const LARGE = 2 ** 18; // elements of a matrix from which on that pays: at 512 × 512 it does, at 256 × 704 it does not

/**
 * Products of a few rows with matrices, side by side: x · wᵀ for each, summed and returned in float32 whatever the precision
 * of the factors, which must be one.
 *
 * XLA on a CPU lays out the second factor of a bfloat16 product for the processor at every product, which costs more than the
 * product where that factor is a large matrix of weights. With AMX it reads the first factor as it lies: there w · xᵀ is taken,
 * the few columns repeated to a tile of 32, and turned round. Other processors would do 32 columns' work for it.
 *
 * @param x [M, K]
 * @param matrices [N, K] each
 * @returns [M, ΣN] float32
 */
export function productOfFewRows(x: Tensor, ...matrices: readonly Tensor[]): Tensor {
  if (!takesTiles(matrices[0]!)) {
    const products = matrices.map((w) => dot(x, w, 1)); // [M, N] each
    return products.length === 1 ? products[0]! : tf.concat(products, 1);
  }
  const rows = x.shape[0]!;
  const repeated = repeatRows(x, Math.ceil(rows / TILE) * TILE);
  const turned = matrices.flatMap((w) => {
    const few = tf.slice(dot(w, repeated, 1), [0, 0], [-1, rows]); // [N, M]
    return halves(few).map((half) => tf.transpose(half)); // [M, N/2] each
  });
  return tf.concat(turned, 1);
}

function takesTiles(matrix: Tensor): boolean {
  return isOnCpu() && matrix.size >= LARGE && precisionOf(matrix) === "bfloat16" && hasInstructions("amx_bf16");
}

/** Rows one after the other until there are `count`. In float32, as XLA widens bfloat16 that is moved about, and the product with it. */
function repeatRows(x: Tensor, count: number): Tensor {
  const [rows, width] = x.shape as [number, number];
  const repeated = tf.tile(toPrecision(x, "float32"), [Math.ceil(count / rows), 1]);
  return toPrecision(tf.slice(repeated, [0, 0], [count, width]), "bfloat16"); // [count, K]
}

/** Two parts to be joined again: joining writes the turned product out once, where each of its readers would turn it anew. */
function halves(x: Tensor): Tensor[] {
  const length = x.shape[0]!;
  return length === 1 ? [x] : tf.split(x, [length >> 1, length - (length >> 1)], 0);
}

/** x · y, summed and returned in float32 whatever the precision of both, which must be one. x: [..., M, K], y: [..., K, N] → [..., M, N] */
export function product(x: Tensor, y: Tensor): Tensor {
  return dot(x, y, y.rank - 2);
}

/** A product over the last axis of a and one of the last two of b. a: [..., M, K] → [..., M, N] */
function dot(a: Tensor, b: Tensor, axis: number): Tensor {
  const [axes, type] = [a.rank - 2, typeOf(a)];
  const batch = Array.from({ length: axes }, (_, i) => i);
  const dimensions = [field(1, [axes + 1]), field(2, [axis]), field(3, batch), field(4, batch)].join(""); // DotDimensionNumbers
  return run("XlaDotV2", [
    typed("LhsT", type),
    typed("RhsT", typeOf(b)),
    typed("preferred_element_type", DType.FLOAT),
    { name: "dimension_numbers", type: AttrKind.STRING, value: dimensions },
    { name: "precision_config", type: AttrKind.STRING, value: "" },
  ], [a, b]);
}

/**
 * x, computed once. XLA repeats cheap operations in each kernel that reads their result, and for each number of it that the kernel
 * reads; a division it takes for too dear. So this divides by a one that XLA cannot foresee, which changes no bit.
 *
 * @param x any tensor of float32
 * @param count a whole number that is never below 0, a scalar int32
 * @returns x
 */
export function computedOnce(x: Tensor, count: Tensor): Tensor {
  const one = tf.cast(tf.greaterEqual(count, tf.scalar(0, "int32")), "float32");
  return tf.div(x, one);
}

/** A buffer with `part` written at `start`, one int32 for each axis; XLA writes in place where nobody reads the old buffer later. */
export function updateSlice(buffer: Tensor, part: Tensor, start: Tensor): Tensor {
  if (!activeBinding()) return tf.engine().runKernel(UPDATE_SLICE, { buffer, part, start });
  return run("XlaDynamicUpdateSlice", [typed("T", typeOf(buffer)), typed("Tindices", DType.INT32)], [buffer, part, start]);
}

/** The bits of bfloat16 numbers as whole numbers, for buffers: XLA on a CPU widens a whole buffer of bfloat16 to write one row. */
export function storedBits(x: Tensor): Tensor {
  return precisionOf(x) === "float32" ? x : run("Bitcast", [typed("T", DType.BFLOAT16), typed("type", DType.UINT16)], [x]);
}

/** What {@linkcode storedBits} stored. */
export function fromStoredBits(bits: Tensor): Tensor {
  if (!activeBinding()) return bits;
  return typeOf(bits) === DType.UINT16 ? run("Bitcast", [typed("T", DType.UINT16), typed("type", DType.BFLOAT16)], [bits]) : bits;
}

function typeOf(x: Tensor): number {
  return kernelBackend().binding.elementType(inputIds([x])[0]!);
}

function typed(name: string, value: number): OpAttr {
  return { name, type: AttrKind.TYPE, value };
}

/** A repeated field of a protocol buffer: small whole numbers, one byte each. */
function field(number: number, values: readonly number[]): string {
  return values.length === 0 ? "" : String.fromCharCode(number << 3 | 2, values.length, ...values);
}

function run(name: string, attrs: readonly OpAttr[], inputs: readonly Tensor[]): Tensor {
  const backend = kernelBackend();
  return backend.createOutputTensor(backend.binding.executeTyped(name, attrs, inputIds(inputs)));
}
