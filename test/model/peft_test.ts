import { createHash } from "node:crypto";
import { createAdapter, loadAdapter, planCheckpoint, PROJECTIONS, saveAdapter } from "../../lib/model/mod.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { adapterDigest } from "../../lib/model/peft.ts";
import { assert, assertEquals, assertThrows, engine, UserError, withFolder, withoutLeaks } from "../support.ts";

await engine();
const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
const LORA = { rank: 4, alpha: 8, dropout: 0, targets: PROJECTIONS };
const { config } = planCheckpoint(FOLDER, "float32");

/** Saves an adapter with some of its configuration changed, and loads it. */
function reload(folder: string, change: object): void {
  const adapter = createAdapter(config, LORA, 1);
  saveAdapter(folder, adapter, "base");
  disposeAdapter(adapter);
  const path = `${folder}/adapter_config.json`;
  Deno.writeTextFileSync(path, JSON.stringify({ ...JSON.parse(Deno.readTextFileSync(path)), ...change }));
  disposeAdapter(loadAdapter(folder, config));
}

Deno.test("loadAdapter() refuses what is not plain LoRA, or not of this base, in a sentence", () =>
  withFolder((folder) =>
    withoutLeaks(() => {
      reload(folder, {});
      const refused = (change: object, why: string) => void assertThrows(() => reload(folder, change), UserError, why);
      refused({ use_dora: true }, "plain LoRA is");
      refused({ modules_to_save: ["lm_head"] }, "plain LoRA is");
      refused({ peft_type: "IA3" }, "peft_type");
      refused({ target_modules: ["q_proj", "lm_head\u001b[2J"] }, "target_modules must be among");
      refused({ target_modules: ["q_proj"] }, "is not known");
      refused({ r: 8 }, "wanted [8,64]");
    })
  ));

Deno.test("adapterDigest() is that of the file's bytes; a folder that lacks one of PEFT's files is refused by its name", () =>
  withFolder((folder) => {
    const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    assertThrows(() => adapterDigest(folder), UserError, "it lacks adapter_config.json and adapter_model.safetensors; give a stage");
    Deno.writeTextFileSync(`${folder}/adapter_config.json`, "{}");
    assertThrows(() => adapterDigest(folder), UserError, "it lacks adapter_model.safetensors; give a stage");
    const bytes = new Uint8Array(2 ** 24 + 5).map((_, i) => i % 251); // more than one piece
    Deno.writeFileSync(`${folder}/adapter_model.safetensors`, bytes);
    assertEquals(adapterDigest(folder), digest(bytes));
  }));

Deno.test("adapterDigest() refuses a folder and a pipe instead of waiting for ever", () =>
  withFolder((folder) => {
    const path = `${folder}/adapter_model.safetensors`;
    Deno.writeTextFileSync(`${folder}/adapter_config.json`, "{}");
    Deno.mkdirSync(path);
    assertThrows(() => adapterDigest(folder), UserError, "it is a folder");
    Deno.removeSync(path);
    assert(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
    assertThrows(() => adapterDigest(folder), UserError, "no regular file");
  }));
