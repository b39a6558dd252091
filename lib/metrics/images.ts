/**
 * How far predicted pictures are from their targets (paper A.3), by two protocols. `paper` compares at the target's own size,
 * so a model that sees a square crop is punished for what it never saw; `aligned` compares what the model sees.
 *
 * @module
 */
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
 * @returns 0 for equal pictures, 1 for white beside black
 *
 * @example White beside black
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (value: number) => ({ width: 2, height: 2, data: new Uint8Array(12).fill(value) });
 * assertEquals(ws.metrics.l1Distance(of(255), of(0), "paper"), 1);
 * ```
 */
export function l1Distance(prediction: RgbImage, target: RgbImage, protocol: Protocol): number {
  const [a, b] = protocol === "aligned"
    ? alignedPair(prediction, target)
    : [resize(prediction, target.width, target.height, "lanczos"), target];
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length / 255;
}

/**
 * A prediction and another picture of the same scene, framed alike: the middle square of both, at the prediction's resolution.
 *
 * @param prediction the picture
 * @param other its source or target, of any size
 * @returns both as squares of the prediction's shorter side
 *
 * @example A wide source beside a square prediction
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (width: number, height: number) => ({ width, height, data: new Uint8Array(3 * width * height) });
 * assertEquals(ws.metrics.alignedPair(of(2, 2), of(8, 4)).map(({ width, height }) => [width, height]), [[2, 2], [2, 2]]);
 * ```
 */
export function alignedPair(prediction: RgbImage, other: RgbImage): [RgbImage, RgbImage] {
  const side = Math.min(prediction.width, prediction.height);
  return [squareCrop(prediction, side), squareCrop(other, side)];
}
