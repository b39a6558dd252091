/** Our Janus against transformers, PEFT and PyTorch; the numbers come from make_janus.py. */
import {
  adapterTensors,
  decodeCodes,
  encodeFeatures,
  hiddenStates,
  loadAdapter,
  loadModel,
  logitsOf,
  nearestCodes,
} from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { withSeen } from "../../lib/model/seen.ts";
import { seePictures } from "../../lib/model/siglip.ts";
import { dispose, tf, tidy } from "../../lib/engine/mod.ts";
import { completionGradients } from "../../lib/train/completion_loss.ts";
import { assertClose, assertEquals, assertGradients, engine, openReference, take, withoutLeaks } from "../support.ts";

const FOLDER = new URL("reference/janus", import.meta.url).pathname;
const [TEXT, CODES, PLACES] = [96, 64, 16];
await engine();
const reference = openReference(`${FOLDER}/reference.safetensors`);

Deno.test("hiddenStates() and logitsOf() equal transformers' Janus logits of text in float32", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const logits = tidy(() => {
      const hidden = hiddenStates(model.chameleon, reference.tensor("tokens"));
      return tf.slice(logitsOf(hidden, model.chameleon.head), [0, 0, 0], [-1, -1, TEXT]);
    });
    assertClose(take(logits), reference.values("logits"), 1e-4, "logits");
    disposeModel(model);
  }));

Deno.test("seePictures() equals transformers' SigLIP and aligner, and withSeen() puts them where tokens would stand", () =>
  withoutLeaks(() => {
    const { ...model } = loadModel(FOLDER, "float32");
    const { config } = model.chameleon;
    const images = tf.tensor(reference.values("images").slice(0, 2 * 8 * 8 * 3), [2, 8, 8, 3]);
    const seen = seePictures(config.seeing!, model.modules!, images);
    assertClose(seen.dataSync() as Float32Array, reference.values("understood"), 1e-4, "vectors");
    const rows = Array.from({ length: 2 }, (_, i) => Array.from({ length: PLACES }, (_, j) => TEXT + CODES + i * PLACES + j));
    const ids = [...reference.values("seen")].map((id, at) => {
      const [row, place] = [Math.floor(at / 24), at % 24 - 3];
      return place >= 0 && place < PLACES ? rows[row]![place]! : id;
    });
    const logits = tidy(() => {
      const hidden = hiddenStates(withSeen(model.chameleon, seen), tf.tensor2d(ids, [2, 24], "int32"));
      return tf.slice(logitsOf(hidden, model.chameleon.head), [0, 0, 0], [-1, -1, TEXT]);
    });
    assertClose(take(logits), reference.values("logits_seen"), 1e-4, "logits");
    dispose([images, seen]);
    disposeModel(model);
  }));

Deno.test("rows for codes equal Janus's generation embeddings, aligner and head", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const head = freezeHead(model.chameleon, { firstImage: TEXT, codes: CODES });
    const logits = tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("drawn")), head));
    assertClose(take(logits), reference.values("image_logits"), 1e-4, "logits");
    dispose(head);
    disposeModel(model);
  }));

for (const checkpointing of [false, true]) {
  Deno.test(`completionGradients() equals PyTorch's loss and LoRA gradients of Janus ${checkpointing ? "with" : "without"} checkpointing`, () =>
    withoutLeaks(() => {
      const model = loadModel(FOLDER, "float32");
      const adapter = loadAdapter(`${FOLDER}/adapter`, model.chameleon.config);
      const head = freezeHead(model.chameleon, { firstImage: TEXT, codes: CODES });
      const gradients = completionGradients({ model: model.chameleon, head, adapter, checkpointing });
      const batch = {
        tokens: reference.tensor("drawn"),
        padding: tf.zeros([2, 1, 1, 24]),
        labels: reference.tensor("labels"),
        weights: reference.tensor("weights"),
      };
      const named = adapterTensors(adapter);
      const { value, grads } = tidy(() => gradients([...named.values()], batch, null));
      assertClose(take(value), reference.values("loss"), 1e-5, "loss");
      assertGradients(named.keys(), grads, reference);
      dispose([batch, head]);
      disposeAdapter(adapter);
      disposeModel(model);
    }));
}

Deno.test("encodeFeatures(), nearestCodes() and decodeCodes() equal transformers' Janus VQVAE on six images", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const features = tidy(() => encodeFeatures(model.vqgan, reference.tensor("images")));
    const codes = nearestCodes(model.vqgan, features);
    assertClose(take(features), reference.values("features"), 1e-4, "features");
    assertEquals([...take(codes)], [...reference.values("codes")]);
    const shown = tf.tensor2d(reference.values("codes").slice(0, 32), [2, 16], "int32");
    const images = decodeCodes(model.vqgan, shown);
    assertClose(take(images), reference.values("decoded"), 1e-4, "pixels");
    shown.dispose();
    disposeModel(model);
  }));
