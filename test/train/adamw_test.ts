import { adamwStep, freshState, learningRate } from "../../lib/train/adamw.ts";
import { dispose, tf } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

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

Deno.test("adamwStep() over many steps is AdamW as Loshchilov and Hutter write it, in double precision", () =>
  withoutLeaks(() => {
    const config = { beta1: 0.8, beta2: 0.9, epsilon: 1e-6, weightDecay: 0.1, clip: 0 };
    let state = freshState([tf.tensor1d([1, -2]), tf.tensor2d([[0.5]])]);
    let [params, mean, square] = [[1, -2, 0.5], [0, 0, 0], [0, 0, 0]] as [number[], number[], number[]];
    for (let step = 1; step <= 20; step++) {
      const rate = 0.05 / step;
      const grads = params.map((param, i) => Math.sin(step + i) + param);
      mean = mean.map((m, i) => 0.8 * m + 0.2 * grads[i]!);
      square = square.map((s, i) => 0.9 * s + 0.1 * grads[i]! ** 2);
      const moved = (param: number, i: number) => {
        const [m, s] = [mean[i]! / (1 - 0.8 ** step), square[i]! / (1 - 0.9 ** step)];
        return param - rate * (m / (Math.sqrt(s) + 1e-6) + 0.1 * param);
      };
      params = params.map(moved);
      const [given, rates] = [[tf.tensor1d(grads.slice(0, 2)), tf.tensor2d([[grads[2]!]])], tf.tensor1d([rate, step])];
      const { state: next, norm } = adamwStep(state, given, rates, config);
      assertClose(take(norm), [Math.hypot(...grads)], 1e-5);
      dispose([state, given, rates]);
      state = next;
    }
    assertClose(state.params.flatMap((tensor) => [...tensor.dataSync()]), params, 1e-4);
    dispose(state);
  }));

Deno.test("adamwStep() changes nothing at all when a gradient is not finite", () =>
  withoutLeaks(() => {
    const state = freshState([tf.tensor1d([1, -2]), tf.tensor1d([3])]);
    const [grads, rates] = [[tf.tensor1d([NaN, 1]), tf.tensor1d([1])], tf.tensor1d([0.1, 1])];
    const { state: next, norm } = adamwStep(state, grads, rates, ADAMW);
    assert(!Number.isFinite(take(norm)[0]));
    const valuesOf = ({ params, mean, square }: typeof state) => [params, mean, square].flat().map((tensor) => [...tensor.dataSync()]);
    assertEquals(valuesOf(next), valuesOf(state));
    dispose([state, next, grads, rates]);
  }));

Deno.test("learningRate() ends at its final share, and stays there", () => {
  const schedule = { lr: 2, warmup: 0, steps: 50, final: 0.1 };
  assertClose([learningRate(50, schedule), learningRate(70, schedule)], [0.2, 0.2], 1e-12);
  const rates = Array.from({ length: 50 }, (_, i) => learningRate(i + 1, schedule));
  assert(rates.every((rate, i) => i === 0 || rate < rates[i - 1]!));
});
