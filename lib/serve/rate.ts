/**
 * How often somebody may ask: a bucket of tokens that fills up evenly.
 *
 * @module
 */

/** A limit on how often each of many may ask. */
export interface RateLimit {
  /** Takes one of somebody's; 0 when it was there, else the seconds after which it will be. */
  take(who: string): number;
}

/**
 * Opens a limit. Whoever has not asked for long enough to be full again is forgotten, so that memory stays flat.
 *
 * @param perMinute how many come back a minute
 * @param burst how many may be used at once
 * @param now milliseconds of a clock
 * @returns the limit
 *
 * @example Two at once, the third later
 * ```ts
 * import { rateLimit } from "./rate.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const limit = rateLimit(60, 2, () => 0);
 * assertEquals(["a", "a", "a", "b"].map((who) => limit.take(who)), [0, 0, 1, 0]);
 * ```
 */
export function rateLimit(perMinute: number, burst: number, now: () => number = () => performance.now()): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  const filled = ({ left, at }: { left: number; at: number }) => Math.min(burst, left + (now() - at) / 60_000 * perMinute);
  const forget = () => {
    for (const [who, bucket] of buckets) if (filled(bucket) >= burst) buckets.delete(who);
  };
  return {
    take(who) {
      if (buckets.size > MANY) forget();
      const left = filled(buckets.get(who) ?? { left: burst, at: now() });
      const allowed = left >= 1;
      buckets.set(who, { left: allowed ? left - 1 : left, at: now() });
      return allowed ? 0 : Math.ceil((1 - left) / perMinute * 60);
    },
  };
}

const MANY = 1000; // buckets, after which those that are full are forgotten

/**
 * Whether somebody may have one more of what all share: less than half of what is left, so that nobody fills it for all others.
 *
 * @param own how many somebody has
 * @param all how many all have
 * @param most how many there may be
 *
 * @example Alone somebody gets a third of it, and the next one half of what is left of that
 * ```ts
 * import { isFairShare } from "./rate.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isFairShare(9, 9, 30), isFairShare(10, 10, 30), isFairShare(0, 29, 30), isFairShare(0, 30, 30)], [true, false, true, false]);
 * ```
 */
export function isFairShare(own: number, all: number, most: number): boolean {
  return own < (most - all) / 2;
}

/** How many may be inside at once. */
export interface Gate {
  /** Lets somebody in, unless it is full or has its share of them: then nothing is done, and the result is undefined. */
  pass<T>(who: string, body: () => Promise<T>): Promise<T | undefined>;
  /** Lets those inside do something one after the other: what takes much memory. */
  alone<T>(body: () => Promise<T>): Promise<T>;
}

/**
 * Opens a gate.
 *
 * @param most how many may be inside at once
 * @returns the gate
 *
 * @example The second does not get in
 * ```ts
 * import { gate } from "./rate.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const one = gate(1);
 * assertEquals(await Promise.all([1, 2].map((n) => one.pass("a", () => Promise.resolve(n)))), [1, undefined]);
 * ```
 */
export function gate(most: number): Gate {
  const inside: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  return {
    async pass(who, body) {
      if (!isFairShare(inside.filter((one) => one === who).length, inside.length, most)) return;
      inside.push(who);
      try {
        return await body();
      } finally {
        inside.splice(inside.indexOf(who), 1);
      }
    },
    alone(body) {
      const own = last.then(body);
      last = own.catch(() => {}); // its error is its own
      return own;
    },
  };
}
