/**
 * A fair queue: everybody's first comes before anybody's second, and what can be done together is taken together.
 *
 * @module
 */

/** What waits. */
export interface Waiting {
  /** Whose it is. */
  readonly person: string;
  /** What has the same kind can be done together. */
  readonly kind: string;
}

/** A queue. */
export interface FairQueue<T extends Waiting> {
  /** Puts something at the end of its person's own. */
  add(item: T): void;
  /** Takes the next one, and those of its kind after it, so many at most. */
  take(most: number): T[];
  /** Takes something out; whether it was still waiting. */
  remove(item: T): boolean;
  /** All that wait, the next first. */
  waiting(): readonly T[];
}

/**
 * Opens an empty queue. Each that waits has a round: one more than that of its person's last, whether that waits or was taken, so that nobody
 * is passed by for ever; but never less than the round that is being served, so that nobody saves up.
 *
 * @returns the queue
 *
 * @example The second of one person comes after the first of another
 * ```ts
 * import { fairQueue } from "./queue.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = fairQueue();
 * for (const person of ["a", "a", "b"]) queue.add({ person, kind: "draw" });
 * assertEquals(queue.waiting().map(({ person }) => person), ["a", "b", "a"]);
 * ```
 */
export function fairQueue<T extends Waiting>(): FairQueue<T> {
  let entries: readonly { readonly item: T; readonly round: number }[] = []; // the next first
  let served = 0;
  const last = new Map<string, number>(); // rounds in which people were served; those before the served one say nothing
  const drop = (items: ReadonlySet<T>) => void (entries = entries.filter(({ item }) => !items.has(item)));
  return {
    add(item) {
      const own = entries.findLast((entry) => entry.item.person === item.person);
      const round = Math.max(served, (own?.round ?? last.get(item.person) ?? -1) + 1);
      const place = entries.findLastIndex((entry) => entry.round <= round) + 1;
      entries = entries.toSpliced(place, 0, { item, round });
    },
    take(most) {
      const [next] = entries;
      if (!next) return [];
      served = next.round;
      const taken = entries.filter(({ item }) => item.kind === next.item.kind).slice(0, most);
      for (const { item, round } of taken) last.set(item.person, round);
      for (const [person, round] of last) if (round < served) last.delete(person);
      drop(new Set(taken.map(({ item }) => item)));
      return taken.map(({ item }) => item);
    },
    remove(item) {
      const before = entries.length;
      drop(new Set([item]));
      return entries.length < before;
    },
    waiting: () => entries.map(({ item }) => item),
  };
}
