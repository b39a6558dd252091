import { loadModel, saveModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { parseJanus } from "../../lib/model/janus.ts";
import { generate, type Likelihood, logLikelihoods } from "../../lib/sample/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeSampler, textSampler } from "../../lib/sample/sampler.ts";
import { vocabularyOf } from "../../lib/tokens/vocabulary.ts";
import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { assert, assertEquals, assertThrows, engine, openReference, UserError, withFolder, withoutLeaks } from "../support.ts";
import { readsOrRefuses } from "./mutated_configs.ts";

const FOLDER = new URL("../parity/reference/janus", import.meta.url).pathname;
const TEXT = Deno.readTextFileSync(`${FOLDER}/config.json`);
const CONFIG = JSON.parse(TEXT);
await engine();

const REFUSED: readonly (readonly [section: string, fields: Record<string, unknown>, said: string])[] = [
  ["text_config", { hidden_act: "gelu" }, '"text_config.hidden_act" is "gelu"'],
  ["text_config", { model_type: "gemma" }, '"text_config.model_type" is "gemma"'],
  ["vision_config", { use_qk_norm: true }, '"vision_config.use_qk_norm" is true'],
  ["vision_config", { patch_size: 4 }, "as many patches as the picture has codes"],
  ["vision_config", { projection_dim: 64 }, "must be hidden_size 32, found 64, 32"],
  ["vq_config", { double_latent: true }, '"vq_config.double_latent" is true'],
];

Deno.test("parseJanus() refuses what is not computed, and numbers that do not go together, in a sentence", () => {
  assertEquals(parseJanus(CONFIG, "c").drawing, { width: 32, depth: 2 });
  for (const [section, fields, said] of REFUSED) {
    const changed = { ...CONFIG, [section]: { ...CONFIG[section], ...fields } };
    assertThrows(() => parseJanus(changed, "c"), UserError, said);
  }
});

Deno.test("parseJanus() reads or refuses 2,000 mutated configs with a sentence", () =>
  readsOrRefuses(TEXT, "janus configs", (json) => parseJanus(json, "config.json")));

Deno.test("Janus draws codes in the loop as one by one, and finds them as likely as any drawing's likelihood is", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const head = freezeHead(model.chameleon, { firstImage: 96, codes: 64 });
    const sampler = { model: model.chameleon, head, firstId: 96, pad: 0 };
    const [prompt, options] = [[5, 6, 7], { temperature: 1, seed: 1 }];
    const [drawn] = generate(sampler, [prompt], 16, options);
    assertEquals(generate(sampler, [prompt], 16, { ...options, onStep: () => {} }), [drawn!]);
    assert(drawn!.every((id) => id >= 96 && id < 160));
    const [[likelihood]] = logLikelihoods(sampler, [[{ prompt, completion: drawn! }]]) as [[Likelihood]];
    assert(likelihood.mean < 0 && likelihood.mean > -20, `${likelihood.mean}`);
    head.dispose();
    disposeModel(model);
  }));

Deno.test("saveModel() writes a Janus with the names and values that transformers wrote, and its config reads the same", () =>
  withFolder((folder) =>
    withoutLeaks(() => {
      const model = loadModel(FOLDER, "float32");
      saveModel(folder, model, { vocabularyMap: { "<image_placeholder>": 95 }, tokenizer: {} });
      const [theirs, ours] = [openReference(`${FOLDER}/model.safetensors`), openReference(`${folder}/model.safetensors`)];
      assertEquals([...ours.names].sort(), [...theirs.names].sort());
      for (const name of theirs.names) assertEquals(ours.shape(name), theirs.shape(name), name);
      const again = loadModel(folder, "float32");
      const values = ({ chameleon, vqgan, modules }: typeof model) =>
        [chameleon.embed, chameleon.head, ...Object.values({ ...vqgan.weights, ...modules })].map((tensor) => tensor.dataSync());
      assertEquals(values(again), values(model));
      disposeModel(again);
      const written = JSON.parse(Deno.readTextFileSync(`${folder}/config.json`));
      assertEquals(written.image_token_id, 95);
      assertEquals(parseJanus(written, "c"), parseJanus(CONFIG, "c"));
      disposeModel(model);
    })
  ));

Deno.test("textSampler() scores Janus's text among ids of text alone, and disposeSampler() frees its rows", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const { files } = tinyTokenizer(64, "janus");
    const vocabulary = { ...vocabularyOf(JSON.parse(files["tokenizer.json"]!), "t", 64), firstImage: 96, size: 160 };
    const text = textSampler(model.chameleon, vocabulary);
    assertEquals([text.head.shape[0], text.rule!.shape[0]], [96, 96]);
    disposeSampler(text);
    disposeModel(model);
  }));
