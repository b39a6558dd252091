import { compile, dispose, freeze, type Tensor, tf, tidy, valueAndGradients } from "../../lib/engine/mod.ts";
import { assertEquals, engine, take } from "../support.ts";

await engine();

Deno.test("freeze() leaves out gradients of frozen arguments alone", () => {
  const [x, w] = [tf.ones([2, 2]), freeze(tf.ones([2, 2]))];
  const product = compile((x: Tensor, w: Tensor) => tf.matMul(x, w) as Tensor, { xla: true });
  const { value, grads } = tidy(() => valueAndGradients(([x]) => tf.sum(product(x!, w)) as Tensor, [x]));
  assertEquals([...take(grads[0]!)], [2, 2, 2, 2]);
  dispose([value, x, w]);
});
