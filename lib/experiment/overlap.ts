/**
 * Whether a model has seen the bench: pictures are compared by content, whatever their names.
 *
 * @module
 */
import { unlessOfDisk, UserError } from "../errors.ts";
import { exists, parent, readText, writeFile } from "../files.ts";
import type { TrajectoryList } from "../trajectories/mod.ts";
import { type Bench, benchTrajectories, pathsOf } from "./datasets.ts";
import type { Config } from "./schema.ts";

const FILE = "pictures.sha256"; // in a training's folder: a line a picture

/**
 * The pictures that a bench of lists holds; none for the tiny world's, whose bench keeps combinations of colour, shape and
 * action to itself (`isKeptForBench`) while plain scenes, such as an empty one, occur everywhere.
 *
 * @param config its section `bench`
 * @returns SHA-256 of each picture
 */
export async function benchPictures(config: Config): Promise<string[]> {
  return pathsOf(config.bench.aurora).length === 0 ? [] : await picturesOf(benchTrajectories(config).list);
}

/**
 * The pictures of a list; those that cannot be read are left to whoever encodes them.
 *
 * @param list trajectories
 * @returns SHA-256 of each distinct picture, sorted
 * @throws UserError when the disk fails: what was trained on would not be known as such
 */
export async function picturesOf({ trajectories }: Pick<TrajectoryList, "trajectories">): Promise<string[]> {
  const observations = trajectories.flatMap(({ source, target }) => [source, target]);
  const keys = new Set<string>();
  for (let i = 0; i < observations.length; i += AT_ONCE) {
    const found = await Promise.all(observations.slice(i, i + AT_ONCE).map((one) => one.key().catch(unlessOfDisk(undefined))));
    for (const key of found) if (key !== undefined) keys.add(key);
  }
  return [...keys].sort();
}

const AT_ONCE = 64; // pictures read at a time

/** Writes down what a training has seen, for those who measure it. */
export function writeTrainedPictures(folder: string, pictures: readonly string[]): void {
  writeFile(`${folder}/${FILE}`, pictures.map((picture) => picture + "\n").join(""));
}

/**
 * The pictures that a training has seen: its own, and those of the adapters that it goes on from.
 *
 * @param own SHA-256 of the pictures that it trains on
 * @param adapters folders; what an adapter from elsewhere has seen is not known
 * @returns SHA-256 of each distinct picture, sorted
 */
export function withEarlier(own: readonly string[], adapters: readonly string[]): string[] {
  return [...new Set([...own, ...trainedPictures(adapters)])].sort();
}

/** What the trainings of adapters have seen, as it was written down. */
function trainedPictures(adapters: readonly string[]): string[] {
  const files = adapters.map((adapter) => `${parent(adapter)}/${FILE}`).filter(exists);
  return files.flatMap((path) => readText(path).split("\n").filter((line) => line !== ""));
}

/**
 * Counts pictures of a bench that adapters were trained on.
 *
 * @param bench what is measured on
 * @param adapters their folders; what an adapter from elsewhere has seen is not known
 * @returns the number of shared pictures
 */
export async function seenPictures({ list, truths }: Bench, adapters: readonly string[]): Promise<number> {
  const seen = trainedPictures(adapters);
  return truths.size > 0 || seen.length === 0 ? 0 : shared(await picturesOf(list), seen);
}

/** How many pictures of one list are in the other. */
export function shared(pictures: readonly string[], others: readonly string[]): number {
  const known = new Set(others);
  return pictures.filter((picture) => known.has(picture)).length;
}

/**
 * Refuses shared pictures unless they are allowed.
 *
 * @param count shared pictures
 * @param flags of the command line
 * @throws UserError when there are any and `--allow-overlap` was not given
 */
export function requireNoOverlap(count: number, flags: Readonly<Record<string, string>>): void {
  if (count === 0 || "allow-overlap" in flags) return;
  throw new UserError(
    `Cannot go on: pictures of the bench are among those trained on (${count}), which would measure memory; ` +
      "keep the lists apart, or give --allow-overlap, and every table will say so",
  );
}

/** What tables say of shared pictures; nothing where there are none. */
export function overlapNote(count: number): string {
  return count === 0 ? "" : `Not a clean measurement: pictures of the bench were trained on (${count}, --allow-overlap).`;
}
