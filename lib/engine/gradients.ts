/**
 * Values with their gradients.
 *
 * @module
 */
import { type Tensor, tf } from "./tf.ts";

/**
 * A scalar function's value and its gradients.
 *
 * @param fn gives a scalar of the tensors
 * @param params the tensors to differentiate by
 * @returns the value, and gradients in the order of `params`
 * @throws Error when the value does not depend on any of them
 */
export function valueAndGradients(fn: (params: Tensor[]) => Tensor, params: readonly Tensor[]): { value: Tensor; grads: Tensor[] } {
  const { value, grads } = tf.valueAndGrads((...xs: Tensor[]) => fn(xs) as never)([...params]);
  return { value, grads };
}
