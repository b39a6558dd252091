/** Merged checkpoints: what the base and its adapter compute together, in files that need no adapter. */
import { tidy } from "../../lib/engine/mod.ts";
import { exists } from "../../lib/files.ts";
import { hiddenStates, loadAdapter, loadModel, logitsOf, saveAdapter } from "../../lib/model/mod.ts";
import { disposeModel, planCheckpoint } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { readInto, type StoredTensor } from "../../lib/model/safetensors.ts";
import { writeShards } from "../../lib/model/shards.ts";
import { assert, assertClose, assertEquals, engine, openReference, randomAdapter, take, withFolder, withoutLeaks } from "../support.ts";
import { runTask } from "./support.ts";

const PARITY = new URL("../parity/reference", import.meta.url).pathname;
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
await engine();
const reference = openReference(`${PARITY}/reference.safetensors`);

/** Logits of a model, or of one with an adapter. */
function logits(folder: string, adapterFolder?: string): Float32Array {
  const model = loadModel(folder, "float32");
  const adapter = adapterFolder === undefined ? undefined : loadAdapter(adapterFolder, model.chameleon.config);
  const values = take(
    tidy(() => logitsOf(hiddenStates(model.chameleon, reference.tensor("tokens"), adapter ? { adapter } : {}), model.chameleon.head)),
  );
  if (adapter) disposeAdapter(adapter);
  disposeModel(model);
  return values;
}

/** The tiny checkpoint in shards, in bfloat16, and an adapter of it that changes every matrix. */
function tinyInShards(folder: string): void {
  const { stored, config } = planCheckpoint(TINY, "float32");
  const bytesOf = (tensor: StoredTensor) => {
    const bytes = new Uint8Array(tensor.size);
    readInto(tensor, bytes);
    return bytes;
  };
  writeShards(
    `${folder}/base`,
    [...stored].map(([name, tensor]) => ({ name, dtype: tensor.dtype as "F32", shape: tensor.shape, bytes: () => bytesOf(tensor) })),
    { shardBytes: 1e6 },
  );
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    Deno.copyFileSync(`${TINY}/${name}`, `${folder}/base/${name}`);
  }
  const adapter = randomAdapter(config, { rank: 4, alpha: 8, dropout: 0, targets: ["q_proj", "v_proj", "down_proj"] }, 3);
  saveAdapter(`${folder}/adapter`, adapter, TINY);
  disposeAdapter(adapter);
}

Deno.test("merge writes a float32 base with a PEFT adapter whose logits are PEFT's", () =>
  withFolder(async (folder) => {
    const args = [`--model.path=${PARITY}`, `--adapter=${PARITY}/adapter`, `--to=${folder}/merged`];
    const { code, text } = await runTask("merge", ...args);
    assertEquals(code, 0, text);
    await withoutLeaks(() => assertClose(logits(`${folder}/merged`), reference.values("logits_lora"), 1e-4, "logits"));
    const again = await runTask("merge", ...args);
    assert(again.code === 1 && again.text.includes("as there is something already"), again.text);
  }));

Deno.test("merge goes through a base's shards, carries its files over, and stays within bfloat16's rounding of base and adapter", () =>
  withFolder(async (folder) => {
    tinyInShards(folder);
    const args = [`--model.path=${folder}/base`, `--adapter=${folder}/adapter`, `--to=${folder}/merged`];
    const dry = await runTask("merge", ...args, "--dry-run");
    assert(dry.code === 0 && dry.text.includes("α / rank 2") && !exists(`${folder}/merged`), dry.text);
    const { code, text } = await runTask("merge", ...args);
    assertEquals(code, 0, text);
    const names = (of: string) => [...Deno.readDirSync(`${folder}/${of}`)].map(({ name }) => name).toSorted();
    assertEquals(names("merged"), names("base"));
    assert(names("base").includes("model-00003-of-00008.safetensors"), names("base").join());
    await withoutLeaks(() => {
      const [merged, together, base] = [
        logits(`${folder}/merged`),
        logits(`${folder}/base`, `${folder}/adapter`),
        logits(`${folder}/base`),
      ];
      const change = Math.hypot(...together.map((x, i) => x - base[i]!)) / Math.hypot(...base);
      const error = Math.hypot(...merged.map((x, i) => x - together[i]!)) / Math.hypot(...together);
      assert(change > 0.2, `the adapter changes the logits by ${change}`);
      assert(error < 0.005, `merging is off by ${error} of the logits' norm`);
    });
  }));

Deno.test("merge refuses an adapter of another base, of another shape, and none, and writes nothing", () =>
  withFolder(async (folder) => {
    tinyInShards(folder);
    const base = `--model.path=${folder}/base`;
    const to = `--to=${folder}/merged`;
    const refuses = async (said: string, ...args: string[]) => {
      const { code, text } = await runTask("merge", ...args);
      assert(code === 1 && text.includes(said) && !text.includes("    at "), text);
      assert(!exists(`${folder}/merged`) && !exists(`${folder}/merged.unfinished`), text);
    };
    await refuses('"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" has shape', base, to, `--adapter=${PARITY}/adapter`);
    await refuses("give --adapter=STAGE_OR_DIR and --to=DIR", base, to);
    await refuses("it lacks adapter_config.json and adapter_model.safetensors", base, to, `--adapter=${folder}/none`);
    const manifest = {
      ...{ task: "train-cwm", digest: "0123456789abcdef", config: {}, seed: 1, inputs: { base: "another" }, overlap: 0, versions: {} },
      ...{ backend: null, started: "", finished: null, seconds: 0, peakMemoryMiB: 0 },
    };
    Deno.writeTextFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));
    await refuses("it was trained on another base (another)", base, to, `--adapter=${folder}/adapter`);
  }));
