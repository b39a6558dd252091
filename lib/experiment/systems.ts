/**
 * The systems that a command line names, the shards of each joined.
 *
 * @module
 */
import { unlessOfDisk, UserError } from "../errors.ts";
import { openSystem, type System } from "../judge/systems.ts";
import type { Trajectory } from "../trajectories/mod.ts";
import { shardFolders } from "./pipeline.ts";
import { digestOf, readManifest } from "./run.ts";

/**
 * Opens systems.
 *
 * @param names `copy`, folders, or NAME=FOLDER; a folder that task sample left in shards is joined
 * @returns the systems, in order
 * @throws UserError when two have one name, a folder is not there, or a shard is missing
 */
export function openSystems(names: readonly string[]): System[] {
  const titles = names.map((text) => text === "copy" ? text : parseSystem(text).name);
  const twice = titles.find((title, i) => titles.indexOf(title) < i);
  if (twice !== undefined) throw new UserError(`Cannot tell two systems apart that are both called ${twice}: name them, as NAME=DIR`);
  return names.map((text) => {
    if (text === "copy") return openSystem(text);
    const { name, folder } = parseSystem(text);
    const parts = shardFolders(folder).map((part) => openSystem(`${name}=${part}`));
    const firstOf = async <T>(ask: (part: System) => Promise<T | undefined>): Promise<T | undefined> => {
      for (const part of parts) {
        const answer = await ask(part);
        if (answer !== undefined) return answer;
      }
    };
    return {
      name,
      predict: (trajectory) => firstOf((part) => part.predict(trajectory)),
      xmp: (trajectory) => firstOf((part) => part.xmp(trajectory)),
      key: (trajectory) => firstOf((part) => part.key(trajectory)),
    };
  });
}

/**
 * A digest of systems' pictures, by which a run or a study knows whether those are still there that it was begun with. It is made of files
 * as they lie, which takes a small part of the time that decoding them would.
 *
 * @param systems whose pictures
 * @param trajectories what they predict; a picture that is missing, or cannot be read, counts as that
 * @throws UserError when the disk fails
 *
 * @example Other trajectories have other pictures
 * ```ts
 * import { picturesDigest } from "./systems.ts";
 * import { COPY } from "../judge/systems.ts";
 * import { worldTrajectories } from "../world/mod.ts";
 * import { assertNotEquals } from "@std/assert";
 *
 * const [one, other] = worldTrajectories("easy", 1, "bench", 2).map((trajectory) => picturesDigest([COPY], [trajectory]));
 * assertNotEquals(await one, await other);
 * ```
 */
export async function picturesDigest(systems: readonly System[], trajectories: readonly Trajectory[]): Promise<string> {
  const keys: unknown[] = [];
  for (const { name, key } of systems) {
    for (const trajectory of trajectories) keys.push([name, trajectory.id, await key(trajectory).catch(unlessOfDisk("unread"))]);
  }
  return digestOf(keys);
}

/** Pictures of the bench that systems were trained on, as their runs say. */
export function systemsOverlap(names: readonly string[]): number {
  const folders = names.filter((name) => name !== "copy").flatMap((text) => shardFolders(parseSystem(text).folder));
  return runsOverlap(folders);
}

/** The most pictures of the bench that any of these runs says were trained on; 0 where none says so. */
export function runsOverlap(folders: readonly string[]): number {
  return Math.max(0, ...folders.map((folder) => readManifest(folder)?.overlap ?? 0));
}

function parseSystem(text: string): { name: string; folder: string } {
  const cut = text.indexOf("=");
  return cut < 0 ? { name: text, folder: text } : { name: text.slice(0, cut), folder: text.slice(cut + 1) };
}
