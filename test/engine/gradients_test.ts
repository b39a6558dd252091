import { compile, dispose, freeze, type Tensor, tf, tidy, valueAndGradients, valuesOf, watched } from "../../lib/engine/mod.ts";
import { assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();

Deno.test("freeze() leaves out gradients of frozen arguments alone", () => {
  const [x, w] = [tf.ones([2, 2]), freeze(tf.ones([2, 2]))];
  const product = compile((x: Tensor, w: Tensor) => tf.matMul(x, w) as Tensor, { xla: true });
  const { value, grads } = tidy(() => valueAndGradients(([x]) => tf.sum(product(x!, w)) as Tensor, [x]));
  assertEquals([...take(grads[0]!)], [2, 2, 2, 2]);
  dispose([value, x, w]);
});

Deno.test("watched() tells of gradients backwards, each before the next is computed, and changes no bit of them", () =>
  withoutLeaks(() => {
    const factors = [tf.randomUniform([3, 3], -1, 1, "float32", 1), tf.randomUniform([3, 3], -1, 1, "float32", 2)] as Tensor[];
    const [x, told] = [tf.ones([2, 3]), [] as [number, number[]][]];
    const chain = (own: readonly Tensor[], watch: (factor: Tensor, i: number) => Tensor) =>
      tf.sum(own.reduce((y, factor, i) => tf.tanh(tf.matMul(y as never, watch(factor, i) as never)), x as Tensor)) as Tensor;
    const plain = tidy(() => valueAndGradients((own) => chain(own, (factor) => factor), factors));
    const seen = tidy(() =>
      valueAndGradients((own) => chain(own, (factor, i) => watched(factor, (grad) => told.push([i, [...valuesOf(grad)]]))), factors)
    );
    assertEquals(told, [[1, [...valuesOf(plain.grads[1]!)]], [0, [...valuesOf(plain.grads[0]!)]]]);
    assertEquals(seen.grads.map((grad) => [...valuesOf(grad)]), plain.grads.map((grad) => [...valuesOf(grad)]));
    dispose([factors, x, plain, seen]);
  }));
