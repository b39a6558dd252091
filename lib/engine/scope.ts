/**
 * Memory at the edges of functions: scopes free what was made inside them. No `await` between a scope's two ends.
 *
 * @module
 */
import { type Tensor, type TensorContainer, tf } from "./tf.ts";
import { leaves } from "./tree.ts";

/**
 * Runs a function and frees all tensors that it made, but for those it returns.
 *
 * @param fn returns any tree of tensors
 */
export function tidy<T>(fn: () => T): T {
  return tf.tidy(fn as () => TensorContainer) as T;
}

/** Frees the tensors of a tree. */
export function dispose(tree: unknown): void {
  for (const tensor of leaves(tree)) tensor.dispose();
}

/** How many tensors are alive. */
export function liveTensors(): number {
  return tf.memory().numTensors;
}

/** The values of a tensor. */
export function valuesOf(tensor: Tensor): Float32Array | Int32Array {
  return tensor.dataSync() as Float32Array | Int32Array;
}

/** The one value of a tensor, which is freed. */
export function takeNumber(tensor: Tensor): number {
  const [value] = tensor.dataSync();
  tensor.dispose();
  return value!;
}
