import { loadModel, planCheckpoint, saveModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { emu3WeightName, parseEmu3 } from "../../lib/model/emu3.ts";
import { readHeader, readInto, writeSafetensors } from "../../lib/model/safetensors.ts";
import { assertEquals, assertThrows, engine, UserError, withFolder, withoutLeaks } from "../support.ts";
import { readsOrRefuses } from "./mutated_configs.ts";

const FOLDER = new URL("../parity/reference/emu3", import.meta.url).pathname;
const TEXT = Deno.readTextFileSync(`${FOLDER}/config.json`);
const CONFIG = JSON.parse(TEXT);
await engine();

const OTHERS: readonly (readonly [section: "text_config" | "vq_config", field: string, value: unknown])[] = [
  ["text_config", "hidden_act", "gelu"],
  ["text_config", "attention_bias", true],
  ["text_config", "tie_word_embeddings", true],
  ["vq_config", "double_latent", true],
  ["vq_config", "in_channels", 1],
];

const UNEVEN: readonly (readonly [fields: Record<string, unknown>, said: string])[] = [
  [{ temporal_downsample_factor: 3 }, "temporal_downsample_factor 3 must be a power of two"],
  [{ embed_dim: 8 }, "embed_dim 8 must be latent_channels 4"],
  [{ base_channels: 48 }, "channels 48, 48 must be multiples of the 32 groups"],
  [{ hidden_size: 64 }, "attention over 32, 32 channels needs a hidden_size of as many"],
  [{ attn_resolutions: [7] }, "attention over 0, 32 channels"],
  [{ num_res_blocks: 0, channel_multiplier: [1, 2], hidden_size: 64 }, "num_res_blocks 0"],
];

Deno.test("parseEmu3() refuses every field that asks for arithmetic which is not ours, and names it", () => {
  for (const [section, field, value] of OTHERS) {
    const changed = { ...CONFIG, [section]: { ...CONFIG[section], [field]: value } };
    assertThrows(() => parseEmu3(changed, "c", undefined), UserError, `"${section}.${field}" is ${JSON.stringify(value)}`);
  }
  const scaled = { ...CONFIG, text_config: { ...CONFIG.text_config, rope_parameters: { rope_type: "yarn", rope_theta: 1e6 } } };
  assertThrows(() => parseEmu3(scaled, "c", undefined), UserError, '"text_config.rope_parameters.rope_type" is "yarn"');
});

Deno.test("parseEmu3() refuses a tokenizer's numbers that do not go together, in a sentence", () => {
  for (const [fields, said] of UNEVEN) {
    const changed = { ...CONFIG, vq_config: { ...CONFIG.vq_config, ...fields } };
    assertThrows(() => parseEmu3(changed, "c", undefined), UserError, said);
  }
});

Deno.test("parseEmu3() takes the side of its processor's smallest picture, and no other values of pixels", () => {
  const shape = (processor: unknown) => parseEmu3(CONFIG, "folder/config.json", processor).vq.resolution;
  assertEquals([shape(undefined), shape({}), shape({ min_pixels: 256 })], [512, 512, 16]);
  assertThrows(() => shape({ min_pixels: 200 }), UserError, 'folder/preprocessor_config.json: "min_pixels" must be the square');
  assertThrows(() => shape({ image_mean: [0.48, 0.46, 0.41] }), UserError, '"image_mean.0" is 0.48');
});

Deno.test("parseEmu3() reads or refuses 2,000 mutated configs with a sentence", () =>
  readsOrRefuses(TEXT, "emu3 configs", (json) => parseEmu3(json, "config.json", undefined)));

Deno.test("an Emu3 checkpoint of older names holds the same weights", () =>
  withFolder((folder) => {
    const older = (name: string) =>
      name.replace(/^lm_head/, "text_model.lm_head").replace(/^model\.text_model/, "text_model.model").replace(
        /^model\.vqmodel/,
        "vqmodel",
      );
    const stored = [...readHeader(`${FOLDER}/model.safetensors`)].filter(([, { dtype }]) => dtype === "BF16");
    const tensors = stored.map(([name, tensor]) => {
      const bytes = () => {
        const read = new Uint8Array(tensor.size);
        readInto(tensor, read);
        return read;
      };
      return { name: older(name), dtype: "BF16" as const, shape: tensor.shape, bytes };
    });
    writeSafetensors(`${folder}/model.safetensors`, tensors, { format: "pt" });
    for (const name of ["config.json", "preprocessor_config.json"]) Deno.copyFileSync(`${FOLDER}/${name}`, `${folder}/${name}`);
    assertEquals([...planCheckpoint(folder, "float32").stored.keys()].sort(), [...planCheckpoint(FOLDER, "float32").stored.keys()].sort());
    assertEquals(emu3WeightName("vqmodel.encoder.time_res_stack.0.norm1.num_batches_tracked"), undefined);
  }));

Deno.test("saveModel() writes an Emu3 that loadModel() reads, bit by bit", () =>
  withFolder((folder) =>
    withoutLeaks(() => {
      const model = loadModel(FOLDER, "float32");
      saveModel(folder, model, { vocabularyMap: CONFIG.vocabulary_map, tokenizer: {} }, "BF16");
      const again = loadModel(folder, "float32");
      assertEquals(again.chameleon.config, model.chameleon.config);
      assertEquals(again.chameleon.layers[1]!.down_proj.dataSync(), model.chameleon.layers[1]!.down_proj.dataSync());
      for (const [name, tensor] of Object.entries(model.vqgan.weights)) {
        assertEquals(again.vqgan.weights[name]!.dataSync(), tensor.dataSync(), name);
      }
      disposeModel(model);
      disposeModel(again);
    })
  ));
