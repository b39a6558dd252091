/**
 * How far predicted pictures are from their targets (paper A.3), by two protocols. `paper` compares at the target's own size,
 * so a model that sees a square crop is punished for what it never saw; `aligned` compares what the model sees.
 *
 * @module
 */
import { randomInt, randomStream } from "../tensor/mod.ts";
import { resize, type RgbImage, squareCrop } from "../tokens/mod.ts";

/** The protocols. */
export const PROTOCOLS = ["paper", "aligned"] as const;
/** A protocol. */
export type Protocol = typeof PROTOCOLS[number];

/** What was computed, and how: numbers with equal signatures can be compared. */
export const L1_SIGNATURES: Readonly<Record<Protocol, string>> = {
  paper: "L1|mean |Δ| of RGB in 0 … 1|prediction resized to the target's size, Pillow's Lanczos",
  aligned: "L1|mean |Δ| of RGB in 0 … 1|target cropped to the square and resized to the prediction's size",
};

/**
 * L1 of a prediction: the mean absolute difference of the channels, 0 … 1.
 *
 * @param prediction the picture
 * @param target what should have been seen
 * @param protocol how both are framed
 *
 * @example White beside black
 * ```ts
 * import { l1Distance } from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (value: number) => ({ width: 2, height: 2, data: new Uint8Array(12).fill(value) });
 * assertEquals(l1Distance(of(255), of(0), "paper"), 1);
 * ```
 */
export function l1Distance(prediction: RgbImage, target: RgbImage, protocol: Protocol): number {
  const square = protocol === "aligned" ? Math.min(prediction.width, prediction.height) : 0;
  const [a, b] = protocol === "aligned"
    ? [squareCrop(prediction, square), squareCrop(target, square)]
    : [resize(prediction, target.width, target.height, "lanczos"), target];
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length / 255;
}

/** A mean with its interval. */
export interface Estimate {
  /** The mean. */
  readonly mean: number;
  /** How many values there are. */
  readonly n: number;
  /** 95 % interval by the bootstrap (Efron 1979), 2,000 draws, seeded. */
  readonly interval: readonly [number, number];
}

/** The mean of values with its bootstrap interval. */
export function estimate(values: readonly number[]): Estimate {
  const random = randomStream("bootstrap", values.length);
  const mean = (pick: (i: number) => number) => values.reduce((sum, _, i) => sum + pick(i), 0) / values.length;
  const means = Array.from({ length: DRAWS }, () => mean(() => values[randomInt(random, values.length)]!)).sort((a, b) => a - b);
  return { mean: mean((i) => values[i]!), n: values.length, interval: [means[DRAWS * 0.025]!, means[DRAWS * 0.975 - 1]!] };
}

const DRAWS = 2000;

/**
 * The probability that a mean difference of paired values this large comes by chance: signs of the differences exchanged at
 * random, 2,000 times (Fisher's permutation test), two-sided.
 *
 * @param a values of one system
 * @param b values of the other on the same items
 */
export function pairedTest(a: readonly number[], b: readonly number[]): number {
  const differences = a.map((value, i) => value - b[i]!);
  const seen = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  const random = randomStream("paired test", a.length);
  const asLarge =
    Array.from({ length: DRAWS }, () => Math.abs(differences.reduce((sum, value) => sum + (random() < 0.5 ? value : -value), 0)))
      .filter((sum) => sum >= seen - 1e-12).length;
  return (asLarge + 1) / (DRAWS + 1);
}
