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
 * @returns what `fn` gives; every other tensor made in it is freed
 *
 * @example Only the result lives on
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const sum = ws.engine.tidy(() => tf.sum(tf.square(tf.ones([4]))));
 * assertEquals(sum.dataSync()[0], 4);
 * ```
 */
export function tidy<T>(fn: () => T): T {
  return tf.tidy(fn as () => TensorContainer) as T;
}

/**
 * Frees the tensors of a tree.
 *
 * @param tree a tensor, or lists and records of tensors
 *
 * @example A whole tree at once
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const tree = { a: tf.ones([2]), rest: [tf.ones([1])] };
 * ws.engine.dispose(tree);
 * assert(tree.a.isDisposed);
 * ```
 */
export function dispose(tree: unknown): void {
  for (const tensor of leaves(tree)) tensor.dispose();
}

/** How many tensors are alive. */
export function liveTensors(): number {
  return tf.memory().numTensors;
}

/**
 * The values of a tensor.
 *
 * @param tensor any tensor
 * @returns its values, row by row
 *
 * @example A row after the other
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...ws.engine.valuesOf(ws.engine.tf.tensor2d([[1, 2], [3, 4]]))], [1, 2, 3, 4]);
 * ```
 */
export function valuesOf(tensor: Tensor): Float32Array | Int32Array {
  return tensor.dataSync() as Float32Array | Int32Array;
}

/** The one value of a tensor, which is freed. */
export function takeNumber(tensor: Tensor): number {
  const [value] = tensor.dataSync();
  tensor.dispose();
  return value!;
}
