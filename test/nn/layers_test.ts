import { conv2d, crossEntropy, dropout, groupNorm, rmsNorm, swiglu, upsample2 } from "../../lib/nn/mod.ts";
import { dispose, normal, seedTensor, type Tensor, tf, tidy, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();

function random(shape: readonly number[], name: string): Tensor {
  return tidy(() => normal(shape, seedTensor(name)));
}

/** Value and gradients of two formulas of the same tensors. */
function assertSame(fast: (xs: Tensor[]) => Tensor, slow: (xs: Tensor[]) => Tensor, inputs: readonly Tensor[]): void {
  const weights = tidy(() => normal(fast([...inputs]).shape, seedTensor("weights")));
  const run = (fn: typeof fast) => tidy(() => valueAndGradients((xs) => tf.sum(tf.mul(fn(xs), weights)), inputs));
  const [a, b] = [run(fast), run(slow)];
  assertClose(take(a.value), take(b.value), 1e-3, "value");
  a.grads.forEach((grad, i) => assertClose(take(grad), take(b.grads[i]!), 1e-3, `gradient ${i}`));
  weights.dispose();
}

Deno.test("rmsNorm() and swiglu() equal their formulas, with gradients", () =>
  withoutLeaks(() => {
    const [x, gain] = [random([3, 16], "x"), random([16], "gain")];
    assertSame(
      ([x, gain]) => rmsNorm(x!, gain!, 1e-5, "float32"),
      ([x, gain]) => tf.mul(tf.div(x!, tf.sqrt(tf.add(tf.mean(tf.square(x!), -1, true), 1e-5))), gain!),
      [x, gain],
    );
    const up = random([3, 16], "up");
    assertSame(([x, up]) => swiglu(x!, up!, "float32"), ([x, up]) => tf.mul(tf.mul(x!, tf.sigmoid(x!)), up!), [x, up]);
    dispose([x, gain, up]);
  }));

for (const swish of [false, true]) {
  Deno.test(`groupNorm() equals its formula, with gradients, ${swish ? "with" : "without"} swish`, () =>
    withoutLeaks(() => {
      const [batch, side, channels, groups] = [2, 3, 8, 4];
      const inputs = [random([batch, side, side, channels], "x"), random([channels], "gain"), random([channels], "bias")];
      const plain = ([x, gain, bias]: Tensor[]) => {
        const grouped = tf.reshape(x!, [batch, side * side, groups, channels / groups]);
        const { mean, variance } = tf.moments(grouped, [1, 3], true);
        const unit = tf.div(tf.sub(grouped, mean), tf.sqrt(tf.add(variance, 1e-6)));
        const y = tf.add(tf.mul(tf.reshape(unit, [batch, side, side, channels]), gain!), bias!);
        return swish ? tf.mul(y, tf.sigmoid(y)) : y;
      };
      assertSame(([x, gain, bias]) => groupNorm(x!, gain!, bias!, groups, swish), plain, inputs);
      dispose(inputs);
    }));
}

Deno.test("crossEntropy() is −log softmax at the label, and 0 for labels outside the slice", () => {
  const [logits, labels] = [tf.tensor2d([[1, 2, 3], [1, 2, 3]]), tf.tensor1d([2, -5], "int32")] as const;
  const expected = -Math.log(Math.exp(3) / (Math.exp(1) + Math.exp(2) + Math.exp(3)));
  assertClose(take(crossEntropy(logits, labels)), [expected, 0], 1e-6);
  dispose([logits, labels]);
});

Deno.test("dropout() drops its share and keeps the mean", () =>
  withoutLeaks(() => {
    const [x, seed] = [tf.ones([10_000]), seedTensor("dropout")];
    const values = take(dropout(x, 0.25, seed, "float32"));
    assert(values.every((value) => value === 0 || Math.abs(value - 4 / 3) < 1e-6));
    const dropped = values.filter((value) => value === 0).length;
    assert(Math.abs(dropped - 2500) < 4 * Math.sqrt(10_000 * 0.25 * 0.75), `${dropped} of 10,000 were dropped, not about 2,500`);
    dispose([x, seed]);
  }));

Deno.test("upsample2() repeats pixels, conv2d() adds its bias", () =>
  withoutLeaks(() => {
    const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
    assertEquals([...take(tidy(() => upsample2(x)))], [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
    const [filter, bias] = [tf.tensor4d([10], [1, 1, 1, 1]), tf.tensor1d([0.5])];
    assertEquals([...take(tidy(() => conv2d(x, filter, bias)))], [10.5, 20.5, 30.5, 40.5]);
    dispose([x, filter, bias]);
  }));
