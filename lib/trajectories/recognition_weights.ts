/**
 * Recognition weights: what changed between two images weighs more in the loss (paper §3.2).
 *
 * @module
 */

/** How distances become loss weights. */
export interface WeightOptions {
  /** `l2` takes the distances, `none` weighs all tokens alike. */
  readonly weights: "l2" | "none";
  /** `mean` scales an image's weights to mean 1. */
  readonly normalise: "mean" | "none";
  /** Share that all tokens carry alike. */
  readonly floor: number;
}

/**
 * Recognition weights of one target image (paper §3.2, equation 2). The paper states neither a normalisation nor a floor:
 * `normalise: "none"` with a floor of 0 is its equation to the letter, the distances themselves. Without a floor, tokens that
 * do not change get no gradient at all.
 *
 * @param distances squared L2 distance of features, by place
 * @param options normalisation and floor
 * @returns weights by place; with `normalise: "mean"` all 1 when nothing changes
 *
 * @example Half of the loss falls on the place that changed
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const weights = ws.trajectories.recognitionWeights([0, 3], { weights: "l2", normalise: "mean", floor: 0.5 });
 * assertEquals([...weights], [0.5, 1.5]);
 * ```
 */
export function recognitionWeights(distances: ArrayLike<number>, { weights, normalise, floor }: WeightOptions): Float32Array {
  const mean = Array.from(distances).reduce((a, b) => a + b, 0) / distances.length;
  if (weights === "none" || (mean === 0 && normalise === "mean")) return new Float32Array(distances.length).fill(1);
  const scale = normalise === "mean" ? 1 / mean : 1;
  return Float32Array.from(distances, (distance) => floor + (1 - floor) * distance * scale);
}
