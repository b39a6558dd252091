/**
 * Saves a model, an adapter and their logits for check_saved.py, which loads them with transformers and PEFT.
 *
 *   deno run -A test/parity/save_for_python.ts FOLDER && python test/parity/check_saved.py FOLDER
 *
 * @module
 */
import { hiddenStates, loadModel, logitsOf, mergeAdapter, PROJECTIONS, saveAdapter, saveModel } from "../../lib/model/mod.ts";
import { writeSafetensors } from "../../lib/model/safetensors.ts";
import { openBackend, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { bytesOfTensor } from "../../lib/engine/storage.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { imageIds } from "../../lib/tokens/sequences.ts";
import { vocabularyMap } from "../../lib/tokens/vocabulary.ts";
import { randomAdapter } from "../support.ts";

const folder = Deno.args[0]!;
await openBackend();
const model = loadModel("data/tiny", "float32");
const vocabulary = loadVocabulary("data/tiny", model.chameleon.config.vq.codes);
const files = ["tokenizer.json", "tokenizer_config.json"];
const tokenizer = Object.fromEntries(files.map((name) => [name, Deno.readTextFileSync(`data/tiny/${name}`)]));
const adapter = randomAdapter(model.chameleon.config, { rank: 8, alpha: 16, dropout: 0, targets: PROJECTIONS }, 1);
saveModel(`${folder}/model`, model, { vocabularyMap: vocabularyMap(vocabulary), tokenizer }, "F32");
saveAdapter(`${folder}/adapter`, adapter, "data/tiny");
const merged = mergeAdapter(model.chameleon, adapter);
saveModel(`${folder}/merged`, { ...model, chameleon: merged }, { vocabularyMap: vocabularyMap(vocabulary), tokenizer }, "F32");
const text = "move the red circle left, and a word it never saw";
const ids = [vocabulary.bos, ...imageIds(vocabulary, Array.from({ length: 64 }, (_, i) => i * 15)), ...vocabulary.encode(text)];
const tokens = tf.tensor2d([ids], [1, ids.length], "int32");
const base = tidy(() => logitsOf(hiddenStates(model.chameleon, tokens), model.chameleon.head));
const adapted = tidy(() => logitsOf(hiddenStates(model.chameleon, tokens, { adapter }), model.chameleon.head));
const entry = (name: string, tensor: Tensor) => ({
  ...{ name, dtype: name === "tokens" ? "I32" as const : "F32" as const, shape: tensor.shape },
  bytes: () => name === "tokens" ? new Uint8Array(Int32Array.from(ids).buffer) : bytesOfTensor(tensor, "F32"),
});
writeSafetensors(`${folder}/logits.safetensors`, [entry("tokens", tokens), entry("base", base), entry("adapted", adapted)], {
  format: "pt",
  text,
});
