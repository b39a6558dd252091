import { createAdapter, loadAdapter, loadModel, planCheckpoint, PROJECTIONS, saveAdapter, saveModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { parseConfig } from "../../lib/model/config.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { assert, assertEquals, assertThrows, engine, withFolder, withoutLeaks } from "../support.ts";
import { readsOrRefuses } from "./mutated_configs.ts";

const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
const LORA = { rank: 4, alpha: 8, dropout: 0, targets: PROJECTIONS };
await engine();

Deno.test("saveModel() writes the bytes that loadModel() read", () =>
  withFolder((folder) =>
    withoutLeaks(() => {
      const model = loadModel(FOLDER, "float32");
      saveModel(folder, model, { vocabularyMap: {}, tokenizer: {} }, "F32");
      disposeModel(model);
      const [before, after] = [FOLDER, folder].map((path) => planCheckpoint(path, "float32"));
      assertEquals([...after!.stored.keys()].sort(), [...before!.stored.keys()].sort());
      for (const [name, stored] of before!.stored) {
        const read = ({ path, begin, size }: typeof stored) => Deno.readFileSync(path).subarray(begin, begin + size);
        assertEquals(read(after!.stored.get(name)!), read(stored), name);
      }
    })
  ));

Deno.test("planCheckpoint() lists what is missing and what is of another shape", () =>
  withFolder((folder) => {
    Deno.copyFileSync(`${FOLDER}/model.safetensors`, `${folder}/model.safetensors`);
    const config = JSON.parse(Deno.readTextFileSync(`${FOLDER}/config.json`));
    Deno.writeTextFileSync(`${folder}/config.json`, JSON.stringify({ ...config, num_hidden_layers: 3, vocab_size: 97 }));
    const { message } = assertThrows(() => planCheckpoint(folder, "float32"));
    assert(message.includes('"model.embed_tokens.weight" has shape [96,64], wanted [97,64]'), message);
    assert(message.includes('"model.layers.2.self_attn.q_proj.weight" is missing'), message);
  }));

Deno.test("planCheckpoint() names the folder when there is no model in it", () =>
  withFolder((folder) =>
    void assertThrows(() => planCheckpoint(folder, "float32"), Error, `Cannot read ${folder}/config.json as it is not there`)
  ));

Deno.test("parseConfig() reads or refuses 2,000 mutated configs with a sentence", () =>
  readsOrRefuses(Deno.readTextFileSync(`${FOLDER}/config.json`), "configs", (json) => parseConfig(json, "config.json")));

Deno.test("loadAdapter() refuses the adapter of another base and lists the differences", () =>
  withFolder((folder) =>
    withoutLeaks(() => {
      const { config } = planCheckpoint(FOLDER, "float32");
      const adapter = createAdapter({ ...config, hiddenSize: 128, heads: 8, layers: 1 }, LORA, 1);
      saveAdapter(folder, adapter, "another");
      disposeAdapter(adapter);
      const { message } = assertThrows(() => loadAdapter(folder, config));

      assert(message.includes("Give the base that it was trained on"), message);
    })
  ));

Deno.test("saveAdapter() and loadAdapter() keep every bit", () =>
  withFolder((folder) => {
    const { config } = planCheckpoint(FOLDER, "float32");
    const adapter = createAdapter(config, LORA, 1);
    saveAdapter(folder, adapter, "base");
    const read = loadAdapter(folder, config);
    assertEquals(read.layers[1]!.up_proj!.a.dataSync(), adapter.layers[1]!.up_proj!.a.dataSync());
    assertEquals(read.config, LORA);
    disposeAdapter(adapter);
    disposeAdapter(read);
  }));
