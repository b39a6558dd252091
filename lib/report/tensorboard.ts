/**
 * TensorBoard's event files, written by hand: a TFRecord of small protocol buffers an event.
 *
 * @module
 */
import { writeFile } from "../files.ts";

/** A scalar of a step. */
export interface Scalar {
  /** The step. */
  readonly step: number;
  /** Its name. */
  readonly tag: string;
  /** Its value. */
  readonly value: number;
}

/**
 * Writes an event file that TensorBoard reads.
 *
 * @param folder the log folder
 * @param scalars all scalars
 */
export function writeTensorBoard(folder: string, scalars: readonly Scalar[]): void {
  const version = event(0, field(3, new TextEncoder().encode("brain.Event:2")));
  const events = scalars.map(({ step, tag, value }) => {
    const summary = [...field(1, new TextEncoder().encode(tag)), 0x15, ...new Uint8Array(new Float32Array([value]).buffer)];
    return event(step, field(5, field(1, summary)));
  });
  writeFile(`${folder}/events.out.tfevents.0.worldstrap`, Uint8Array.from([version, ...events].flatMap((e) => [...record(e)])));
}

function event(step: number, content: Iterable<number>): number[] {
  const wallTime = new Uint8Array(new Float64Array([step]).buffer); // the step: equal runs write equal files
  return [0x09, ...wallTime, 0x10, ...varint(step), ...content];
}

function field(number: number, bytes: ArrayLike<number> & Iterable<number>): number[] {
  return [number << 3 | 2, ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return [...bytes, value];
}

function record(data: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(12 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(bytes.subarray(12, 12 + data.length)), true);
  return bytes;
}

/** TFRecord's masked CRC-32C. */
function masked(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc >>> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc >>> 0;
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}
