/**
 * The mixture that a model is trained on: several lists as one, subsets that are too many drawn from.
 *
 * @module
 */
import { permutation, randomStream } from "../engine/mod.ts";
import type { Trajectory, TrajectoryList } from "./trajectory.ts";

/**
 * Several lists as one; a name that comes twice gets the list's number.
 *
 * @param lists one after the other
 * @returns their trajectories and problems
 *
 * @example A name that comes twice is told apart
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const list = { trajectories: ws.worldTrajectories("easy", 1, "train", 1), problems: [] };
 * const ids = ws.trajectories.joinLists([list, list]).trajectories.map(({ id }) => id);
 * assertEquals(ids[1], `${ids[0]}@1`);
 * ```
 */
export function joinLists(lists: readonly TrajectoryList[]): TrajectoryList {
  const seen = new Set<string>();
  const trajectories = lists.flatMap(({ trajectories }, number) =>
    trajectories.map((trajectory) => {
      const id = seen.has(trajectory.id) ? `${trajectory.id}@${number}` : trajectory.id;
      seen.add(id);
      return { ...trajectory, id };
    })
  );
  return { trajectories, problems: lists.flatMap(({ problems }) => problems) };
}

/**
 * Draws from subsets that are too many (paper A.8.1: Kubric downsampled to 10K), in the order given.
 *
 * @param trajectories of all subsets
 * @param most how many of a subset are kept; subsets that are not named stay whole
 * @param seed of the choice
 * @returns what is kept, in its order
 *
 * @example One of two subsets is cut to two
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (subset: string) => ({ subset }) as ws.trajectories.Trajectory;
 * const kept = ws.trajectories.downsample([of("kubric"), of("ag"), of("kubric"), of("kubric")], { kubric: 2 }, 1);
 * assertEquals(kept.filter(({ subset }) => subset === "kubric").length, 2);
 * assertEquals(kept.length, 3);
 * ```
 */
export function downsample<T extends Trajectory>(trajectories: readonly T[], most: Readonly<Record<string, number>>, seed: number): T[] {
  const dropped = new Set<number>();
  for (const [subset, kept] of Object.entries(most)) {
    const own = trajectories.flatMap((trajectory, i) => trajectory.subset === subset ? [i] : []);
    const order = permutation(randomStream("downsample", seed, subset), own.length);
    for (const place of order.slice(kept)) dropped.add(own[place]!);
  }
  return trajectories.filter((_, i) => !dropped.has(i));
}

/**
 * Holds some of a training's trajectories out, at random, to measure the loss on what is not trained on.
 *
 * @param items all of them
 * @param share of them that is held out; above 0 at least one, and never all
 * @param seed of the choice
 * @param originalOf what an item is or is a copy of: copies of one original are on the same side
 * @returns both parts, each in the order given
 *
 * @example A quarter of eight
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { trained, held } = ws.trajectories.holdOut([1, 2, 3, 4, 5, 6, 7, 8], 0.25, 1);
 * assertEquals([trained.length, held.length], [6, 2]);
 * ```
 */
export function holdOut<T>(
  items: readonly T[],
  share: number,
  seed: number,
  originalOf: (item: T) => unknown = (item) => item,
): { trained: readonly T[]; held: readonly T[] } {
  if (share === 0) return { trained: items, held: [] };
  const originals = [...new Set(items.map(originalOf))];
  const count = Math.min(originals.length - 1, Math.max(1, Math.round(share * originals.length)));
  const out = new Set(permutation(randomStream("validation", seed), originals.length).slice(0, count).map((i) => originals[i]));
  return { trained: items.filter((item) => !out.has(originalOf(item))), held: items.filter((item) => out.has(originalOf(item))) };
}
