/**
 * Data sets of unlabelled videos: which files there are, and of which class.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readCsv } from "../csv.ts";
import { exists, parent, realDisk } from "../files.ts";
import type { Problem } from "../trajectories/mod.ts";

/** A video of a data set. */
export interface VideoFile {
  /** Its name in the data set: the path from the folder. */
  readonly id: string;
  /** The file. */
  readonly path: string;
  /** Its class, "unlabelled" where none is known. */
  readonly label: string;
  /** The name of its data set, where there are several. */
  readonly dataset?: string;
  /** Its length in seconds, where that is known before it is opened. */
  readonly seconds?: number;
  /** Writes the file, where the data set keeps videos in files of its own; the caller removes it when it is done. */
  readonly write?: () => Promise<void>;
}

/** The videos of a data set, in the order of their names, and what could not be used of it. */
export interface VideoList {
  /** The videos. */
  readonly videos: readonly VideoFile[];
  /** The others. */
  readonly problems: readonly Problem[];
}

/**
 * Uses a video's file; one that its data set keeps elsewhere is a file only as long as it is used.
 *
 * @param video the video
 * @param use what is done with the file's path
 * @returns what `use` gives
 */
export async function withVideoFile<T>({ path, write }: VideoFile, use: (path: string) => Promise<T>): Promise<T> {
  try {
    await write?.();
    return await use(path);
  } finally {
    if (write) realDisk.remove(path);
  }
}

const ENDINGS = /\.(mp4|avi|mkv|webm|mov|m4v|mpg|mpeg|ts|flv|wmv|3gp|ogv|wav|gif)$/i;

/**
 * Lists videos: those of a folder (in folders by class, as UCF-101 and Moments in Time, or plain), or those that
 * Kinetics-700's CSV names (`label,youtube_id,time_start,time_end,split`, beside it or in folders by label). Links and names
 * that lead out of the folder are left out.
 *
 * @param path the folder or the CSV file
 * @returns videos in the order of their names, and what could not be used
 * @throws UserError when there is neither, or no video
 *
 * @example Folders are classes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * Deno.mkdirSync(`${folder}/roll`);
 * Deno.writeTextFileSync(`${folder}/roll/a.mp4`, "");
 * assertEquals(ws.synthesis.listVideos(folder).videos.map(({ label }) => label), ["roll"]);
 * ```
 */
export function listVideos(path: string): VideoList {
  if (!exists(path)) throw new UserError(`Cannot find videos in ${path}: it is not there`);
  const { isDirectory, isFile } = Deno.statSync(path);
  if (isFile && ENDINGS.test(path)) {
    return { videos: [{ id: path.slice(path.lastIndexOf("/") + 1), path, label: "unlabelled" }], problems: [] };
  }
  const list = isDirectory ? videosInFolder(path) : videosOfKinetics(path);
  if (list.videos.length === 0) throw new UserError(`Cannot find videos in ${path}: there is no file with a video's name`);
  return list;
}

function videosInFolder(root: string): VideoList {
  const videos: VideoFile[] = [];
  const problems: Problem[] = [];
  const walk = (folder: string, parts: readonly string[]) => {
    const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory, isFile, isSymlink } of entries) {
      const id = [...parts, name].join("/");
      if (isSymlink) problems.push({ id, reason: "it is a link" });
      else if (isDirectory) walk(`${folder}/${name}`, [...parts, name]);
      else if (ENDINGS.test(name) && !isFile) problems.push({ id, reason: "it is no regular file" });
      else if (ENDINGS.test(name)) videos.push({ id, path: `${folder}/${name}`, label: parts.at(-1) ?? "unlabelled" });
    }
  };
  walk(root, []);
  return { videos, problems };
}

function videosOfKinetics(csv: string): VideoList {
  const rows = readCsv(csv);
  const first = rows[0] ?? {};
  for (const column of ["youtube_id", "time_start", "time_end"]) {
    if (!(column in first)) throw new UserError(`Cannot read ${csv} as Kinetics-700's list: a row and the column ${column} are needed`);
  }
  const videos: VideoFile[] = [];
  const problems: Problem[] = [];
  for (const { label = "unlabelled", youtube_id: id = "", time_start: start = "", time_end: end = "" } of rows) {
    const clip = `${id}_${start.padStart(6, "0")}_${end.padStart(6, "0")}`;
    const names = [`${label}/${clip}.mp4`, `${clip}.mp4`, `${label}/${id}.mp4`, `${id}.mp4`];
    const found = /^[\w-]+$/.test(id) && !/[/\\]|^\.+$/.test(label)
      ? names.map((name) => `${parent(csv)}/${name}`).find(exists)
      : undefined;
    if (found && Deno.lstatSync(found).isFile) videos.push({ id: clip, path: found, label });
    else problems.push({ id: clip, reason: found ? "it is a link" : "its file is not beside the list" });
  }
  return { videos, problems };
}

/**
 * The part of a list that worker `i` of `n` takes: every n-th.
 *
 * @param items all of them
 * @param shard as "1/4"
 * @returns this worker's
 *
 * @example Every second one
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.synthesis.shardOf(["a", "b", "c"], "0/2"), ["a", "c"]);
 * ```
 */
export function shardOf<T>(items: readonly T[], shard: string): T[] {
  const match = /^(\d+)\/(\d+)$/.exec(shard);
  const [i, n] = match ? [Number(match[1]), Number(match[2])] : [NaN, NaN];
  if (!(n >= 1 && i < n)) throw new UserError(`Cannot use the shard "${shard}": give i/n with i from 0 to n - 1, as 0/4`);
  return items.filter((_, place) => place % n === i);
}
