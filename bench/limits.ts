/**
 * What this machine can do at most, as this engine reaches it.
 *
 * @module
 */
import { compile, type Tensor, tf, toPrecision } from "../lib/engine/mod.ts";

/** What a machine does at most. */
export interface Limits {
  /** Bytes a second that a bfloat16 matrix of 128 MiB is read with when it meets a vector. */
  readonly read: number;
  /** Operations a second of a bfloat16 product, 2048 rows by 4096². */
  readonly product: number;
}

/** Measures both: the best of a few tries. */
export function measureLimits(): Limits {
  const random = (rows: number, seed: number) => toPrecision(tf.randomNormal([rows, 4096], 0, 1, "float32", seed), "bfloat16") as Tensor;
  const product = compile((x: Tensor, w: Tensor) => tf.matMul(x as never, w as never, false, true) as Tensor);
  const time = (rows: number, columns: number) => {
    const [x, w] = [random(rows, 1), random(columns, 2)];
    const seconds = Math.min(...Array.from({ length: 5 }, () => {
      const start = performance.now();
      product(x, w).dispose();
      return (performance.now() - start) / 1000;
    }));
    tf.dispose([x, w] as never);
    return seconds;
  };
  return { read: 2 * 16384 * 4096 / time(1, 16384), product: 2 * 2048 * 4096 ** 2 / time(2048, 4096) };
}
