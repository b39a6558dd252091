/**
 * A fair queue: everybody's first comes before anybody's second, and what can be done together is taken together.
 *
 * @module
 */

/** What waits. */
export interface Waiting {
  /** Whose it is. */
  readonly person: string;
  /** Which of that person's trees it is of: those of one person are fair to each other too. */
  readonly tree: string;
  /** What has the same kind can be done together. */
  readonly kind: string;
}

/** A queue. */
export interface FairQueue<T extends Waiting> {
  /** Puts something at the end of its tree's own. */
  add(item: T): void;
  /** Takes the next one, and those of its kind after it, so many at most. */
  take(most: number): T[];
  /** Takes something out; whether it was still waiting. */
  remove(item: T): boolean;
  /** All that wait, the next first. */
  waiting(): readonly T[];
}

/** An order of turns. */
interface Turns<T> {
  add(item: T): void;
  /** Takes out what is served. */
  serve(items: readonly T[]): void;
  remove(item: T): boolean;
  waiting(): readonly T[];
}

/**
 * Everybody's first before anybody's second. Each that waits has a round: one more than that of its owner's last, whether that waits or was
 * served, so that nobody is passed by for ever; but never less than the round that is being served, so that nobody saves up.
 */
function turns<T>(ownerOf: (item: T) => string): Turns<T> {
  let entries: readonly { readonly item: T; readonly round: number }[] = []; // the next first
  let served = 0;
  const last = new Map<string, number>(); // rounds in which owners were served; those before the served one say nothing
  const drop = (items: ReadonlySet<T>) => void (entries = entries.filter(({ item }) => !items.has(item)));
  return {
    add(item) {
      const own = entries.findLast((entry) => ownerOf(entry.item) === ownerOf(item));
      const round = Math.max(served, (own?.round ?? last.get(ownerOf(item)) ?? -1) + 1);
      const place = entries.findLastIndex((entry) => entry.round <= round) + 1;
      entries = entries.toSpliced(place, 0, { item, round });
    },
    serve(items) {
      const taken = new Set(items);
      served = entries[0]!.round;
      for (const { item, round } of entries) if (taken.has(item)) last.set(ownerOf(item), round);
      for (const [owner, round] of last) if (round < served) last.delete(owner);
      drop(taken);
    },
    remove(item) {
      const before = entries.length;
      drop(new Set([item]));
      return entries.length < before;
    },
    waiting: () => entries.map(({ item }) => item),
  };
}

const MANY = 1000; // people, after which those who wait for nothing are forgotten

/**
 * Opens an empty queue. People take turns, and within a person's turns that person's trees do: with many trees nobody has more turns.
 *
 * @returns the queue
 *
 * @example The second of one person comes after the first of another, whatever tree it is of
 * ```ts
 * import { fairQueue } from "./queue.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = fairQueue();
 * for (const [person, tree] of [["a", "1"], ["a", "2"], ["b", "3"]] as const) queue.add({ person, tree, kind: "draw" });
 * assertEquals(queue.waiting().map(({ person }) => person), ["a", "b", "a"]);
 * ```
 */
export function fairQueue<T extends Waiting>(): FairQueue<T> {
  const people = turns<{ readonly person: string }>(({ person }) => person); // a turn for each that waits
  const own = new Map<string, Turns<T>>();
  const waiting = () => {
    const left = new Map([...own].map(([person, { waiting }]) => [person, waiting().values()]));
    return people.waiting().map(({ person }) => left.get(person)!.next().value!);
  };
  const forget = () => {
    for (const [person, { waiting }] of own) if (waiting().length === 0) own.delete(person);
  };
  return {
    add(item) {
      if (own.size > MANY) forget();
      if (!own.has(item.person)) own.set(item.person, turns(({ tree }) => tree));
      own.get(item.person)!.add(item);
      people.add({ person: item.person });
    },
    take(most) {
      const [slots, items] = [people.waiting(), waiting()];
      const taken = items.filter(({ kind }) => kind === items[0]!.kind).slice(0, most);
      if (taken.length === 0) return [];
      people.serve(taken.map((item) => slots[items.indexOf(item)]!));
      for (const [person, theirs] of Map.groupBy(taken, ({ person }) => person)) own.get(person)!.serve(theirs);
      return taken;
    },
    remove(item) {
      if (!own.get(item.person)?.remove(item)) return false;
      return people.remove(people.waiting().findLast(({ person }) => person === item.person)!); // the others move up
    },
    waiting,
  };
}
