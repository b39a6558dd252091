/**
 * LoRA adapters (Hu et al. 2022) in the layout of Python's PEFT: `adapter_config.json` and `adapter_model.safetensors`.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { createHash } from "node:crypto";
import { z } from "zod";
import { type Disk, exists, readJson, writeFile } from "../files.ts";
import { bytesOfTensor, normal, precisionOf, seedTensor, type Tensor, tensorOfBytes, tf, toPrecision, uniform } from "../engine/mod.ts";
import type { Adapter, Chameleon } from "./chameleon.ts";
import { type ChameleonConfig, type Projection, PROJECTIONS, projectionShape } from "./config.ts";
import { readHeader, readInto, type StoredTensor, writeSafetensors } from "./safetensors.ts";

/** What an adapter is made of. */
export interface LoraConfig {
  /** Rank of the update. */
  readonly rank: number;
  /** α: the update is scaled by α / rank. */
  readonly alpha: number;
  /** Dropout of the update's input while training. */
  readonly dropout: number;
  /** The adapted matrices. */
  readonly targets: readonly Projection[];
}

/** An adapter with what made it. */
export interface LoraAdapter extends Adapter {
  /** Its configuration. */
  readonly config: LoraConfig;
}

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
 * A new adapter that changes nothing yet: `a` uniform in ±1/√in as in PEFT, `b` zero.
 *
 * @param model the shape of the model it is for
 * @param config rank, α, dropout, targets
 * @param seed seeds the first factors
 */
export function createAdapter(model: ChameleonConfig, config: LoraConfig, seed: number): LoraAdapter {
  const layers = Array.from({ length: model.layers }, (_, layer) =>
    Object.fromEntries(config.targets.map((projection) => {
      const [out, input] = projectionShape(model, projection);
      const a = tf.tidy(() =>
        tf.mul(tf.sub(uniform([config.rank, input], seedTensor(seed, "lora", layer, projection)), 0.5), 2 * input ** -0.5)
      );
      return [projection, { a, b: tf.zeros([out, config.rank]) as Tensor }];
    })));
  return { config, scale: config.alpha / config.rank, dropout: config.dropout, layers };
}

/** The adapter's tensors by PEFT's names, in a fixed order. */
export function adapterTensors(adapter: Adapter): Map<string, Tensor> {
  return new Map(adapter.layers.flatMap((layer, i) =>
    PROJECTIONS.flatMap((projection) => {
      const pair = layer[projection];
      const name = adapterName(i, projection);
      return pair ? [[`${name}.lora_A.weight`, pair.a], [`${name}.lora_B.weight`, pair.b]] as [string, Tensor][] : [];
    })
  ));
}

/** The same adapter with other tensors, in the order of {@linkcode adapterTensors}. */
export function withAdapterTensors<T extends Adapter>(adapter: T, tensors: readonly Tensor[]): T {
  let next = 0;
  const layers = adapter.layers.map((layer) =>
    Object.fromEntries(
      PROJECTIONS.filter((projection) => layer[projection])
        .map((projection) => [projection, { a: tensors[next++]!, b: tensors[next++]! }]),
    )
  );
  return { ...adapter, layers };
}

/** Writes an adapter as PEFT does. `base` says which checkpoint it belongs to. */
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
  };
  writeFile(`${folder}/adapter_config.json`, JSON.stringify(config, null, 2) + "\n", disk);
}

/**
 * Reads a PEFT adapter for a model.
 *
 * @param folder the adapter's folder
 * @param model the shape of the model that it must fit
 * @returns the adapter in float32
 * @throws UserError listing tensors that are missing, extra, or of another shape: the adapter of another base, mostly
 */
export function loadAdapter(folder: string, model: ChameleonConfig): LoraAdapter {
  const path = `${folder}/adapter_config.json`;
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
    throw new UserError(`Cannot use ${path}: target_modules must be among ${PROJECTIONS.join(", ")}, found ${modules.join(", ")}`);
  }
  const stored = readHeader(`${folder}/adapter_model.safetensors`);
  checkAdapter(folder, stored, model, targets, rank);
  const read = (name: string) => readTensor(stored.get(name)!);
  const layers = Array.from({ length: model.layers }, (_, layer) =>
    Object.fromEntries(targets.map((projection) => {
      const name = adapterName(layer, projection);
      return [projection, { a: read(`${name}.lora_A.weight`), b: read(`${name}.lora_B.weight`) }];
    })));
  return { config: { rank, alpha, dropout, targets }, scale: alpha / rank, dropout, layers };
}

/** A digest of an adapter's file, or of nothing where there is none: loading it says what is missing. */
export function adapterDigest(folder: string): string {
  const path = `${folder}/adapter_model.safetensors`;
  return createHash("sha256").update(exists(path) ? Deno.readFileSync(path) : "").digest("hex").slice(0, 16);
}

/** Frees an adapter's tensors. */
export function disposeAdapter(adapter: Adapter): void {
  for (const tensor of adapterTensors(adapter).values()) tensor.dispose();
}

/** The model with the adapter's update added to its weights: `W + scale · B A`, in the weights' precision. */
export function mergeAdapter(model: Chameleon, adapter: Adapter): Chameleon {
  const merge = (weight: Tensor, a: Tensor, b: Tensor) =>
    tf.tidy(() => {
      const update = tf.mul(tf.matMul(b as never, a as never), adapter.scale);
      return toPrecision(tf.add(toPrecision(weight, "float32"), update), precisionOf(weight));
    });
  const layers = model.layers.map((layer, i) => {
    const pairs = Object.entries(adapter.layers[i] ?? {}) as [Projection, { a: Tensor; b: Tensor }][];
    return { ...layer, ...Object.fromEntries(pairs.map(([name, { a, b }]) => [name, merge(layer[name], a, b)])) };
  });
  return { ...model, layers };
}

/** An adapter with random factors, for tests of its maths. */
export function randomAdapter(model: ChameleonConfig, config: LoraConfig, seed: number): LoraAdapter {
  const adapter = createAdapter(model, config, seed);
  const tensors = [...adapterTensors(adapter).values()].map((tensor, i) =>
    tf.tidy(() => tf.mul(normal(tensor.shape, seedTensor(seed, i)), 0.1))
  );
  disposeAdapter(adapter);
  return withAdapterTensors(adapter, tensors);
}

function adapterName(layer: number, projection: Projection): string {
  const part = ["gate_proj", "up_proj", "down_proj"].includes(projection) ? "mlp" : "self_attn";
  return `base_model.model.model.layers.${layer}.${part}.${projection}`;
}

function checkAdapter(
  folder: string,
  stored: ReadonlyMap<string, StoredTensor>,
  model: ChameleonConfig,
  targets: readonly Projection[],
  rank: number,
): void {
  const wanted = new Map<string, readonly number[]>();
  for (let layer = 0; layer < model.layers; layer++) {
    for (const projection of targets) {
      const [out, input] = projectionShape(model, projection);
      wanted.set(`${adapterName(layer, projection)}.lora_A.weight`, [rank, input]);
      wanted.set(`${adapterName(layer, projection)}.lora_B.weight`, [out, rank]);
    }
  }
  const problems = differences(stored, wanted);
  if (problems.length > 0) {
    throw new UserError(`Cannot use the adapter ${folder} with this base: ${listed(problems)}. Give the base that it was trained on`);
  }
}

/** What is missing, extra or of another shape, one phrase each. */
export function differences(
  stored: ReadonlyMap<string, StoredTensor>,
  wanted: ReadonlyMap<string, readonly number[]>,
  mayMiss: (name: string) => boolean = () => false,
): string[] {
  const problems: string[] = [];
  for (const [name, shape] of wanted) {
    const found = stored.get(name);
    if (!found) {
      if (!mayMiss(name)) problems.push(`"${name}" is missing`);
    } else if (`${found.shape}` !== `${shape}`) problems.push(`"${name}" has shape [${found.shape}], wanted [${shape}]`);
    else if (!["F32", "F16", "BF16"].includes(found.dtype)) problems.push(`"${name}" is ${found.dtype}, wanted F32, F16 or BF16`);
  }
  for (const name of stored.keys()) if (!wanted.has(name)) problems.push(`"${name}" is not known`);
  return problems;
}

/** The first few of many. */
export function listed(items: readonly string[], most = 8): string {
  return items.length <= most ? items.join("; ") : `${items.slice(0, most).join("; ")}; and ${items.length - most} more`;
}

/** Reads a stored tensor into the engine. */
export function readTensor(stored: StoredTensor): Tensor {
  return tensorOfBytes(stored.shape, stored.dtype as "F32", (memory) => readInto(stored, memory));
}
