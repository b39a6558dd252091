/**
 * The world model's loss (paper §3.2): cross-entropy of the target's image tokens, weighted by what changed.
 *
 * @module
 */
import { type Adapter, type Chameleon, hiddenStates, logitsOf, withAdapterTensors } from "../model/mod.ts";
import { compile, crossEntropy, type Tensor, tf, valueAndGradients } from "../tensor/mod.ts";
import type { WorldBatch } from "../trajectories/mod.ts";

/** What the loss is computed with. */
export interface WorldLossOptions {
  /** The base. */
  readonly model: Chameleon;
  /** Rows of its output matrix for image tokens, [K, D]. */
  readonly imageHead: Tensor;
  /** The adapter whose factors are trained. */
  readonly adapter: Adapter;
  /** Recompute each block in the backward pass. */
  readonly checkpointing: boolean;
}

/**
 * The mean weighted loss of a batch.
 *
 * @param options model, image head, adapter
 * @param batch tokens, padding, labels, weights
 * @param seed of LoRA's dropout, or null for none
 * @returns a scalar
 */
export function worldLoss({ model, imageHead, adapter, checkpointing }: WorldLossOptions, batch: WorldBatch, seed: Tensor | null): Tensor {
  const [count, completions] = batch.labels.shape as [number, number];
  const hidden = hiddenStates(model, batch.tokens, {
    adapter,
    seed: seed ?? undefined,
    padding: batch.padding,
    last: completions,
    checkpoint: checkpointing,
  }); // [B, N, D]
  const logits = tf.reshape(logitsOf(hidden, imageHead), [count * completions, -1]); // [B·N, K]
  const losses = crossEntropy(logits, tf.reshape(batch.labels, [-1])); // [B·N]
  return tf.mean(tf.mul(losses, tf.reshape(batch.weights, [-1]))) as Tensor;
}

/**
 * Loss and gradients of the adapter's factors. Compiled as a whole; with checkpointing, block by block.
 *
 * @param options model, image head, adapter
 * @returns a function of factors, batch and seed
 */
export function worldGradients(
  options: WorldLossOptions,
): (params: readonly Tensor[], batch: WorldBatch, seed: Tensor | null) => { value: Tensor; grads: Tensor[] } {
  const gradients = (params: readonly Tensor[], batch: WorldBatch, seed: Tensor | null) =>
    valueAndGradients((factors) => worldLoss({ ...options, adapter: withAdapterTensors(options.adapter, factors) }, batch, seed), params);
  return options.checkpointing ? gradients : compile(gradients);
}
