/**
 * Element types as TensorFlow.js sees them and as they are: bfloat16 is shown as float32, uint16 as int32.
 *
 * @module
 */
import { DType } from "./capi.ts";
import { AttrKind, type OpAttr } from "./graph.ts";

/** Values that a tensor can be made from. */
export type TensorValues = Float32Array | Int32Array | Uint8Array | readonly number[] | readonly boolean[];

/** The element type that TensorFlow.js is shown. */
export function shown(dtype: number): number {
  if (dtype === DType.UINT16) return DType.INT32;
  return dtype === DType.BFLOAT16 ? DType.FLOAT : dtype;
}

/** A type attribute that says FLOAT, saying BFLOAT16. */
export function retype(attr: OpAttr): OpAttr {
  return attr.type === AttrKind.TYPE && attr.value === DType.FLOAT ? { ...attr, value: DType.BFLOAT16 } : attr;
}

/** Attributes of which one says BFLOAT16 where it said FLOAT. */
export function retyped(attrs: readonly OpAttr[], only: string): OpAttr[] {
  return attrs.map((attr) => attr.name === only ? retype(attr) : attr);
}

/** Values as the bytes of a tensor; those of bfloat16 are bytes already. */
export function valueBytes(dtype: number, values: TensorValues): Uint8Array {
  if (dtype === DType.BFLOAT16 && values instanceof Uint8Array) return values; // raw bytes
  const typed = dtype === DType.BOOL
    ? Uint8Array.from(values as readonly number[], (value) => value ? 1 : 0)
    : dtype === DType.FLOAT
    ? values instanceof Float32Array ? values : Float32Array.from(values as readonly number[])
    : dtype === DType.INT32
    ? values instanceof Int32Array ? values : Int32Array.from(values as readonly number[])
    : values;
  if (!ArrayBuffer.isView(typed)) throw new TypeError(`Cannot make a tensor of element type ${dtype} from an array`);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}
