/**
 * The few bytes of protocol buffers that TensorFlow's C API takes where it has no function: fields by their numbers.
 *
 * @module
 */

/** A whole number. */
export function int(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)];
}

/** A flag. */
export function bool(field: number, value: boolean): number[] {
  return int(field, value ? 1 : 0);
}

/** A text. */
export function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}

/** A message of other fields. */
export function message(field: number, fields: readonly number[]): number[] {
  return [...varint(field << 3 | 2), ...varint(fields.length), ...fields];
}

function varint(value: number): number[] {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return [...bytes, value];
}
