/**
 * Values with their gradients, and functions whose gradient is written out.
 *
 * @module
 */
import { type Rank, type Tensor, tf } from "./tf.ts";

/**
 * A scalar function's value and its gradients.
 *
 * @param fn gives a scalar of the tensors
 * @param params the tensors to differentiate by
 * @returns the value, and gradients in the order of `params`
 * @throws Error when the value does not depend on any of them
 *
 * @example The square of three
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { value, grads } = ws.engine.valueAndGradients(([x]) => tf.square(x!) as ws.Tensor, [tf.scalar(3)]);
 * assertEquals([value.dataSync()[0], grads[0]!.dataSync()[0]], [9, 6]);
 * ```
 */
export function valueAndGradients(fn: (params: Tensor[]) => Tensor, params: readonly Tensor[]): { value: Tensor; grads: Tensor[] } {
  const { value, grads } = tf.valueAndGrads((...xs: Tensor[]) => fn(xs) as Tensor<Rank.R0>)([...params]);
  return { value, grads };
}

/**
 * A function of tensors whose gradient is written out instead of recorded.
 *
 * @param inputs the tensors to differentiate by
 * @param forward computes the value, and hands what the gradient needs to `save`
 * @param backward gives the gradients of the inputs, in their order, from the value's gradient and the saved tensors
 * @returns the value
 *
 * @example The identity, its gradient doubled
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * await ws.openBackend();
 * const identity = (x: ws.Tensor) => ws.engine.withGradient([x], () => ws.engine.tf.clone(x), (dy) => [ws.engine.tf.mul(dy, 2)]);
 * assertEquals(ws.engine.tf.grad(identity)(ws.engine.tf.scalar(3)).arraySync(), 2);
 * ```
 */
export function withGradient(
  inputs: readonly Tensor[],
  forward: (save: (tensors: Tensor[]) => void) => Tensor,
  backward: (dy: Tensor, saved: Tensor[]) => Tensor[],
): Tensor {
  const apply = tf.customGrad((...args) => {
    const save = args.at(-1); // TensorFlow.js appends it to the inputs and types it as one of them
    return {
      value: forward(save as unknown as (tensors: Tensor[]) => void),
      gradFunc: (dy, saved) => backward(dy, saved),
    };
  });
  return apply(...inputs);
}

/**
 * A tensor whose gradient is told of as soon as it is known: gradients are computed backwards, so before those of whatever was computed
 * ahead of this call.
 *
 * @param tensor to differentiate by
 * @param told gets its gradient, which ends with the scope
 * @returns the same numbers
 *
 * @example The last factor's gradient is known first
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf, valueAndGradients, watched } = ws.engine;
 * const order: string[] = [];
 * const watch = (tensor: ws.Tensor, name: string) => watched(tensor, () => order.push(name));
 * valueAndGradients(([a, b]) => tf.mul(tf.exp(watch(a!, "first")), watch(b!, "last")) as ws.Tensor, [tf.scalar(1), tf.scalar(2)]);
 * assertEquals(order, ["last", "first"]);
 * ```
 */
export function watched(tensor: Tensor, told: (gradient: Tensor) => void): Tensor {
  return withGradient([tensor], () => tf.clone(tensor), (dy) => {
    told(dy);
    return [dy];
  });
}
