/**
 * Videos in Hugging Face's parquet files: a row a video, or a row a frame, as flwrlabs/ucf101 has them. Only what tells videos apart is
 * read beforehand; a video is written out when it is its turn.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { exists, fileNameOf, LARGEST, writeFile } from "../files.ts";
import type { Problem } from "../trajectories/mod.ts";
import { openParquet, type Parquet } from "./parquet.ts";
import { listVideos, type VideoFile, type VideoList } from "./videos.ts";

/** Rows of a file that belong to one video. */
interface Run {
  readonly file: Parquet;
  readonly start: number;
  end: number;
}

const FRAMES_A_SECOND = 25; // as FFmpeg reads JPEGs one after the other, which is UCF-101's rate
const LONGEST_VIDEO = 2 ** 31; // bytes
const WANTED = 'either "video", or "image", "video_id" and "frame" (with "clip_id"), and "label" for the class';

/**
 * Lists videos of whatever kind: folders and Kinetics-700's CSV as `listVideos`, a parquet file, or a folder of parquet files.
 *
 * @param path folder, CSV file or parquet file
 * @param folder where videos out of parquet are written while they are worked on
 * @returns videos in the order of their names; those out of parquet have `write`
 * @throws UserError when there is none, or a parquet file cannot be used
 *
 * @example A folder of videos
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * Deno.mkdirSync(`${folder}/roll`);
 * Deno.writeTextFileSync(`${folder}/roll/a.mp4`, "");
 * const { videos } = await ws.synthesis.openVideos(folder, `${folder}/work`);
 * assertEquals(videos.map(({ label }) => label), ["roll"]);
 * ```
 */
export async function openVideos(path: string, folder: string): Promise<VideoList> {
  const files = exists(path) ? parquetFiles(path) : [];
  return files.length === 0 ? listVideos(path) : await videosInParquet(files, path, folder);
}

/** The parquet files of a path, in the order of their names. */
function parquetFiles(path: string): string[] {
  if (!Deno.statSync(path).isDirectory) return path.endsWith(".parquet") ? [path] : [];
  const entries = [...Deno.readDirSync(path)].sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isFile, isDirectory }) =>
    isDirectory ? parquetFiles(`${path}/${name}`) : isFile && name.endsWith(".parquet") ? [`${path}/${name}`] : []
  );
}

async function videosInParquet(paths: readonly string[], root: string, folder: string): Promise<VideoList> {
  const videos = new Map<string, { readonly label: string; readonly runs: Run[]; readonly isFrames: boolean }>();
  const problems: Problem[] = [];
  for (const path of paths) {
    const file = await openParquet(path);
    const isFrames = hasFrames(file);
    const keys = (isFrames ? ["video_id", "clip_id", "frame", "label"] : ["label"]).filter((column) => file.columns.includes(column));
    const rows = keys.length === 0 ? [] : await file.read(keys, 0, file.rows);
    const inside = path === root ? path.split("/").at(-1)! : path.slice(root.length).replace(/^\/+/, ""); // files of splits share names
    const short = inside.replace(/\.parquet$/, "");
    for (let row = 0; row < file.rows; row++) {
      const { label, name } = nameOf(rows[row] ?? {}, file, isFrames ? undefined : `${short}-${row}`);
      if (name === undefined) {
        problems.push({ id: `${short}-${row}`, reason: "the frame has no video_id" });
        continue;
      }
      const id = `${label}/${name}`;
      const known = videos.get(id) ?? { label, runs: [], isFrames };
      const last = known.runs.at(-1);
      if (last && last.file === file && last.end === row) last.end++;
      else known.runs.push({ file, start: row, end: row + 1 });
      videos.set(id, known);
    }
  }
  if (videos.size === 0) throw new UserError(`Cannot find videos in ${paths[0]}: it has no rows`);
  const list = [...videos].sort(([a], [b]) => a < b ? -1 : 1).map(([id, { label, runs, isFrames }], i): VideoFile => {
    const path = `${folder}/${i}-${fileNameOf(id)}${isFrames ? ".mjpeg" : ".video"}`;
    if (!isFrames) return { id, path, label, write: () => writeVideo(path, runs[0]!) };
    const seconds = runs.reduce((sum, { start, end }) => sum + end - start, 0) / FRAMES_A_SECOND; // such a file does not say it
    return { id, path, label, seconds, write: () => writeFrames(path, runs) };
  });
  return { videos: list, problems };
}

/** Whether rows are frames; otherwise they are videos. */
function hasFrames({ path, columns }: Parquet): boolean {
  if (columns.includes("video")) return false;
  if (["image", "video_id", "frame"].every((column) => columns.includes(column))) return true;
  throw new UserError(
    `Cannot find videos in ${path}: its columns are ${columns.map((name) => quoted(name, 30)).join(", ")}, wanted are ${WANTED}`,
  );
}

function nameOf(
  row: Readonly<Record<string, unknown>>,
  file: Parquet,
  given: string | undefined,
): { readonly label: string; readonly name: string | undefined } {
  const { label, video_id, clip_id } = row;
  const name = given ?? [video_id, clip_id].map(textOf).filter((part) => part !== "").join("_");
  const known = typeof label === "bigint" || typeof label === "number" ? file.classesOf("label")?.[Number(label)] : undefined;
  return { label: clean(known ?? textOf(label)) || "unlabelled", name: name === "" ? undefined : clean(name) };
}

/** A name of a class or video as part of an id: no slashes, no control characters. */
function clean(name: string): string {
  return name.replaceAll(/[/\\\p{C}]+/gu, "_").slice(0, 200);
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return value === null || value === undefined || typeof value === "object" ? "" : String(value);
}

/** The bytes of a cell: bare, or in Hugging Face's record of bytes and path. */
function bytesOf(cell: unknown): Uint8Array {
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null | undefined)?.bytes;
  if (bytes instanceof Uint8Array && bytes.length > 0) return bytes;
  throw new UserError("its row holds no bytes: the data set keeps them in another place");
}

async function writeVideo(path: string, { file, start }: Run): Promise<void> {
  const [row] = await file.read(["video"], start, start + 1);
  writeFile(path, bytesOf(row?.["video"]), undefined, false);
}

/** Frames one after the other are a video that FFmpeg reads as they are. */
async function writeFrames(path: string, runs: readonly Run[]): Promise<void> {
  const frames: { readonly number: number; readonly bytes: Uint8Array }[] = [];
  let length = 0;
  for (const { file, start, end } of runs) {
    for (const { image, frame } of await file.read(["image", "frame"], start, end)) {
      const bytes = bytesOf(image);
      if (!(bytes[0] === 0xff && bytes[1] === 0xd8)) throw new UserError("its frames are no JPEGs");
      length += bytes.length;
      if (bytes.length > LARGEST.picture || length > LONGEST_VIDEO) throw new UserError(`it has more than ${length} bytes`);
      frames.push({ number: Number(frame), bytes });
    }
  }
  frames.sort((a, b) => a.number - b.number);
  writeFile(path, frames.map(({ bytes }) => bytes), undefined, false);
}
