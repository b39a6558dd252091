import { compile, dispose, freeze, seedTensor, type Tensor, tf, tidy, valueAndGradients, valuesOf } from "../../lib/engine/mod.ts";
import { compileRemaking } from "../../lib/engine/compile.ts";
import { liveTensors } from "../../lib/engine/scope.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { dropout, rmsNorm } from "../../lib/nn/layers.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, take, withoutLeaks } from "../support.ts";

await engine();
const onTensorFlow = activeBinding() !== undefined;
const graphs = { ignore: !onTensorFlow }; // on wasm compile() is the function itself

Deno.test("compile() traces once for each form of its arguments", graphs, () =>
  withoutLeaks(() => {
    let traces = 0;
    const twice = compile((x: Tensor, factor: number) => {
      traces++;
      return tf.mul(x, factor);
    });
    const [small, large] = [tf.ones([2]), tf.ones([3])];
    const results = [twice(small, 2), twice(small, 2), twice(large, 2), twice(small, 3)];
    assertEquals(traces, 3);
    assertEquals(results.map((y) => [...take(y)]), [[2, 2], [2, 2], [2, 2, 2], [3, 3]]);
    dispose([small, large]);
  }));

for (const xla of [false, true]) {
  Deno.test(`compile() gives the same values and gradients as the function itself, xla ${xla}`, () =>
    withoutLeaks(() => {
      const plain = (x: Tensor, w: Tensor) => tf.tanh(tf.matMul(tf.softmax(x), w)) as Tensor;
      const compiled = compile(plain, { xla });
      const [x, w] = [tf.randomNormal([4, 5], 0, 1, "float32", 1), tf.randomNormal([5, 3], 0, 1, "float32", 2)] as const;
      const run = (f: typeof plain) => tidy(() => valueAndGradients(([x, w]) => tf.sum(tf.square(f(x!, w!))) as Tensor, [x, w]));
      const [a, b] = [run(plain), run(compiled)];
      assertClose(take(b.value), take(a.value), 1e-5);
      b.grads.forEach((grad, i) => assertClose(take(grad), take(a.grads[i]!), 1e-5));
      dispose([x, w]);
    }));
}

Deno.test("compile() compiles a whole step with gradients, and calls XLA functions inside it", () =>
  withoutLeaks(() => {
    const gain = freeze(tf.ones([8]));
    const loss = (x: Tensor) => tf.sum(tf.square(rmsNorm(x, gain, 1e-5, "float32"))) as Tensor;
    const step = compile((x: Tensor) => valueAndGradients(([x]) => loss(x!), [x]));
    const x = tf.randomNormal([3, 8], 0, 1, "float32", 3);
    const [eager, whole] = [tidy(() => valueAndGradients(([x]) => loss(x!), [x])), step(x)];
    assertClose(take(whole.value), take(eager.value), 1e-5);
    assertClose(take(whole.grads[0]!), take(eager.grads[0]!), 1e-5);
    dispose([x, gain]);
  }));

Deno.test("compile() refuses to read values inside, and says what to do", graphs, () => {
  const peek = compile((x: Tensor) => tf.mul(x, x.dataSync()[0]!));
  const x = tf.ones([2]);
  assertThrows(() => peek(x), TypeError, "Return the tensor and read it outside");
  x.dispose();
});

Deno.test("compile() keeps captured tensors alive", graphs, () => {
  const big = tf.ones([100]);
  const addBig = compile((x: Tensor) => tf.add(x, big));
  const x = tf.zeros([100]);
  addBig(x).dispose();
  big.dispose();
  assertEquals(take(addBig(x))[99], 1);
  x.dispose();
});

Deno.test("a thousand compiled steps leave the number of tensors and the memory where they were", () => {
  const step = compile((x: Tensor) =>
    valueAndGradients(([y]) => tf.sum(tf.square(dropout(y!, 0.5, seedTensor(1), "float32"))) as Tensor, [x])
  );
  let x: Tensor = tf.ones([64, 64]);
  const advance = () => {
    const next = tidy(() => tf.sub(x, tf.mul(step(x).grads[0]!, 1e-3)) as Tensor);
    x.dispose();
    x = next;
  };
  for (let i = 0; i < 50; i++) advance();
  const [tensors, memory] = [liveTensors(), Deno.memoryUsage().rss];
  for (let i = 0; i < 1000; i++) advance();
  assertEquals(liveTensors(), tensors);
  assert(Deno.memoryUsage().rss - memory < 64 * 2 ** 20, "resident memory grew by more than 64 MiB");
  x.dispose();
});

Deno.test(
  "compileRemaking() gives compile()'s bits, makes its first argument once each way, and keeps none of it",
  graphs,
  () =>
    withoutLeaks(() => {
      const product = (w: Tensor, x: Tensor, { b }: { b: Tensor }) => tf.tanh(tf.add(tf.matMul(x, w), b)) as Tensor;
      const [x, b] = [tf.randomNormal([4, 5], 0, 1, "float32", 1), tf.randomNormal([3], 0, 1, "float32", 2)] as Tensor[];
      const kept = freeze(tf.randomNormal([5, 3], 0, 1, "float32", 3) as Tensor);
      const made: Tensor[] = [];
      const make = () => {
        assert(made.every(({ isDisposed }) => isDisposed), "an earlier one is alive");
        made.push(tf.mul(kept, 1));
        return made.at(-1)!;
      };
      const [plain, remaking] = [compile(product), compileRemaking(product)];
      const run = (f: (x: Tensor, b: Tensor) => Tensor) =>
        tidy(() => {
          const { value, grads } = valueAndGradients(([x, b]) => tf.sum(f(f(x!, b!).reshape([4, 3]).pad([[0, 0], [0, 2]]), b!)) as Tensor, [
            x!,
            b!,
          ]);
          return [value, ...grads].map((tensor) => [...valuesOf(tensor)]);
        });
      const expected = run((x, b) => plain(kept, x, { b }));
      assertEquals(run((x, b) => remaking(make, x, { b })), expected);
      assertEquals(made.length, 4); // two calls, forward and backward
      assertEquals(run((x, b) => remaking(make, x, { b })), expected);
      assertEquals(made.length, 8);
      dispose([x, b, kept]);
    }),
);
