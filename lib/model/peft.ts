/**
 * Adapters on disk, in the layout of Python's PEFT: `adapter_config.json` and `adapter_model.safetensors`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { quoted, UserError } from "../errors.ts";
import { checkRegular, type Disk, exists, readJson, writeFile } from "../files.ts";
import { bytesOfTensor } from "../engine/storage.ts";
import { type ChameleonConfig, type Projection, PROJECTIONS, projectionShape } from "./config.ts";
import { adapterTensors, factorNames, type LoraAdapter, type LoraConfig, prefixOf } from "./lora.ts";
import { readHeader, type StoredTensor, writeSafetensors } from "./safetensors.ts";
import { differences, listed, readTensor } from "./stored_tensors.ts";

const PEFT = z.looseObject({
  peft_type: z.literal("LORA"),
  r: z.number().int().positive().max(65536),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).max(1).default(0),
  target_modules: z.array(z.string()).min(1),
  base_model_name_or_path: z.string().nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  use_rslora: z.boolean().default(false),
  use_dora: z.boolean().default(false),
});

/**
 * Writes an adapter as PEFT does.
 *
 * @param folder where to; it is made
 * @param adapter the adapter
 * @param base names the checkpoint that it belongs to
 * @param disk the disk to write to
 *
 * @example Written and read again
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const folder = Deno.makeTempDirSync();
 * ws.model.saveAdapter(folder, ws.model.createAdapter(chameleon.config, lora, 1), "data/tiny");
 * assertEquals(ws.loadAdapter(folder, chameleon.config).config, lora);
 * ```
 */
export function saveAdapter(folder: string, adapter: LoraAdapter, base: string, disk?: Disk): void {
  const tensors = [...adapterTensors(adapter)].map(([name, tensor]) => ({
    name,
    dtype: "F32" as const,
    shape: tensor.shape,
    bytes: () => bytesOfTensor(tensor, "F32"),
  }));
  writeSafetensors(`${folder}/adapter_model.safetensors`, tensors, { format: "pt" }, disk);
  const { rank, alpha, dropout, targets } = adapter.config;
  const config = {
    ...{ peft_type: "LORA", task_type: "CAUSAL_LM", base_model_name_or_path: base, r: rank, lora_alpha: alpha },
    ...{ lora_dropout: dropout, target_modules: targets, bias: "none", fan_in_fan_out: false, inference_mode: true },
    ...{ init_lora_weights: true, modules_to_save: null, use_rslora: false, use_dora: false },
    ...(adapter.prefix && { exclude_modules: ".*(vqmodel|vision_model).*" }), // whose attention has projections of the same names
  };
  writeFile(`${folder}/adapter_config.json`, JSON.stringify(config, null, 2) + "\n", disk);
}

/**
 * Reads an adapter for a model.
 *
 * @param folder the adapter's folder
 * @param model the shape of the model that it must fit
 * @returns the adapter in float32
 * @throws UserError when the folder holds no plain LoRA adapter, or one of another base: then the message lists the tensors
 * that are missing, unknown, or of another shape
 *
 * @example α over rank scales the update
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const folder = Deno.makeTempDirSync();
 * ws.model.saveAdapter(folder, ws.model.createAdapter(chameleon.config, { ...lora, alpha: 6 }, 1), "data/tiny");
 * assertEquals(ws.loadAdapter(folder, chameleon.config).scale, 3);
 * ```
 */
export function loadAdapter(folder: string, model: ChameleonConfig): LoraAdapter {
  const config = readConfig(`${folder}/adapter_config.json`);
  const stored = readHeader(`${folder}/adapter_model.safetensors`);
  checkFactors(folder, stored, model, config);
  const read = (name: string) => readTensor(stored.get(name)!);
  const layers = Array.from({ length: model.layers }, (_, layer) =>
    Object.fromEntries(config.targets.map((projection) => {
      const { a, b } = factorNames(layer, projection, model.prefix);
      return [projection, { a: read(a), b: read(b) }]; // [r, in] and [out, r]
    })));
  return { config, scale: config.alpha / config.rank, dropout: config.dropout, layers, ...prefixOf(model) };
}

function readConfig(path: string): LoraConfig {
  const parsed = PEFT.safeParse(readJson(path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(`Cannot use ${path} as a LoRA adapter: "${issue?.path.join(".")}": ${issue?.message}`);
  }
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout, target_modules: modules, use_dora, use_rslora, modules_to_save } = parsed.data;
  if (use_dora || use_rslora || modules_to_save?.length) {
    throw new UserError(`Cannot use ${path}: DoRA, rank-stabilised LoRA and modules_to_save are not supported, plain LoRA is`);
  }
  const targets = PROJECTIONS.filter((projection) => modules.some((name) => name === projection || name.endsWith(`.${projection}`)));
  if (targets.length !== modules.length) {
    throw new UserError(`Cannot use ${path}: target_modules must be among ${PROJECTIONS.join(", ")}, found ${quoted(modules.join(", "))}`);
  }
  return { rank, alpha, dropout, targets };
}

function checkFactors(
  folder: string,
  stored: ReadonlyMap<string, StoredTensor>,
  model: ChameleonConfig,
  { targets, rank }: { readonly targets: readonly Projection[]; readonly rank: number },
): void {
  const wanted = new Map<string, readonly number[]>();
  for (let layer = 0; layer < model.layers; layer++) {
    for (const projection of targets) {
      const [out, input] = projectionShape(model, projection);
      const { a, b } = factorNames(layer, projection, model.prefix);
      wanted.set(a, [rank, input]).set(b, [out, rank]);
    }
  }
  const problems = differences(stored, wanted);
  if (problems.length > 0) {
    throw new UserError(`Cannot use the adapter ${folder} with this base: ${listed(problems)}. Give the base that it was trained on`);
  }
}

const LARGEST_ADAPTER = 2 ** 40; // bytes; read piece by piece
const PIECE = 2 ** 24;

/**
 * A digest of an adapter's weights.
 *
 * @param folder the adapter's folder
 * @returns 16 hexadecimal digits
 * @throws UserError when the folder lacks one of PEFT's two files, or the weights are a folder, a device or a pipe
 */
export function adapterDigest(folder: string): string {
  const missing = ["adapter_config.json", "adapter_model.safetensors"].filter((name) => !exists(`${folder}/${name}`));
  if (missing.length > 0) {
    throw new UserError(
      `Cannot use ${folder} as an adapter: it lacks ${
        missing.join(" and ")
      }; give a stage, its run's folder, or that of an adapter in PEFT's layout`,
    );
  }
  const hash = createHash("sha256");
  for (const piece of piecesOf(`${folder}/adapter_model.safetensors`)) hash.update(piece);
  return hash.digest("hex").slice(0, 16);
}

function* piecesOf(path: string): Generator<Uint8Array> {
  checkRegular(path, LARGEST_ADAPTER); // a pipe would block for ever
  const file = Deno.openSync(path);
  try {
    const memory = new Uint8Array(PIECE);
    for (let count = file.readSync(memory); count !== null; count = file.readSync(memory)) yield memory.subarray(0, count);
  } finally {
    file.close();
  }
}
