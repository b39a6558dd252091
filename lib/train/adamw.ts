/**
 * AdamW (Loshchilov & Hutter 2019), global-norm clipping, and the schedule of the learning rate.
 *
 * @module
 */
import { compile, type Tensor, tf } from "../engine/mod.ts";

/** AdamW's numbers. */
export interface AdamWConfig {
  /** Decay of the mean of gradients. */
  readonly beta1: number;
  /** Decay of the mean of squared gradients. */
  readonly beta2: number;
  /** Keeps the division finite. */
  readonly epsilon: number;
  /** Weight decay, times the learning rate. */
  readonly weightDecay: number;
  /** Largest global norm of the gradients; larger ones are scaled down. 0 clips nothing. */
  readonly clip: number;
}

/** What is trained and what AdamW remembers of it. */
export interface TrainingState {
  /** Trained tensors. */
  readonly params: readonly Tensor[];
  /** Means of gradients. */
  readonly mean: readonly Tensor[];
  /** Means of squared gradients. */
  readonly square: readonly Tensor[];
}

/**
 * A state before its first step.
 *
 * @param params what is trained
 * @returns params with moments of zero
 *
 * @example Moments begin at zero
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * assertEquals(ws.train.freshState([tf.ones([2])]).mean[0]!.dataSync()[0], 0);
 * ```
 */
export function freshState(params: readonly Tensor[]): TrainingState {
  const zeros = () => params.map(({ shape }) => tf.zeros(shape));
  return { params, mean: zeros(), square: zeros() };
}

/**
 * One step of AdamW. When the gradients are not finite, nothing changes.
 *
 * @param state params and moments
 * @param grads gradients, as many as params
 * @param rates `[2]`: the learning rate, and the number of this step from 1
 * @param config AdamW's numbers
 * @returns the new state and the gradients' global norm before clipping
 *
 * @example A step against the gradient
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 0 };
 * const state = ws.train.freshState([tf.tensor1d([1])]);
 * const { state: next } = ws.train.adamwStep(state, [tf.tensor1d([2])], tf.tensor1d([0.1, 1]), adamw);
 * assert(Math.abs(next.params[0]!.dataSync()[0]! - 0.9) < 1e-6);
 * ```
 */
export const adamwStep: (
  state: TrainingState,
  grads: readonly Tensor[],
  rates: Tensor,
  config: AdamWConfig,
) => { state: TrainingState; norm: Tensor } = compile(
  (state: TrainingState, grads: readonly Tensor[], rates: Tensor, config: AdamWConfig) => {
    const [rate, step] = tf.unstack(rates) as [Tensor, Tensor]; // scalars
    const norm = tf.sqrt(tf.addN(grads.map((grad) => tf.sum(tf.square(grad))))); // a scalar
    const finite = tf.isFinite(norm);
    const clipped = config.clip > 0 ? tf.minimum(1, tf.div(config.clip, tf.add(norm, 1e-6))) : tf.scalar(1);
    const correct = (beta: number) => tf.sub(1, tf.pow(beta, step));
    const [correct1, correct2] = [correct(config.beta1), correct(config.beta2)];
    const updated = state.params.map((param, i) => {
      const grad = tf.mul(grads[i]!, clipped);
      const mean = tf.add(tf.mul(state.mean[i]!, config.beta1), tf.mul(grad, 1 - config.beta1));
      const square = tf.add(tf.mul(state.square[i]!, config.beta2), tf.mul(tf.square(grad), 1 - config.beta2));
      const direction = tf.div(tf.div(mean, correct1), tf.add(tf.sqrt(tf.div(square, correct2)), config.epsilon));
      const decayed = config.weightDecay > 0 ? tf.mul(param, tf.sub(1, tf.mul(rate, config.weightDecay))) : param;
      const keep = (fresh: Tensor, old: Tensor) => tf.where(finite, fresh, old);
      return {
        param: keep(tf.sub(decayed, tf.mul(rate, direction)), param),
        mean: keep(mean, state.mean[i]!),
        square: keep(square, state.square[i]!),
      };
    });
    const fresh = {
      params: updated.map(({ param }) => param),
      mean: updated.map(({ mean }) => mean),
      square: updated.map(({ square }) => square),
    };
    return { state: fresh, norm };
  },
);

/** The learning rate's course. */
export interface Schedule {
  /** Highest learning rate. */
  readonly lr: number;
  /** Steps of linear warm-up. */
  readonly warmup: number;
  /** Steps in all; a cosine falls to `final` · lr at the last. */
  readonly steps: number;
  /** Share of lr at the end. */
  readonly final?: number;
}

/**
 * The learning rate of a step: linear warm-up, then a cosine.
 *
 * @param step from 1
 * @param schedule the course
 * @returns the rate
 *
 * @example Half-way through the warm-up
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.train.learningRate(5, { lr: 1, warmup: 10, steps: 100 }), 0.5);
 * ```
 */
export function learningRate(step: number, { lr, warmup, steps, final = 0 }: Schedule): number {
  if (step <= warmup) return lr * step / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return lr * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
