import { activeBinding, inputIds, kernelBackend } from "../../lib/engine/kernels.ts";
import { openBackend, tf } from "../../lib/engine/mod.ts";
import { assertEquals, take, withoutLeaks } from "../support.ts";

const { name } = await openBackend();

Deno.test("activeBinding() is there on libtensorflow alone", () => assertEquals(activeBinding() !== undefined, name === "tensorflow"));

Deno.test(
  "inputIds() names tensors in the binding, and createOutputTensor() makes tensors of names",
  { ignore: name !== "tensorflow" },
  () =>
    withoutLeaks(() => {
      const { binding } = kernelBackend();
      const x = tf.tensor1d([4, 5]); // its values wait in JavaScript
      const [id] = inputIds([x]);
      assertEquals([...binding.tensorDataSync(id!)], [4, 5]);
      assertEquals(inputIds([x]), [id]);
      const copy = kernelBackend().createOutputTensor({
        id: binding.createTensor([2], binding.TF_FLOAT, [6, 7]),
        shape: [2],
        dtype: binding.TF_FLOAT,
      });
      assertEquals([...take(copy)], [6, 7]);
      x.dispose();
    }),
);
