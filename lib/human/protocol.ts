/**
 * Which items a study is made of: the paper's few, which every rater sees, or the whole bench spread over the raters.
 *
 * @module
 */
import { permutation, randomStream } from "../engine/random.ts";
import type { StudyItem } from "./study.ts";

/**
 * `paper` (§4.3, A.9): five items of each subset, the same 25 for all 14 raters, 350 votes, so that agreement can be measured. The paper
 * says that five examples a subset were sampled and that each participant evaluated 25; that these are the same 25 is our reading of it.
 * `spread`: all items, those with the fewest raters first, so that more of the bench is seen and hardly an item twice.
 */
export type Protocol = "paper" | "spread";

/**
 * The items of a study.
 *
 * @param items those that every system has a picture for
 * @param protocol the paper's, or all
 * @param perSubset items of each subset that a rater sees
 * @param seed of the paper's sample
 * @returns so many of each subset in the bench's order, or all
 *
 * @example Two of three
 * ```ts
 * import { studyItems } from "./protocol.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const items = ["a", "b", "c"].map((id) => ({ id, subset: "ag", action: "go" }));
 * assertEquals(studyItems(items, "paper", 2, 1).length, 2);
 * assertEquals(studyItems(items, "spread", 2, 1), items);
 * ```
 */
export function studyItems<Item extends StudyItem>(
  items: readonly Item[],
  protocol: Protocol,
  perSubset: number,
  seed: number,
): readonly Item[] {
  if (protocol === "spread") return items;
  const sampled = [...Map.groupBy(items, ({ subset }) => subset)].flatMap(([subset, own]) =>
    permutation(randomStream("study", "sample", seed, subset), own.length).slice(0, perSubset).map((i) => own[i]!)
  );
  const chosen = new Set(sampled);
  return items.filter((item) => chosen.has(item));
}
