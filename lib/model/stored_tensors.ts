/**
 * Tensors of a safetensors file: checked against what is wanted, then read into the engine.
 *
 * @module
 */
import { quoted } from "../errors.ts";
import { STORED_BYTES, type StoredType, type Tensor } from "../engine/mod.ts";
import { type MappedFile, rangeOf } from "../engine/mapped.ts";
import { tensorOfBytes, tensorOfFile } from "../engine/storage.ts";
import { readInto, type StoredTensor } from "./safetensors.ts";

/**
 * Compares the tensors of a file with those that are wanted.
 *
 * @param stored what the file holds, by name
 * @param wanted shapes by name
 * @param mayMiss whether a tensor may be absent; none may by default
 * @returns one phrase for each tensor that is missing, unknown, of another shape or of an element type that is not read
 */
export function differences(
  stored: ReadonlyMap<string, Pick<StoredTensor, "shape" | "dtype">>,
  wanted: ReadonlyMap<string, readonly number[]>,
  mayMiss: (name: string) => boolean = () => false,
): string[] {
  const problems: string[] = [];
  for (const [name, shape] of wanted) {
    const found = stored.get(name);
    if (!found) {
      if (!mayMiss(name)) problems.push(`${quoted(name)} is missing`);
    } else if (`${found.shape}` !== `${shape}`) problems.push(`${quoted(name)} has shape ${quoted(found.shape)}, wanted [${shape}]`);
    else if (!isReadable(found.dtype)) problems.push(`${quoted(name)} is ${found.dtype}, wanted F32, F16 or BF16`);
  }
  for (const name of stored.keys()) if (!wanted.has(name)) problems.push(`${quoted(name)} is not known`);
  return problems;
}

/** The first few items of a list, and how many more there are. */
export function listed(items: readonly string[], most = 8): string {
  return items.length <= most ? items.join("; ") : `${items.slice(0, most).join("; ")}; and ${items.length - most} more`;
}

/**
 * Reads a stored tensor into the engine.
 *
 * @param stored a tensor that {@linkcode differences} has nothing to say about
 * @param file its file in memory; bytes that are aligned for TensorFlow are then not copied
 * @returns a tensor of the stored shape; bfloat16 stays bfloat16 where the engine has it, all else becomes float32
 */
export function readTensor({ dtype, ...stored }: StoredTensor, file?: MappedFile): Tensor {
  if (!isReadable(dtype)) throw new TypeError(`Cannot read elements of type ${dtype}`);
  const mapped = file && tensorOfFile(stored.shape, dtype, rangeOf(file, stored.begin, stored.size));
  if (mapped) return mapped;
  return tensorOfBytes(stored.shape, dtype, (memory) => readInto({ dtype, ...stored }, memory));
}

/** Whether elements of a type are read as weights. */
export function isReadable(dtype: string): dtype is StoredType {
  return Object.hasOwn(STORED_BYTES, dtype);
}
