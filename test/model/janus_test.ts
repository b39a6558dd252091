import { loadModel, saveModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { parseJanus } from "../../lib/model/janus.ts";
import { generate, type Likelihood, logLikelihoods } from "../../lib/sample/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { assert, assertEquals, assertThrows, engine, UserError, withFolder, withoutLeaks } from "../support.ts";
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

Deno.test("saveModel() refuses a Janus before anything is written", () =>
  withFolder((folder) => {
    const model = loadModel(FOLDER, "float32");
    assertThrows(() => saveModel(folder, model, { vocabularyMap: {}, tokenizer: {} }), UserError, "Cannot write a Janus checkpoint");
    assertEquals([...Deno.readDirSync(folder)].length, 0);
    disposeModel(model);
  }));
