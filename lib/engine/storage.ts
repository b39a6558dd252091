/**
 * Tensors from stored bytes and back, without a copy in between where the engine allows it.
 *
 * @module
 */
import { DType } from "./capi.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { ALIGNMENT, type FileBytes } from "./mapped.ts";
import { type Tensor, tf } from "./tf.ts";

/** Element types of floating-point weights in files. */
export type StoredType = "F32" | "BF16" | "F16";

/** Bytes of one stored element. */
export const STORED_BYTES: Readonly<Record<StoredType, number>> = { F32: 4, BF16: 2, F16: 2 };

/**
 * Makes a tensor of stored bytes. With libtensorflow, `fill` writes straight into the memory where the tensor stays.
 *
 * @param shape the tensor's shape
 * @param type how the elements are stored
 * @param fill writes all bytes, little-endian
 * @returns float32 for F32 and F16; bfloat16 stays bfloat16 where the engine has it
 */
export function tensorOfBytes(
  shape: readonly number[],
  type: StoredType,
  fill: (memory: Uint8Array<ArrayBuffer>) => void,
): Tensor {
  const binding = activeBinding();
  if (!binding || type === "F16") {
    const bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1) * STORED_BYTES[type]);
    fill(bytes);
    return tf.tensor(widen(bytes, type), [...shape], "float32");
  }
  const id = binding.allocate(shape, type === "BF16" ? DType.BFLOAT16 : DType.FLOAT, fill);
  return kernelBackend().createOutputTensor({ id, shape: [...shape], dtype: DType.FLOAT });
}

/**
 * Makes a tensor of a mapped file's bytes, where they lie: no copy on the host.
 *
 * @param shape the tensor's shape
 * @param type how the elements are stored
 * @param bytes of the file
 * @returns the tensor, or undefined where a copy cannot be saved: the bytes are not aligned as TensorFlow needs them, or the
 *   engine does not have the type
 */
export function tensorOfFile(shape: readonly number[], type: StoredType, bytes: FileBytes): Tensor | undefined {
  const binding = activeBinding();
  if (!binding || type === "F16" || Deno.UnsafePointer.value(bytes.pointer) % ALIGNMENT !== 0n) return;
  const id = binding.adopt(shape, type === "BF16" ? DType.BFLOAT16 : DType.FLOAT, bytes);
  return kernelBackend().createOutputTensor({ id, shape: [...shape], dtype: DType.FLOAT });
}

/** The bytes of a tensor as F32, BF16 or F16 (rounded to nearest even). */
export function bytesOfTensor(tensor: Tensor, type: StoredType): Uint8Array<ArrayBuffer> {
  const binding = activeBinding();
  const [id] = binding ? inputIds([tensor]) : [];
  if (binding && type === "BF16" && binding.elementType(id!) === DType.BFLOAT16) return binding.tensorBytes(id!);
  const values = tensor.dataSync() as Float32Array;
  if (type === "F16") return new Uint8Array(Float16Array.from(values).buffer);
  return type === "F32" ? new Uint8Array(values.slice().buffer) : narrow(values);
}

function widen(bytes: Uint8Array<ArrayBuffer>, type: StoredType): Float32Array {
  if (type === "F32") return new Float32Array(bytes.buffer);
  if (type === "F16") return Float32Array.from(new Float16Array(bytes.buffer));
  const halves = new Uint16Array(bytes.buffer);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16; // bfloat16 is the upper half of float32
  return new Float32Array(bits.buffer);
}

function narrow(values: Float32Array): Uint8Array<ArrayBuffer> {
  const bits = new Uint32Array(values.slice().buffer);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    halves[i] = isNan ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return new Uint8Array(halves.buffer);
}
