/** The wasm backend does the same maths: the recorded loss and gradients come out of it as well. */
import { adapterTensors, loadAdapter, loadModel } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { dispose, openBackend, randomStream, seedTensor, tf, tidy, uniform } from "../../lib/engine/mod.ts";
import { completionGradients } from "../../lib/train/completion_loss.ts";
import { assert, assertClose, assertEquals, assertGradients, openReference, take, withoutLeaks } from "../support.ts";

const backend = await openBackend("wasm");
const FOLDER = new URL("../parity/reference", import.meta.url).pathname;

Deno.test("openBackend() opens wasm when it is asked for, and says why", () => {
  assertEquals([backend.name, backend.reason], ["wasm", "it was asked for"]);
});

Deno.test("completionGradients() on wasm equals PyTorch", () =>
  withoutLeaks(() => {
    const reference = openReference(`${FOLDER}/reference.safetensors`);
    const model = loadModel(FOLDER, "bfloat16"); // falls back to float32, which is all that wasm has
    const adapter = loadAdapter(`${FOLDER}/adapter`, model.chameleon.config);
    const imageHead = freezeHead(model.chameleon, { firstImage: 4, codes: 64 });
    const batch = {
      ...{ tokens: reference.tensor("tokens"), padding: tf.zeros([1, 1, 1, 24]) },
      ...{ labels: reference.tensor("labels"), weights: reference.tensor("weights") },
    };
    const named = adapterTensors(adapter);
    const run = completionGradients({ model: model.chameleon, head: imageHead, adapter, checkpointing: false });
    const { value, grads } = tidy(() => run([...named.values()], batch, null));
    assertClose(take(value), reference.values("loss"), 1e-5, "loss");
    assertGradients(named.keys(), grads, reference);
    dispose([batch, imageHead]);
    disposeAdapter(adapter);
    disposeModel(model);
  }));

Deno.test("uniform() draws the numbers that libtensorflow draws", () => {
  const seed = tf.tensor1d([5, -77], "int32");
  assertClose(take(uniform([3], seed)), [0.524666965007782, 0.7399277687072754, 0.37627655267715454], 0);
  seed.dispose();
});

Deno.test("seedTensor() and randomStream() tell other seeds apart", () => {
  assert(randomStream(1, "a")() !== randomStream(1, "b")());
  const [a, b] = [seedTensor(1, "a"), seedTensor(1, "b")];
  assert(a.dataSync()[0] !== b.dataSync()[0]);
  dispose([a, b]);
});
