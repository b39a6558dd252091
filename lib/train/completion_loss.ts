/**
 * The loss of both models: cross-entropy of the completion, weighted token by token. The world model completes with the
 * target's image tokens, weighted by what changed (paper §3.2); the dynamics model with the action (A.8.1).
 *
 * Shapes: B batch, T positions, N tokens of a completion, D width, K rows of the head.
 *
 * @module
 */
import { type AdaptedPass, type Adapter, type Chameleon, hiddenStates, logitsOf, withAdapterTensors } from "../model/mod.ts";
import { withOwnSeen } from "../model/seen.ts";
import { compile, type Tensor, tf, valueAndGradients, watched } from "../engine/mod.ts";
import { crossEntropy } from "../nn/mod.ts";
import type { CompletionBatch } from "../trajectories/mod.ts";
import type { Arrived } from "./workers.ts";

/** What the loss is computed with. */
export interface CompletionLossOptions {
  /** The base. */
  readonly model: Chameleon;
  /** Rows of its output matrix that the softmax runs over, [K, D]: those of image tokens, or all. */
  readonly head: Tensor;
  /** The adapter whose factors are trained. */
  readonly adapter: Adapter;
  /** Recompute each block in the backward pass. */
  readonly checkpointing: boolean;
}

/** Loss and gradients of factors on a batch, with a seed of LoRA's dropout. */
export type CompletionGradients = (
  params: readonly Tensor[],
  batch: CompletionBatch,
  seed: Tensor | null,
  arrived?: Arrived,
) => { value: Tensor; grads: Tensor[] };

/**
 * The mean weighted loss of a batch.
 *
 * @param options model, head, adapter
 * @param batch tokens, padding, labels, weights
 * @param seed of LoRA's dropout, or null for none
 * @returns a scalar
 *
 * @example Near the logarithm of the codebook at most
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const options = { weights: "none", normalise: "mean", floor: 0 } as const;
 * const { tensors } = ws.trajectories.worldBatch(encoded, vocabulary, options, { limit: 1024, multiple: 16 });
 * const adapter = ws.model.createAdapter(chameleon.config, lora, 1);
 * const { head } = ws.imageSampler(chameleon, vocabulary);
 * const loss = ws.train.completionLoss({ model: chameleon, head, adapter, checkpointing: false }, tensors, null);
 * assert(loss.dataSync()[0]! < 1.5 * Math.log(1000));
 * ```
 */
export function completionLoss(
  { model, head, adapter, checkpointing, watch }: CompletionLossOptions & Pick<AdaptedPass, "watch">,
  batch: CompletionBatch,
  seed: Tensor | null,
): Tensor {
  const [count, completions] = batch.labels.shape as [number, number];
  const own = batch.seen ? withOwnSeen(model, batch.tokens, batch.seen) : { model, tokens: batch.tokens };
  const hidden = hiddenStates(own.model, own.tokens, {
    ...{ adapter, watch, seed: seed ?? undefined },
    padding: batch.padding,
    last: completions,
    checkpoint: checkpointing,
  }); // [B, N, D]
  const logits = tf.reshape(logitsOf(hidden, head), [count * completions, -1]); // [B·N, K]
  const losses = crossEntropy(logits, tf.reshape(batch.labels, [-1])); // [B·N]
  return tf.mean(tf.mul(losses, tf.reshape(batch.weights, [-1]))); // a scalar
}

/**
 * Loss and gradients of the adapter's factors. Compiled as a whole; with checkpointing, block by block, and each factor's gradient is told
 * of when its block's are known, the last block's first.
 *
 * @param options model, head, adapter
 * @returns a function of factors, batch, seed, and who is told
 *
 * @example A gradient for each factor
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const { tensors } = ws.trajectories.dynamicsBatch(encoded, vocabulary, { limit: 1024, multiple: 16 });
 * const adapter = ws.model.createAdapter(chameleon.config, lora, 1);
 * const gradients = ws.train.completionGradients({ model: chameleon, head: chameleon.head, adapter, checkpointing: false });
 * const factors = [...ws.model.adapterTensors(adapter).values()];
 * assertEquals(gradients(factors, tensors, null).grads.length, factors.length);
 * ```
 */
export function completionGradients(options: CompletionLossOptions): CompletionGradients {
  const gradients: CompletionGradients = (params, batch, seed, arrived) =>
    valueAndGradients((factors) => {
      const watch = arrived && ((factor: Tensor) => watched(factor, (grad) => arrived(factors.indexOf(factor), grad)));
      return completionLoss({ ...options, adapter: withAdapterTensors(options.adapter, factors), watch }, batch, seed);
    }, params);
  if (options.checkpointing) return gradients;
  const compiled = compile((params: readonly Tensor[], batch: CompletionBatch, seed: Tensor | null) => gradients(params, batch, seed));
  return (params, batch, seed) => compiled(params, batch, seed);
}
