/**
 * A model's weights in one safetensors file, or in shards with an index, as Hugging Face lays them out.
 *
 * @module
 */
import { type Disk, exists, writeFile } from "../files.ts";
import { type OutgoingTensor, writeSafetensors } from "./safetensors.ts";

/** The largest shard, in bytes; a single tensor may be larger. */
export const SHARD_BYTES = 5e9;

/** How weights are written. */
export interface ShardOptions {
  /** The disk to write to. */
  readonly disk?: Disk | undefined;
  /** The largest shard, in bytes. */
  readonly shardBytes?: number;
  /** Whether shards that are there already stay: each is whole or absent, so a writing that was stopped goes on. */
  readonly resume?: boolean;
}

/**
 * Writes tensors, each asked for when it is written.
 *
 * @param folder where to
 * @param tensors in the order in which they are written
 * @param options size of the shards, and whether those that are there stay
 */
export function writeShards(folder: string, tensors: readonly OutgoingTensor[], options: ShardOptions = {}): void {
  const { disk, shardBytes = SHARD_BYTES, resume = false } = options;
  const shards = splitByBytes(tensors, shardBytes);
  const number = (n: number) => String(n).padStart(5, "0");
  const fileOf = (i: number) =>
    shards.length === 1 ? "model.safetensors" : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
  shards.forEach((shard, i) => {
    const path = `${folder}/${fileOf(i)}`;
    if (!(resume && exists(path))) writeSafetensors(path, shard, { format: "pt" }, disk);
  });
  if (shards.length === 1) return;
  const weightMap = Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, fileOf(i)])));
  const index = { metadata: { total_size: bytesOf(tensors) }, weight_map: weightMap };
  writeFile(`${folder}/model.safetensors.index.json`, JSON.stringify(index, null, 2) + "\n", disk);
}

/** Bytes that tensors take on disk. */
export function bytesOf(tensors: readonly Pick<OutgoingTensor, "shape" | "dtype">[]): number {
  const elementBytes = { F32: 4, I32: 4, BF16: 2, F16: 2 };
  return tensors.reduce((sum, { shape, dtype }) => sum + shape.reduce((a, b) => a * b, elementBytes[dtype]), 0);
}

function splitByBytes(tensors: readonly OutgoingTensor[], most: number): OutgoingTensor[][] {
  const shards: OutgoingTensor[][] = [[]];
  let size = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf([tensor]);
    if (size > 0 && size + bytes > most) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push(tensor);
    size += bytes;
  }
  return shards;
}
