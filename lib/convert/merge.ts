/**
 * A base and its adapter as one checkpoint: the base's files, one after the other, with other bytes where the adapter has factors.
 *
 * @module
 */
import { bytesOfTensor } from "../engine/storage.ts";
import { dispose } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { type ChameleonConfig, PROJECTIONS } from "../model/config.ts";
import { type LoraAdapter, type LowRank, mergedWeight } from "../model/lora.ts";
import { weightName } from "../model/backbones.ts";
import { matrixName } from "../model/checkpoint.ts";
import { type OutgoingTensor, readInto, type StoredTensor } from "../model/safetensors.ts";
import { isReadable, readTensor } from "../model/stored_tensors.ts";

/** A file of weights, and what it holds once it is merged. */
export interface MergedFile {
  /** Its name in the base's folder. */
  readonly name: string;
  /** Its tensors in their order, read and merged when they are written. */
  readonly tensors: readonly OutgoingTensor[];
}

/**
 * The base's files of weights with the adapter merged into them. A sum is made in float32 and rounded once to the element type
 * that the base stores; all other tensors keep their bytes.
 *
 * @param config the base's shape
 * @param stored the base's tensors, by the names that they have on disk
 * @param adapter one that fits the base
 * @returns its files, each with the tensors that it had
 * @throws UserError when a tensor's element type is not one of weights
 */
export function mergedFiles(
  config: Pick<ChameleonConfig, "layers" | "backbone" | "prefix">,
  stored: ReadonlyMap<string, StoredTensor>,
  adapter: LoraAdapter,
): MergedFile[] {
  const factors = new Map<string, LowRank>();
  for (let i = 0; i < config.layers; i++) {
    for (const projection of PROJECTIONS) {
      const own = adapter.layers[i]?.[projection];
      if (own) factors.set(matrixName(`${config.prefix ?? "model"}.layers.${i}`, projection), own);
    }
  }
  const files = Map.groupBy(stored, ([, { path }]) => path);
  return [...files].map(([path, tensors]) => ({
    name: path.slice(path.lastIndexOf("/") + 1),
    tensors: tensors.flatMap(([name, tensor]) => {
      const known = weightName(config, name);
      return known === undefined ? [] : [outgoing(name, tensor, factors.get(known), adapter.scale)];
    }),
  }));
}

function outgoing(name: string, stored: StoredTensor, factors: LowRank | undefined, scale: number): OutgoingTensor {
  const { dtype, shape, path } = stored;
  if (!isReadable(dtype)) throw new UserError(`Cannot merge into "${name}" of ${path}: it is ${dtype}, wanted F32, F16 or BF16`);
  return { name, dtype, shape, bytes: () => factors ? mergedBytes(stored, dtype, factors, scale) : bytesOfStored(stored) };
}

function mergedBytes(stored: StoredTensor, dtype: "F32" | "BF16" | "F16", factors: LowRank, scale: number): Uint8Array {
  const weight = readTensor(stored); // [out, in]
  const merged = mergedWeight(weight, factors, scale); // [out, in]
  const bytes = bytesOfTensor(merged, dtype);
  dispose([weight, merged]);
  return bytes;
}

function bytesOfStored(stored: StoredTensor): Uint8Array {
  const bytes = new Uint8Array(stored.size);
  readInto(stored, bytes);
  return bytes;
}
