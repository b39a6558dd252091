/**
 * Key-frames: the observations of a video between which something is done (paper §3.2).
 *
 * The paper takes the k frames with the most motion, some interval apart, and pairs neighbours. Frames with the most motion
 * lie in the middle of an action, so a pair of them shows half of one. Here the same choice, made exactly, finds the bursts
 * of motion; the observations are the calmest moments before and after each. `peaks` is the paper's pairing.
 *
 * @module
 */
import type { MotionSample } from "./motion.ts";

/** How key-frames are chosen. */
export interface KeyFrameOptions {
  /** Bursts of motion in a video at most. */
  readonly bursts: number;
  /** Seconds between two bursts at least. */
  readonly interval: number;
  /** Motion of a burst at least, as a share of `side` of `MotionOptions`; weaker ones are noise or a frozen picture. */
  readonly least: number;
  /** And as a share of the video's strongest burst. */
  readonly share: number;
  /** Seconds from a burst to its observations at most. */
  readonly reach: number;
  /** `calm`: observations before and after each burst; `peaks`: the bursts themselves, neighbours paired. */
  readonly pairs: "calm" | "peaks";
  /** Calm moments on either side among which the pair is taken whose pictures differ least; 1: the calmest alone. */
  readonly steady: number;
}

/** Two moments with something done between. */
export interface KeyFramePair {
  /** Before. */
  readonly source: MotionSample;
  /** After. */
  readonly target: MotionSample;
  /** Moments that could stand for the source as well, in order: the source and those around it that are calm too. */
  readonly sources: readonly MotionSample[];
  /** The target and those around it. */
  readonly targets: readonly MotionSample[];
}

/**
 * The moments with the most motion in all, any two of them an interval apart, at most `bursts` of them: exactly, by dynamic
 * programming over (moments so far, moments taken). Greedy choice is not exact: the strongest may exclude two others.
 *
 * @param samples a video's moments
 * @param options how many, how far apart, how strong
 * @returns places in `samples`, in order
 *
 * @example The two at the sides together move more than the middle one that excludes both
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = [0.4, 0, 0.5, 0, 0.4].map((motion, i) => ({ motion, time: i / 2, index: i, isCut: false, isBlank: false }));
 * assertEquals(ws.video.chooseBursts(samples, { bursts: 2, interval: 1.5, least: 0.1, share: 0.2 }), [0, 4]);
 * ```
 */
export function chooseBursts(
  samples: readonly MotionSample[],
  { bursts, interval, least, share }: Pick<KeyFrameOptions, "bursts" | "interval" | "least" | "share">,
): number[] {
  const strongest = samples.reduce((most, { motion }) => Math.max(most, motion), 0);
  const floor = Math.max(least, share * strongest);
  type Choice = { readonly sum: number; readonly last: number; readonly before: Choice | undefined };
  const none: Choice = { sum: 0, last: -1, before: undefined };
  const best: Choice[][] = [Array(bursts + 1).fill(none)]; // best[i][k]: of the first i moments, at most k taken
  let free = 0; // moments that are an interval before this one
  samples.forEach(({ motion, time, isBlank }, i) => {
    while (samples[free]!.time <= time - interval + 1e-9) free++;
    best.push(best[i]!.map((skipped, k) => {
      if (k === 0 || isBlank || motion < floor || motion === 0) return skipped;
      const before = best[free]![k - 1]!;
      return before.sum + motion > skipped.sum ? { sum: before.sum + motion, last: i, before } : skipped;
    }));
  });
  const chosen: number[] = [];
  for (let at: Choice | undefined = best.at(-1)![bursts]; at && at.last >= 0; at = at.before) chosen.unshift(at.last);
  return chosen;
}

/**
 * Pairs of key-frames. A pair never spans a cut, and no key-frame is blank.
 *
 * @param samples a video's moments
 * @param options of the choice
 * @returns pairs in order of time; none where nothing moves, or nothing is still beside it
 *
 * @example Nothing moves, so there is no pair
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = [0, 1, 2, 3].map((index) => ({ index, time: index, motion: 0, flow: 0, change: 0, isBlank: false, isCut: false }));
 * const options = ws.resolveConfig(undefined, []).annotate;
 * assertEquals(ws.video.keyFramePairs(samples, options), []);
 * ```
 */
export function keyFramePairs(samples: readonly MotionSample[], options: KeyFrameOptions): KeyFramePair[] {
  const bursts = chooseBursts(samples, options);
  const pairs = options.pairs === "peaks"
    ? bursts.slice(1).map((target, i) => [bursts[i]!, target] as const)
    : bursts.map((burst, i) => calmAround(samples, burst, bursts[i - 1] ?? -1, bursts[i + 1] ?? samples.length, options.reach));
  return pairs.flatMap((pair, i) => {
    if (!pair || samples.slice(pair[0] + 1, pair[1] + 1).some(({ isCut }) => isCut)) return [];
    const [source, target] = pair.map((place) => samples[place]!) as [MotionSample, MotionSample];
    if (options.pairs === "peaks") return [{ source, target, sources: [source], targets: [target] }];
    const { index } = samples[bursts[i]!]!; // what is done is done there: no source after it, no target before
    const sources = asCalm(samples, pair[0], options).filter((one) => one.index < index);
    const targets = asCalm(samples, pair[1], options).filter((one) => one.index > index);
    return [{ source, target, sources, targets }];
  });
}

/** A key-frame and the moments around it that are calm as well, in its shot: nothing is done in them either. */
function asCalm(samples: readonly MotionSample[], from: number, { steady, least }: KeyFrameOptions): MotionSample[] {
  const most = Math.max(least, STILL_CALM * samples[from]!.motion);
  const isCalm = (i: number) => samples[i] !== undefined && samples[i].motion <= most && !samples[i].isBlank;
  let [first, last] = [from, from];
  let grew = true;
  while (grew && last - first + 1 < steady) {
    grew = false;
    if (isCalm(first - 1) && !samples[first]!.isCut) [first, grew] = [first - 1, true];
    if (last - first + 1 < steady && isCalm(last + 1) && !samples[last + 1]!.isCut) [last, grew] = [last + 1, true];
  }
  return samples.slice(first, last + 1);
}

const STILL_CALM = 2; // times the motion of the calmest moment: a trembling camera moves that much

/** The calmest moments on both sides of a burst, in its shot, between its neighbours, within reach. */
function calmAround(
  samples: readonly MotionSample[],
  burst: number,
  after: number,
  before: number,
  reach: number,
): readonly [number, number] | undefined {
  const { time, motion } = samples[burst]!;
  const cost = (i: number) => samples[i]!.motion / motion + NEARER * Math.abs(samples[i]!.time - time) / reach;
  const calmest = (step: 1 | -1) => {
    let found: number | undefined;
    for (let i = burst; i > after && i < before && Math.abs(samples[i]!.time - time) <= reach; i += step) {
      if (step === -1 ? samples[i + 1]?.isCut && i < burst : samples[i]!.isCut && i > burst) break;
      if (i !== burst && !samples[i]!.isBlank && (found === undefined || cost(i) < cost(found))) found = i;
    }
    return found;
  };
  const [source, target] = [calmest(-1), calmest(1)];
  return source === undefined || target === undefined ? undefined : [source, target];
}

const NEARER = 0.1; // of two moments that are alike still, the nearer
