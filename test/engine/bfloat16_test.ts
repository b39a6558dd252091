import { dispose, precisionOf, type Tensor, tf, tidy, toPrecision, valueAndGradients } from "../../lib/engine/mod.ts";
import { bytesOfTensor, tensorOfBytes } from "../../lib/engine/storage.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const onTensorFlow = activeBinding() !== undefined;
const graphs = { ignore: !onTensorFlow }; // on wasm compile() is the function itself

Deno.test("toPrecision() rounds to bfloat16 and back, in files as in memory", graphs, () =>
  withoutLeaks(() => {
    const x = tf.tensor1d([1, 1.00390625, -3.14159, 65504]);
    const narrow = toPrecision(x, "bfloat16");
    assertEquals(precisionOf(narrow), "bfloat16");
    assertClose(narrow.dataSync() as Float32Array, [1, 1, -3.140625, 65536], 0);
    assertEquals(bytesOfTensor(x, "BF16"), bytesOfTensor(narrow, "BF16"));
    const read = tensorOfBytes([4], "BF16", (memory) => memory.set(bytesOfTensor(narrow, "BF16")));
    assertEquals(take(read), narrow.dataSync() as Float32Array);
    dispose([x, narrow]);
  }));

Deno.test("bfloat16 and float32 mix by widening, and gradients come back in their own type", graphs, () => {
  const x = tf.tensor1d([1, 2, 3]);
  const half = toPrecision(tf.tensor1d([0.5, 0.5, 0.5]), "bfloat16");
  const { value, grads } = tidy(() => valueAndGradients(([x]) => tf.sum(tf.mul(toPrecision(x!, "bfloat16"), half)) as Tensor, [x]));
  assertEquals(precisionOf(grads[0]!), "float32");
  assertEquals([...take(grads[0]!)], [0.5, 0.5, 0.5]);
  dispose([value, x, half]);
});
