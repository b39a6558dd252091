/** Our Emu3 against transformers, PEFT and PyTorch; the numbers come from make_emu3.py. */
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
import { disposeAdapter } from "../../lib/model/lora.ts";
import { dispose, tf, tidy } from "../../lib/engine/mod.ts";
import { generate, logLikelihoods } from "../../lib/sample/mod.ts";
import { encodePictures, loadVocabulary } from "../../lib/tokens/mod.ts";
import { imageIds, openingIds } from "../../lib/tokens/sequences.ts";
import { completionGradients } from "../../lib/train/completion_loss.ts";
import { assertClose, assertEquals, assertGradients, engine, openReference, take, withoutLeaks } from "../support.ts";

const FOLDER = new URL("reference/emu3", import.meta.url).pathname;
const [FIRST, CODES, VOCABULARY] = [264, 64, 329];
await engine();
const reference = openReference(`${FOLDER}/reference.safetensors`);

Deno.test("hiddenStates() and logitsOf() equal transformers' Emu3 logits in float32", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const logits = tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens")), model.chameleon.head));
    assertClose(take(logits), reference.values("logits"), 1e-4, "logits");
    disposeModel(model);
  }));

Deno.test("hiddenStates() equals transformers' Emu3 under left padding, where there are tokens", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const mask = reference.values("mask");
    const logits = tidy(() => {
      const padding = tf.tensor4d(Float32Array.from(mask, (is) => is ? 0 : -1e9), [2, 1, 1, 24]);
      return logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens"), { padding }), model.chameleon.head);
    });
    const isToken = (_: number, i: number) => mask[Math.floor(i / VOCABULARY)] === 1;
    assertClose(take(logits).filter(isToken), (reference.values("logits_padded") as Float32Array).filter(isToken), 1e-4, "logits");
    disposeModel(model);
  }));

Deno.test("hiddenStates() of Emu3 with a PEFT adapter equals PEFT, beside the weights and merged into them", () =>
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
  Deno.test(`completionGradients() equals PyTorch's loss and LoRA gradients of Emu3 ${checkpointing ? "with" : "without"} checkpointing`, () =>
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

Deno.test("encodeFeatures() and nearestCodes() equal transformers' Emu3 VQVAE on six images", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const features = tidy(() => encodeFeatures(model.vqgan, reference.tensor("images")));
    const codes = nearestCodes(model.vqgan, features);
    assertClose(take(features), reference.values("features"), 1e-4, "features");
    assertEquals([...take(codes)], [...reference.values("codes")]);
    disposeModel(model);
  }));

Deno.test("decodeCodes() equals transformers' Emu3 VQVAE", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const codes = tf.tensor2d(reference.values("codes").slice(0, 128), [2, 64], "int32");
    const images = decodeCodes(model.vqgan, codes);
    assertClose(take(images), reference.values("decoded"), 1e-4, "pixels");
    codes.dispose();
    disposeModel(model);
  }));

Deno.test("imageIds() and the turn's words lay a picture in a sentence as transformers' processor and model do", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const vocabulary = loadVocabulary(FOLDER, CODES);
    const [height, width] = reference.shape("pixels") as [number, number];
    const picture = { width, height, data: reference.values("pixels") as Uint8Array };
    const [codes] = encodePictures(model.vqgan, [picture]);
    const { bos, turn } = vocabulary;
    const laid = [bos, ...turn.before, ...imageIds(vocabulary, codes!), ...vocabulary.encode("open the door"), ...turn.after];
    assertEquals(laid, [...reference.values("prompt")]);
    const drawing = [bos, ...vocabulary.encode("open the door"), ...openingIds(vocabulary, 64)];
    assertEquals(drawing, [...reference.values("drawing_prompt")]);
    disposeModel(model);
  }));

Deno.test("generate() says the text that transformers' Emu3 says, token by token", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const sampler = { model: model.chameleon, head: model.chameleon.head, firstId: 0, pad: 256 };
    const tokens = [...reference.values("tokens")];
    const prompts = [tokens.slice(0, 8), tokens.slice(24, 32)];
    const drawn = generate(sampler, prompts, 12, { temperature: 0, seed: 1 });
    assertEquals(drawn.flat(), [...reference.values("greedy_text")]);
    disposeModel(model);
  }));

Deno.test("logLikelihoods() equals transformers' log-likelihoods of Emu3's text", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const sampler = { model: model.chameleon, head: model.chameleon.head, firstId: 0, pad: 256 };
    const tokens = [...reference.values("tokens")];
    const families = [0, 24].map((start) => [{ prompt: tokens.slice(start, start + 9), completion: tokens.slice(start + 9, start + 24) }]);
    const found = logLikelihoods(sampler, families).map(([likelihood]) => [...likelihood!.tokens]);
    const expected = [0, 23].flatMap((start) => [...reference.values("text_likelihoods").slice(start + 8, start + 23)]);
    assertClose(found.flat(), expected, 1e-4, "log-likelihoods");
    disposeModel(model);
  }));
