/** Our model against transformers, PEFT, PyTorch and Pillow; the numbers come from make_reference.py. */
import {
  adapterTensors,
  decodeCodes,
  encodeFeatures,
  hiddenStates,
  loadAdapter,
  loadModel,
  logitsOf,
  mergeAdapter,
  nearestCodes,
} from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { parseConfig } from "../../lib/model/config.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { dispose, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { type Kernel, resize } from "../../lib/tokens/mod.ts";
import { completionGradients } from "../../lib/train/completion_loss.ts";
import { assert, assertClose, assertEquals, assertGradients, engine, openReference, take, withoutLeaks } from "../support.ts";

const FOLDER = new URL("reference", import.meta.url).pathname;
const [FIRST, CODES] = [4, 64];
await engine();
const reference = openReference(`${FOLDER}/reference.safetensors`);

function padding(): Tensor {
  const mask = reference.values("mask");
  return tf.tensor4d(Float32Array.from(mask, (is) => is ? 0 : -1e9), [2, 1, 1, 24]);
}

Deno.test("hiddenStates() and logitsOf() equal transformers' logits in float32", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const logits = tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens")), model.chameleon.head));
    assertClose(take(logits), reference.values("logits"), 1e-4, "logits");
    disposeModel(model);
  }));

Deno.test("logitsOf() equals transformers' forward once image tokens are hidden", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const logits = tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens")), model.chameleon.head));
    const values = take(logits);
    const expected = reference.values("logits_masked");
    const isText = (_: number, i: number) => i % 96 < FIRST || i % 96 >= FIRST + CODES;
    assertClose(values.filter(isText), (expected as Float32Array).filter(isText), 1e-4, "text logits");
    assert((expected as Float32Array).filter((x, i) => !isText(x, i)).every((x) => x < -1e30), "the reference hides image tokens");
    disposeModel(model);
  }));

Deno.test("hiddenStates() equals transformers under left padding, where there are tokens", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const hidden = tidy(() => {
      const states = hiddenStates(model.chameleon, reference.tensor("tokens"), { padding: padding() });
      return logitsOf(states, model.chameleon.head);
    });
    const isToken = (_: number, i: number) => reference.values("mask")[Math.floor(i / 96)] === 1;
    const expected = (reference.values("logits_padded") as Float32Array).filter(isToken);
    assertClose(take(hidden).filter(isToken), expected, 1e-4, "logits");
    disposeModel(model);
  }));

Deno.test("hiddenStates() equals transformers with norms after the sublayers (34B)", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const swin = { ...model.chameleon, config: { ...model.chameleon.config, swinNorm: true } };
    const logits = tidy(() => logitsOf(hiddenStates(swin, reference.tensor("tokens")), swin.head));
    assertClose(take(logits), reference.values("logits_swin"), 1e-4, "logits");
    disposeModel(model);
  }));

Deno.test("hiddenStates() with a PEFT adapter equals PEFT, beside the weights and merged into them", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const adapter = loadAdapter(`${FOLDER}/adapter`, model.chameleon.config);
    const beside = tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens"), { adapter }), model.chameleon.head));
    assertClose(take(beside), reference.values("logits_lora"), 1e-4, "logits");
    const merged = tidy(() => {
      const all = mergeAdapter(model.chameleon, adapter);
      return logitsOf(hiddenStates(all, reference.tensor("tokens")), all.head);
    });
    assertClose(take(merged), reference.values("logits_lora"), 1e-4, "merged logits");
    disposeAdapter(adapter);
    disposeModel(model);
  }));

for (const checkpointing of [false, true]) {
  Deno.test(`completionGradients() equals PyTorch's loss and LoRA gradients ${checkpointing ? "with" : "without"} checkpointing`, () =>
    withoutLeaks(() => {
      const model = loadModel(FOLDER, "float32");
      const adapter = loadAdapter(`${FOLDER}/adapter`, model.chameleon.config);
      const imageHead = freezeHead(model.chameleon, { firstImage: FIRST, codes: CODES });
      const gradients = completionGradients({ model: model.chameleon, head: imageHead, adapter, checkpointing });
      const batch = {
        tokens: reference.tensor("tokens"),
        padding: tf.zeros([2, 1, 1, 24]),
        labels: reference.tensor("labels"),
        weights: reference.tensor("weights"),
      };
      const named = adapterTensors(adapter);
      const { value, grads } = tidy(() => gradients([...named.values()], batch, null));
      assertClose(take(value), reference.values("loss"), 1e-5, "loss");
      assertGradients(named.keys(), grads, reference);
      dispose([batch, imageHead]);
      disposeAdapter(adapter);
      disposeModel(model);
    }));
}

Deno.test("encodeFeatures() and nearestCodes() equal transformers' VQ on ten images", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const features = tidy(() => encodeFeatures(model.vqgan, reference.tensor("images")));
    const codes = nearestCodes(model.vqgan, features);
    assertEquals([...take(codes)], [...reference.values("codes")]);
    assertClose(take(features), reference.values("features"), 1e-4, "features");
    disposeModel(model);
  }));

Deno.test("decodeCodes() equals a decoder written down in PyTorch", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const codes = tf.tensor2d(reference.values("codes").slice(0, 512), [2, 256], "int32");
    const images = decodeCodes(model.vqgan, codes);
    assertClose(take(images), reference.values("decoded"), 1e-4, "pixels");
    codes.dispose();
    disposeModel(model);
  }));

Deno.test("resize() equals Pillow to the last bit", () => {
  const [height, width] = reference.shape("pixels") as [number, number];
  const image = { width, height, data: reference.values("pixels") as Uint8Array };
  const names = reference.names.filter((name) => /^(lanczos|bicubic|bilinear)\./.test(name));
  assertEquals(names.length, 12);
  for (const name of names) {
    const [kernel, size] = name.split(".") as [Kernel, string];
    const [w, h] = size.split("x").map(Number) as [number, number];
    assertEquals(resize(image, w, h, kernel).data, reference.values(name) as Uint8Array, name);
  }
});

Deno.test("parseConfig() reads transformers' config", () => {
  const config = parseConfig(JSON.parse(Deno.readTextFileSync(`${FOLDER}/config.json`)), "config.json");
  assertEquals([config.hiddenSize, config.keyHeads, config.ropeTheta, config.vq.midAttention], [64, 2, 10000, true]);
});
