/**
 * A folder that is there whole or not at all: it is filled beside its place under another name, and renamed when it is complete.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import { UserError } from "../errors.ts";
import { type Disk, exists, parent, readText, realDisk, writeFile } from "../files.ts";

/** A folder that is being filled. */
export interface Target {
  /** Where its files go until it is complete. */
  readonly folder: string;
  /** Whether an earlier start left files of the same content. */
  readonly resumed: boolean;
  /** Puts the folder into its place. */
  finish(): void;
}

/**
 * Checks that a folder may be made.
 *
 * @param to the folder
 * @throws UserError when there is something in it already, or it is no folder
 */
export function requireVacant(to: string): void {
  if (!exists(to)) return;
  if (!Deno.statSync(to).isDirectory || [...Deno.readDirSync(to)].length > 0) {
    throw new UserError(`Cannot write to ${to} as there is something already: give a folder that is empty or not there`);
  }
}

/**
 * Opens a folder to fill. What an earlier start left of the same content stays; what it left of another is removed.
 *
 * @param to where the folder goes
 * @param content all that its files depend on
 * @param disk the disk to write to
 * @throws UserError when there is something at its place already
 */
export function openTarget(to: string, content: unknown, disk: Disk = realDisk): Target {
  requireVacant(to);
  const place = to.replace(/\/+$/, "");
  const folder = `${place}.unfinished`;
  const digest = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  const mark = `${folder}.json`; // tells our own unfinished folder from somebody else's; beside it, for it must outlast a renaming that fails
  const resumed = exists(folder) && exists(mark) && readText(mark) === digest;
  if (!exists(mark)) requireVacant(folder); // not ours
  if (!resumed) disk.remove(folder);
  else for (const { name } of Deno.readDirSync(folder)) if (name.endsWith(".tmp")) disk.remove(`${folder}/${name}`); // cut off while being written
  writeFile(mark, digest, disk);
  disk.mkdir(folder);
  const finish = () => {
    requireVacant(to); // still: hours may have passed
    disk.remove(place); // an empty folder at most
    disk.rename(folder, place);
    try {
      disk.remove(mark);
    } catch { /* the folder is there whole; a mark alone says nothing */ }
  };
  return { folder, resumed, finish };
}

/**
 * Checks that a disk has room.
 *
 * @param to a folder on it, which need not be there
 * @param bytes that are to be written
 * @throws UserError saying how much there is and how much is needed
 */
export function requireRoom(to: string, bytes: number): void {
  let folder = to;
  while (!exists(folder) && parent(folder) !== folder) folder = parent(folder);
  const { bavail, bsize } = statfsSync(folder);
  const [free, needed] = [bavail * bsize, bytes].map((count) => (count / 1e9).toFixed(2));
  if (bytes > bavail * bsize) {
    throw new UserError(
      `Cannot write ${needed} GB to ${to} as the disk has ${free} GB left: free some space, or give a folder on another disk`,
    );
  }
}

/** Bytes of the files that a folder holds, its own folders left out. */
export function bytesIn(folder: string): number {
  return [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile)
    .reduce((sum, { name }) => sum + Deno.statSync(`${folder}/${name}`).size, 0);
}
