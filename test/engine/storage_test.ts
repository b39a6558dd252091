import { dispose, randomStream, tf, toPrecision } from "../../lib/engine/mod.ts";
import { bytesOfTensor, STORED_BYTES, tensorOfBytes } from "../../lib/engine/storage.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();

/** A number rounded to bfloat16 by trying both neighbours: the nearer one, of two as near the one with an even last bit. */
function nearestBfloat16(value: number): number {
  const [float, bits] = [new Float32Array([value]), new Uint32Array(1)];
  bits.set(new Uint32Array(float.buffer));
  const below = (bits[0]! & 0xffff0000) >>> 0;
  const number = (word: number) => new Float32Array(new Uint32Array([word]).buffer)[0]!;
  const [a, b] = [Math.abs(value - number(below)), Math.abs(number(below + 0x10000) - value)];
  const up = b < a || a === b && (below >>> 16) % 2 === 1;
  return up ? number(below + 0x10000) : number(below);
}

Deno.test("tensorOfBytes() and bytesOfTensor() undo each other, bit by bit", () =>
  withoutLeaks(() => {
    const values = Float32Array.of(1.5, -0, 3.14159274, 1e-40, -Infinity, 65504);
    for (const type of ["F32", "BF16"] as const) {
      const bytes = new Uint8Array(values.length * STORED_BYTES[type]);
      if (type === "F32") bytes.set(new Uint8Array(values.buffer));
      else new Uint16Array(bytes.buffer).set([0x3fc0, 0x8000, 0x4049, 0x0001, 0xff80, 0x477f]);
      const tensor = tensorOfBytes([2, 3], type, (memory) => memory.set(bytes));
      assertEquals([tensor.shape, bytesOfTensor(tensor, type)], [[2, 3], bytes], type);
      tensor.dispose();
    }
  }));

Deno.test("tensorOfBytes() widens halves and bfloat16 to the numbers that they are", () =>
  withoutLeaks(() => {
    const of = (type: "F16" | "BF16", words: number[]) => [...take(tensorOfBytes([words.length], type, (memory) =>
      new Uint16Array(memory.buffer, memory.byteOffset, words.length).set(words)))];
    assertEquals(of("F16", [0x3c00, 0xc000, 0x7bff, 0x0001]), [1, -2, 65504, 2 ** -24]); // IEEE 754 binary16
    assertEquals(of("BF16", [0x3f80, 0xc000, 0x4049]), [1, -2, 3.140625]);
  }));

Deno.test("bytesOfTensor() rounds float32 to the nearest bfloat16, ties to even, as the engine's cast does", () =>
  withoutLeaks(() => {
    const random = randomStream("bfloat16");
    const values = [1.00390625, 1.01171875, -1.00390625, ...Array.from({ length: 300 }, () => (random() - 0.5) * 10 ** (6 * random() - 3))]
      .map(Math.fround);
    const tensor = tf.tensor1d(values);
    const words = new Uint16Array(bytesOfTensor(tensor, "BF16").buffer);
    const numbers = Array.from(words, (word) => new Float32Array(new Uint32Array([word << 16]).buffer)[0]!);
    assertEquals(numbers, values.map(nearestBfloat16));
    const narrow = toPrecision(tensor, "bfloat16");
    if (activeBinding()) assertEquals(bytesOfTensor(narrow, "BF16"), new Uint8Array(words.buffer));
    dispose([tensor, narrow]);
  }));

Deno.test("bytesOfTensor() keeps what is not a number, and overflows to infinity", () =>
  withoutLeaks(() => {
    const tensor = tf.tensor1d([NaN, 3.4e38, -3.4e38]);
    assertEquals([...new Uint16Array(bytesOfTensor(tensor, "BF16").buffer)], [0x7fc0, 0x7f80, 0xff80]);
    tensor.dispose();
  }));
