import { decodeCodes, encodeFeatures, loadModel, openEncoder } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { emu3PictureShapes } from "../../lib/model/emu3_vqvae.ts";
import { hasDecoder } from "../../lib/model/vqgan.ts";
import { dispose, normal, seedTensor, type Tensor, tf, tidy, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

const FOLDER = new URL("../parity/reference/emu3", import.meta.url).pathname;
await engine();

Deno.test("an Emu3 VQVAE answers a VQGAN's questions: features, codes, pictures, encoder in use", () =>
  withoutLeaks(() => {
    const { vqgan, ...model } = loadModel(FOLDER, "float32");
    const images = tidy(() => tf.clipByValue(normal([2, 16, 16, 3], seedTensor(1)), -1, 1)) as Tensor;
    using encoder = openEncoder(vqgan);
    const features = tidy(() => encoder.features(images));
    assertEquals([features.shape, hasDecoder(vqgan)], [[2, 8, 8, 4], true]);
    assertClose(take(features), take(tidy(() => encodeFeatures(vqgan, images))), 0);
    const codes = tf.zeros([2, 64], "int32") as Tensor;
    const decoded = decodeCodes(vqgan, codes);
    assertEquals(decoded.shape, [2, 16, 16, 3]);
    dispose([images, codes, decoded]);
    disposeModel({ ...model, vqgan });
  }));

Deno.test("an Emu3 VQVAE has gradients, so that a tiny one can be trained", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const { weights, config } = model.vqgan;
    const { encode, decode } = model.vqgan;
    assert(encode && decode && config.video?.frames === 4);
    const images = tf.zeros([1, 16, 16, 3]) as Tensor;
    const { value, grads } = tidy(() => valueAndGradients(([x]) => tf.mean(tf.square(decode(encode(x!)))), [images]));
    assert(take(value)[0]! > 0 && take(grads[0]!).some((x) => x !== 0));
    assertEquals(Object.keys(weights).sort(), [...emu3PictureShapes(config).keys()].sort());
    dispose(images);
    disposeModel(model);
  }));
