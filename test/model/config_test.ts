import { parseConfig } from "../../lib/model/config.ts";
import { assertEquals, assertThrows, UserError } from "../support.ts";

const TINY = JSON.parse(Deno.readTextFileSync(new URL("../../data/tiny/config.json", import.meta.url)));

const OTHERS: readonly (readonly [field: string, value: unknown])[] = [
  ["hidden_act", "gelu"],
  ["attention_bias", true],
  ["mlp_bias", true],
  ["tie_word_embeddings", true],
  ["attention_dropout", 0.1],
  ["rope_scaling", { type: "linear", factor: 2 }],
  ["quantization_config", { load_in_4bit: true }],
  ["vq_config.double_latent", true],
  ["vq_config.in_channels", 1],
  ["vq_config.dropout", 0.1],
  ["vq_config.attn_resolutions", [16]],
  ["vq_config.attn_type", "linear"],
];

Deno.test("parseConfig() refuses every field that asks for arithmetic which is not ours, and names it", () => {
  parseConfig(TINY, "config.json");
  for (const [field, value] of OTHERS) {
    const [section, key] = field.includes(".") ? field.split(".") as [string, string] : [undefined, field];
    const changed = section ? { ...TINY, [section]: { ...TINY[section], [key]: value } } : { ...TINY, [key]: value };
    const { message } = assertThrows(() => parseConfig(changed, "config.json"), UserError);
    assertEquals(message.startsWith(`Cannot use config.json: "${field}" is ${JSON.stringify(value)}`), true, message);
  }
  const scaled = { ...TINY, rope_parameters: { rope_type: "yarn", rope_theta: 10000 } };
  assertThrows(() => parseConfig(scaled, "config.json"), UserError, '"rope_parameters.rope_type" is "yarn"');
});

Deno.test("parseConfig() takes both places of RoPE's base", () => {
  const { rope_theta: _, ...rest } = TINY;
  assertEquals(parseConfig({ ...rest, rope_parameters: { rope_type: "default", rope_theta: 1e6 } }, "c").ropeTheta, 1e6);
  assertEquals(parseConfig({ ...TINY, rope_theta: 5e5 }, "c").ropeTheta, 5e5);
});
