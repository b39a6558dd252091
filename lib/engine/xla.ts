/**
 * Operations that TensorFlow.js does not have: products with float32 sums, writes into a part of a buffer, bit patterns. With
 * libtensorflow, functions compiled by XLA alone have them.
 *
 * @module
 */
import { AttrKind, type OpAttr } from "./graph.ts";
import { DType } from "./capi.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { precisionOf } from "./bfloat16.ts";
import { type Tensor, tf } from "./tf.ts";
import { UPDATE_SLICE } from "./wasm.ts";

/**
 * A matrix product of a few rows, summed and returned in float32 whatever the precision of the factors, which must be one. For
 * few rows XLA's own product of bfloat16 takes half the time of one that rounds its result.
 *
 * @param x [..., M, K]
 * @param y [..., K, N], with the same axes before
 * @returns [..., M, N] float32
 */
export function productOfFewRows(x: Tensor, y: Tensor): Tensor {
  const [axes, type] = [x.rank - 2, typeOf(x)];
  const batch = Array.from({ length: axes }, (_, i) => i);
  const dimensions = [field(1, [axes + 1]), field(2, [axes]), field(3, batch), field(4, batch)].join(""); // DotDimensionNumbers
  return run("XlaDotV2", [
    typed("LhsT", type),
    typed("RhsT", typeOf(y)),
    typed("preferred_element_type", DType.FLOAT),
    { name: "dimension_numbers", type: AttrKind.STRING, value: dimensions },
    { name: "precision_config", type: AttrKind.STRING, value: "" },
  ], [x, y]);
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
