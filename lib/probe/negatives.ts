/**
 * Manipulated trajectories that a good model should find less likely than the true one (paper §2).
 *
 * @module
 */
import { permutation, randomStream } from "../engine/mod.ts";
import type { EncodedTrajectory } from "../trajectories/token_cache.ts";

/** The paper's manipulations: two of the action, two of the observations. */
export const NEGATIVES = ["random", "counterfactual", "copy", "inverse"] as const;
/** A manipulation's name. */
export type Negative = typeof NEGATIVES[number];

/** What a model scores: two images as codes, and an action. */
export interface ScoredTransition {
  /** The image before. */
  readonly source: ArrayLike<number>;
  /** The action. */
  readonly action: string;
  /** The image after. */
  readonly target: ArrayLike<number>;
}

/**
 * The manipulations of each trajectory.
 *
 * - random: the action of another trajectory of the subset
 * - counterfactual: an action that contradicts the true one, where one is known
 * - copy: the source in the target's place
 * - inverse: source and target exchanged
 *
 * @param items true trajectories
 * @param counterfactuals contradicting actions by trajectory id
 * @param seed of the random actions
 * @returns for each trajectory what could be made; a subset of one action has no random one
 *
 * @example The copy has its source for a target
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const [negatives] = ws.probe.negativesOf(encoded, new Map(), 1);
 * assertEquals(negatives!.copy!.target, encoded[0]!.source);
 * ```
 */
export function negativesOf(
  items: readonly EncodedTrajectory[],
  counterfactuals: ReadonlyMap<string, string>,
  seed: number,
): Partial<Record<Negative, ScoredTransition>>[] {
  return items.map(({ source, target, trajectory: { id, action, subset } }) => {
    const others = items.map(({ trajectory }) => trajectory).filter((other) => other.subset === subset && other.action !== action);
    const random = others[permutation(randomStream("random action", seed, id), others.length)[0] ?? 0]?.action;
    const counterfactual = counterfactuals.get(id);
    return {
      ...(random !== undefined && { random: { source, action: random, target } }),
      ...(counterfactual !== undefined && { counterfactual: { source, action: counterfactual, target } }),
      copy: { source, action, target: source },
      inverse: { source: target, action, target: source },
    };
  });
}
