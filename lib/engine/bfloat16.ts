/**
 * bfloat16 tensors. TensorFlow.js has no such type: it sees "float32", and the binding keeps the truth.
 *
 * @module
 */
import { DType } from "./capi.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { withGradient } from "./gradients.ts";
import type { Tensor } from "./tf.ts";

/** The precision of matrix products and stored activations. */
export type Precision = "float32" | "bfloat16";

/**
 * The true element type of a floating-point tensor.
 *
 * @param x a tensor
 * @returns "bfloat16" or "float32"
 *
 * @example Narrowed by half
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const x = ws.engine.toPrecision(tf.ones([2]), "bfloat16");
 * assert(["bfloat16", "float32"].includes(ws.engine.precisionOf(x))); // wasm has no bfloat16
 * ```
 */
export function precisionOf(x: Tensor): Precision {
  const binding = activeBinding();
  if (!binding) return "float32";
  const [id] = inputIds([x]);
  return binding.elementType(id!) === DType.BFLOAT16 ? "bfloat16" : "float32";
}

/**
 * Converts a tensor to a precision; gradients come back in the precision of `x`. Where the backend has no bfloat16,
 * and where nothing changes, this is `x` itself.
 *
 * @param x a floating-point tensor
 * @param to the precision wanted
 * @returns the converted tensor
 *
 * @example There and back
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const x = ws.engine.toPrecision(tf.tensor1d([1.5]), "bfloat16");
 * assertEquals([...ws.engine.toPrecision(x, "float32").dataSync()], [1.5]);
 * ```
 */
export function toPrecision<T extends Tensor>(x: T, to: Precision): T {
  const from = precisionOf(x);
  if (from === to || !activeBinding()) return x;
  return withGradient([x], () => castRaw(x, to), (dy) => [toPrecision(dy, from)]) as T;
}

function castRaw(x: Tensor, to: Precision): Tensor {
  const backend = kernelBackend();
  const [id] = inputIds([x]);
  return backend.createOutputTensor(backend.binding.cast(id!, to === "bfloat16" ? DType.BFLOAT16 : DType.FLOAT));
}
