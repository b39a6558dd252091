/**
 * The pictures that a judge looks at: each is read once to see that it is whole and what it holds, and again when it is judged,
 * so that thousands need not lie in memory.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isOfDisk, UserError } from "../errors.ts";
import type { RgbImage } from "../tokens/mod.ts";
import type { Trajectory } from "../trajectories/mod.ts";
import { type Candidate, groupPools, readCandidatePicture } from "./candidates.ts";
import type { System } from "./systems.ts";

/** A picture of a system's, before it is read. */
export interface Shown {
  /** Whose it is. */
  readonly system: string;
  /** What it predicts. */
  readonly trajectory: Trajectory;
  /** The candidate that it is, in a pool. */
  readonly candidate?: Candidate;
  /** Reads it; undefined when there is none. */
  readonly load: () => Promise<RgbImage | undefined>;
}

/** A picture that can be judged. */
export interface Entry extends Shown {
  /** Digest of its pixels. */
  readonly digest: string;
  /** Pixels across and down. */
  readonly size: readonly [number, number];
  /** Digest of the source's pixels. */
  readonly sourceDigest: string;
  /** The source's pixels across and down. */
  readonly sourceSize: readonly [number, number];
}

/** A picture that cannot, and why. */
export interface Unread {
  /** The picture. */
  readonly shown: Shown;
  /** What is wrong with it. */
  readonly reason: string;
}

/** The predictions of systems for trajectories. */
export function shownPredictions(systems: readonly System[], trajectories: readonly Trajectory[]): Shown[] {
  return systems.flatMap((system) =>
    trajectories.map((trajectory) => ({ system: system.name, trajectory, load: () => system.predict(trajectory) }))
  );
}

/** A finished run of task verify. */
export interface PoolFolder {
  /** Whose candidates they are. */
  readonly system: string;
  /** The run. */
  readonly folder: string;
  /** Its candidates. */
  readonly candidates: readonly Candidate[];
}

/**
 * The candidates of pools, in their order; those of trajectories that are not on the bench are passed over.
 *
 * @throws UserError when none is of the bench
 */
export function shownCandidates(pools: readonly PoolFolder[], trajectories: readonly Trajectory[]): Shown[] {
  const byId = new Map(trajectories.map((trajectory) => [trajectory.id, trajectory]));
  if (byId.size > 0 && !pools.some(({ candidates }) => candidates.some(({ id }) => byId.has(id)))) {
    throw new UserError("Cannot score the pools: they hold no candidate of this bench; give the --bench that verify was given");
  }
  return pools.flatMap(({ system, folder, candidates }) =>
    groupPools(candidates.filter(({ id }) => byId.has(id))).flat().map((candidate) => ({
      ...{ system, candidate, trajectory: byId.get(candidate.id)! },
      load: () => readCandidatePicture(folder, candidate),
    }))
  );
}

/** A picture's name in messages. */
export function nameOf({ system, trajectory, candidate }: Shown): string {
  return `${system}: ${trajectory.id}${candidate ? `, repeat ${candidate.repeat}, candidate ${candidate.index}` : ""}`;
}

const SMALLEST = 8; // pixels; nothing can be seen on less

/**
 * Reads pictures and their sources once. Candidates must have the size that most of their system's have.
 *
 * @param pictures what is to be judged
 * @param onRead told how many are read
 * @returns what can be judged, and what cannot
 */
export async function readEntries(
  pictures: readonly Shown[],
  onRead: (done: number) => void = () => {},
): Promise<{ entries: Entry[]; unread: Unread[] }> {
  const entries: Entry[] = [];
  const unread: Unread[] = [];
  const sources = new Map<string, Promise<Seen>>();
  for (const [i, shown] of pictures.entries()) {
    const { id, source } = shown.trajectory;
    try {
      if (!sources.has(id)) sources.set(id, source.load().then(see));
      const { digest: sourceDigest, size: sourceSize } = await sources.get(id)!;
      const picture = await shown.load();
      if (!picture) unread.push({ shown, reason: "it has no prediction" });
      else if (Math.min(picture.width, picture.height) < SMALLEST) unread.push({ shown, reason: `it has ${sizeText(picture)} pixels` });
      else entries.push({ ...shown, ...see(picture), sourceDigest, sourceSize });
    } catch (error) {
      if (isOfDisk(error)) throw error; // no fault of the picture, which would stay unread
      unread.push({ shown, reason: (error as Error).message });
    }
    onRead(i + 1);
  }
  const odd = oddCandidates(entries);
  unread.push(...odd);
  const left = new Set(odd.map(({ shown }) => shown));
  return { entries: entries.filter((entry) => !left.has(entry)), unread };
}

type Seen = Pick<Entry, "digest" | "size">;

function see({ width, height, data }: RgbImage): Seen {
  return { digest: createHash("sha256").update(`${width} ${height} `).update(data).digest("hex"), size: [width, height] };
}

function sizeText({ width, height }: { readonly width: number; readonly height: number }): string {
  return `${width} × ${height}`;
}

/** Candidates of another size than most of their system's: a model draws all in one. */
function oddCandidates(entries: readonly Entry[]): Unread[] {
  return [...Map.groupBy(entries.filter(({ candidate }) => candidate), ({ system }) => system).values()].flatMap((own) => {
    const sizes = [...Map.groupBy(own, ({ size }) => size.join(" × "))].toSorted(([, a], [, b]) => b.length - a.length);
    const [usual, ...others] = sizes.map(([text]) => text);
    return others.flatMap((text) =>
      own.filter(({ size }) => size.join(" × ") === text).map((shown) => ({
        shown,
        reason: `it has ${text} pixels, the system's other candidates ${usual}`,
      }))
    );
  });
}

/**
 * Entries that look alike: the same picture after the same source and action need be judged once.
 *
 * @param entries what is judged
 * @returns the first of each kind, and for each entry the place of its kind
 */
export function distinctEntries(entries: readonly Entry[]): { distinct: Entry[]; places: number[] } {
  const places = new Map<string, number>();
  const distinct: Entry[] = [];
  const own = entries.map((entry) => {
    const key = JSON.stringify([entry.sourceDigest, entry.digest, entry.trajectory.action]);
    if (!places.has(key)) places.set(key, distinct.push(entry) - 1);
    return places.get(key)!;
  });
  return { distinct, places: own };
}
