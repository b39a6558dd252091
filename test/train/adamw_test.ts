import { adamwStep, freshState, learningRate } from "../../lib/train/adamw.ts";
import { dispose, tf } from "../../lib/engine/mod.ts";
import { assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const ADAMW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

Deno.test("adamwStep() is AdamW with clipping, written out", () =>
  withoutLeaks(() => {
    const state = freshState([tf.tensor1d([1, -2])]);
    const grads = [tf.tensor1d([3, 4])]; // norm 5, clipped to 1
    const rates = tf.tensor1d([0.1, 1]);
    const { state: next, norm } = adamwStep(state, grads, rates, ADAMW);
    const expected = [1, -2].map((p, i) => {
      const g = [3, 4][i]! / (5 + 1e-6);
      return p * (1 - 0.1 * 0.01) - 0.1 * g / (Math.sqrt(g * g) + 1e-8);
    });
    assertClose(take(norm), [5], 1e-5);
    assertClose(next.params[0]!.dataSync() as Float32Array, expected, 1e-6);
    dispose([state, next, grads, rates]);
  }));

Deno.test("learningRate() warms up and falls along a cosine", () => {
  const schedule = { lr: 1, warmup: 10, steps: 110 };
  assertEquals([learningRate(5, schedule), learningRate(10, schedule)], [0.5, 1]);
  assertClose([learningRate(60, schedule), learningRate(110, schedule)], [0.5, 0], 1e-12);
});
