/**
 * Randomness with a seed, and nowhere else: the same seed gives the same numbers, inside compiled functions too.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { AttrKind } from "./graph.ts";
import { DType } from "./capi.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { type Tensor, tf } from "./tf.ts";

/** A stream of numbers in [0, 1). */
export type Random = () => number;

/**
 * A random stream for JavaScript code: sfc32 (Chris Doty-Humphrey's small fast counter), seeded by hashing.
 *
 * @param seed numbers or strings that name the stream; other seeds give streams that have nothing in common
 * @returns a function that gives the next number
 *
 * @example Two streams of one seed are equal
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.engine.randomStream(7, "scene")(), ws.engine.randomStream(7, "scene")());
 * ```
 */
export function randomStream(...seed: readonly (number | string)[]): Random {
  let [a, b, c] = [0, 1, 2].map((salt) => hash(`${salt}/${seed.join("/")}`)) as [number, number, number];
  let counter = 1;
  const next = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21 | c >>> 11) + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next(); // mixes the seed
  return next;
}

/**
 * A whole number in [0, `below`).
 *
 * @param random the stream to draw from
 * @param below one more than the largest
 * @returns a whole number, 0 … below − 1
 *
 * @example A die
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const random = ws.engine.randomStream("die", 1);
 * const thrown = 1 + ws.engine.randomInt(random, 6);
 * assert(thrown >= 1 && thrown <= 6);
 * ```
 */
export function randomInt(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/** One of the items. */
export function pick<T>(random: Random, items: readonly T[]): T {
  if (items.length === 0) throw new UserError("Cannot pick one of no items");
  return items[randomInt(random, items.length)]!;
}

/**
 * The numbers 0 … n−1 in random order (Fisher–Yates).
 *
 * @param random the stream to draw from
 * @param n how many
 * @returns 0 … n − 1 in random order
 *
 * @example Each number once
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const order = ws.engine.permutation(ws.engine.randomStream("order", 1), 4);
 * assertEquals(order.toSorted(), [0, 1, 2, 3]);
 * ```
 */
export function permutation(random: Random, n: number): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = randomInt(random, i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * A seed for a tensor function: two whole numbers, hashed from whatever names the draw.
 *
 * @param seed names and numbers
 * @returns the seed of a draw, [2] int32
 *
 * @example Other names, other seeds
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const [a, b] = [ws.engine.seedTensor("dropout", 1), ws.engine.seedTensor("dropout", 2)];
 * assert(a.dataSync().join() !== b.dataSync().join());
 * ```
 */
export function seedTensor(...seed: readonly (number | string)[]): Tensor {
  return tf.tensor1d(seedNumbers(...seed), "int32");
}

/** The two whole numbers of a {@linkcode seedTensor}. */
export function seedNumbers(...seed: readonly (number | string)[]): [number, number] {
  return [hash(`a/${seed.join("/")}`) | 0, hash(`b/${seed.join("/")}`) | 0];
}

/**
 * Uniform numbers in [0, 1) that depend on the seed's values alone: a counter, mixed twice by MurmurHash3's finaliser.
 * TensorFlow's own stateless generators take twenty times as long under XLA on a CPU.
 *
 * @param shape the shape wanted
 * @param seed `[2]` int32; inside compiled functions it is an input like any other
 * @returns float32 numbers in steps of 2⁻²⁴, the same ones on every backend
 *
 * @example Equal seeds, equal numbers
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const draw = () => ws.engine.uniform([3], ws.engine.seedTensor("example", 1)).dataSync().join();
 * assertEquals(draw(), draw());
 * ```
 */
export function uniform(shape: readonly number[], seed: Tensor): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return tf.reshape(uniformRows(count, tf.reshape(seed, [1, 2])), [...shape]);
}

/** Rows of uniform numbers, each from its own seed: row i is `uniform([columns], seeds[i])`. seeds: [B, 2] int32 → [B, columns] */
export function uniformRows(columns: number, seeds: Tensor): Tensor {
  const rows = seeds.shape[0]!;
  if (!activeBinding()) {
    const [values, drawn] = [seeds.dataSync() as Int32Array, new Float32Array(rows * columns)];
    for (let row = 0; row < rows; row++) {
      drawOnHost(drawn.subarray(row * columns, (row + 1) * columns), values.subarray(2 * row, 2 * row + 2));
    }
    return tf.tensor2d(drawn, [rows, columns]);
  }
  const [first, second] = tf.split(seeds, 2, 1) as [Tensor, Tensor]; // [B, 1]
  const mixed = mix(bitwise("BitwiseXor", mix(tf.add(tf.range(0, columns, 1, "int32"), first)), second)); // [B, columns]
  const top = bitwise("BitwiseAnd", bitwise("RightShift", mixed, int(8)), int(0xffffff)); // 24 bits fit a float32
  return tf.mul(tf.cast(top, "float32"), 2 ** -24);
}

const MIX = [[16, 0x85ebca6b | 0], [13, 0xc2b2ae35 | 0]] as const; // MurmurHash3's fmix32: shifts and factors

function drawOnHost(to: Float32Array, [first, second]: Int32Array): void {
  const mixHost = (h: number) => {
    for (const [shift, factor] of MIX) h = Math.imul(h ^ (h >>> shift), factor);
    return h ^ (h >>> 16);
  };
  for (let i = 0; i < to.length; i++) to[i] = (mixHost(mixHost((i + first!) | 0) ^ second!) >>> 8) * 2 ** -24;
}

function mix(h: Tensor): Tensor {
  const fold = (x: Tensor, shift: number) => {
    const shifted = bitwise("RightShift", x, int(shift)); // arithmetic: the mask makes it logical
    return bitwise("BitwiseXor", x, bitwise("BitwiseAnd", shifted, int(2 ** (32 - shift) - 1)));
  };
  return fold(MIX.reduce((x, [shift, factor]) => tf.mul(fold(x, shift), int(factor)), h), 16);
}

function int(value: number): Tensor {
  return tf.scalar(value, "int32");
}

function bitwise(name: "BitwiseXor" | "BitwiseAnd" | "RightShift", a: Tensor, b: Tensor): Tensor {
  const { binding } = kernelBackend();
  const [result] = binding.executeOp(name, [{ name: "T", type: AttrKind.TYPE, value: DType.INT32 }], inputIds([a, b]), 1);
  return kernelBackend().createOutputTensor(result!);
}

/**
 * Normal numbers by the Box–Muller transform of {@linkcode uniform} ones.
 *
 * @param shape of the tensor
 * @param seed from `seedTensor`
 * @returns normally distributed numbers, mean 0, deviation 1
 *
 * @example About half lie below zero
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const values = ws.engine.normal([1000], ws.engine.seedTensor("example", 1)).dataSync();
 * assert(Math.abs(values.filter((value) => value < 0).length - 500) < 60);
 * ```
 */
export function normal(shape: readonly number[], seed: Tensor): Tensor {
  return tf.tidy(() => {
    const [u, v] = tf.unstack(uniform([2, ...shape], seed)) as [Tensor, Tensor];
    const radius = tf.sqrt(tf.mul(-2, tf.log(tf.sub(1, u)))); // 1 − u is never 0
    return tf.mul(radius, tf.cos(tf.mul(2 * Math.PI, v)));
  });
}

/** FNV-1a with a final avalanche (MurmurHash3's). */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
