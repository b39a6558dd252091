/**
 * Reading videos frame by frame, by FFmpeg in the process; where its addon is not to be had, by the system's `ffmpeg`.
 * Frames come upright (rotation flags are honoured) with their own timestamps, one at a time: memory does not grow with
 * the length of the video.
 *
 * @module
 */
import { isOfDisk, UserError } from "../errors.ts";
import { checkRegular, diskError } from "../files.ts";
import type { Demuxer as AvDemuxer, FilterAPI as AvFilter } from "node-av/api";
import type { Frame as AvFrame, Stream as AvStream } from "node-av/lib";
import { type Addon, loadAddon } from "./addon.ts";
import { lengthByFfmpeg, readByFfmpeg } from "./ffmpeg.ts";
import { filterGraph, type ReadOptions, type VideoFrame } from "./frames.ts";

const MOST_PIXELS = 8192 * 8192; // a frame above is refused: a forged header could ask for any memory

/**
 * Frames of a video.
 *
 * @param path the file
 * @param options which frames, and how
 * @returns a frame after the other, upright, with its time in seconds
 * @throws UserError in one sentence when the file is no video, or has no frame that can be decoded
 *
 * @example Frames that were written
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const frame = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };
 * await ws.video.writeMp4(`${folder}/a.mp4`, [frame, frame, frame], 12);
 * const times = await Array.fromAsync(ws.video.readFrames(`${folder}/a.mp4`, { format: "gray" }), ({ time }) => time);
 * assertEquals(times.map((time) => Math.round(12 * time)), [0, 1, 2]);
 * ```
 */
export async function* readFrames(path: string, options: ReadOptions): AsyncGenerator<VideoFrame> {
  checkRegular(path, Infinity); // a video is read in pieces, whatever its size
  if (Deno.statSync(path).size === 0) throw new UserError(`Cannot read ${path} as a video: the file is empty`);
  const av = await openAddon();
  let frames = 0;
  for await (const frame of av ? readByAddon(path, options, av) : readByFfmpeg(path, options)) {
    frames++;
    yield frame;
  }
  if (frames === 0 && !options.wanted) throw new UserError(`Cannot read ${path} as a video: no frame can be decoded`);
}

/**
 * The length of a video as its container says, or the time of its last frame where it does not, as in what a browser records. Only then it
 * is decoded.
 *
 * @param path the file
 * @returns seconds
 * @throws UserError in one sentence when the file is no video
 *
 * @example Three frames at twelve a second
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const frame = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };
 * await ws.video.writeMp4(`${folder}/a.mp4`, [frame, frame, frame], 12);
 * assertEquals(await ws.video.videoLength(`${folder}/a.mp4`), 0.25);
 * ```
 */
export async function videoLength(path: string): Promise<number> {
  checkRegular(path, Infinity);
  const av = await openAddon();
  const said = await (av ? lengthByAddon(path, av) : lengthByFfmpeg(path));
  return said > 0 ? said : await lastTime(path);
}

async function lengthByAddon(path: string, { api }: Addon): Promise<number> {
  const { demuxer } = await openStream(path, api);
  const seconds = demuxer.duration;
  await demuxer.close();
  return Number.isFinite(seconds) ? seconds : 0;
}

async function lastTime(path: string): Promise<number> {
  let last = 0;
  const wanted = (time: number) => {
    last = time;
    return false;
  };
  await Array.fromAsync(readFrames(path, { format: "gray", wanted })); // of none
  return last;
}

/**
 * What a video's file says of itself, in its `comment`.
 *
 * @param path the file
 * @returns the comment, or undefined where there is none
 * @throws UserError in one sentence when the file is no video, or FFmpeg's addon is not to be had
 *
 * @example What was written
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${Deno.makeTempDirSync()}/a.mp4`;
 * await ws.video.writeMp4(path, [{ width: 16, height: 16, data: new Uint8Array(768) }], 12, { comment: "a test" });
 * assertEquals(await ws.video.videoComment(path), "a test");
 * ```
 */
export async function videoComment(path: string): Promise<string | undefined> {
  checkRegular(path, Infinity);
  const av = await openAddon();
  if (!av) throw new UserError(`Cannot read what ${path} says of itself without FFmpeg's addon: run "deno install"`);
  const { demuxer } = await openStream(path, av.api);
  const { comment } = demuxer.metadata;
  await demuxer.close();
  return comment;
}

let addon: Promise<Addon | undefined> | undefined;

function openAddon(): Promise<Addon | undefined> {
  return addon ??= loadAddon().then((loaded) => {
    loaded.lib.Log.setLevel(loaded.constants.AV_LOG_FATAL);
    return loaded;
  }).catch((error) => {
    console.warn(`FFmpeg's addon cannot be loaded (${(error as Error).message.split("\n")[0]}): taking the system's ffmpeg`);
    return undefined;
  });
}

async function* readByAddon(path: string, options: ReadOptions, { api, constants }: Addon): AsyncGenerator<VideoFrame> {
  const { demuxer, stream } = await openStream(path, api);
  try {
    using decoder = await api.Decoder.create(stream, { exitOnError: false }).catch(() => refuse(path, "its codec is not known"));
    using filter = api.FilterAPI.create(filterGraph(options, rotationFilters(displayMatrix(stream, constants))), {} as never);
    let [index, first] = [0, undefined as number | undefined];
    for (const frame of decoder.framesSync(demuxer.packetsSync(stream.index))) {
      if (!frame) break;
      if (frame.width * frame.height > MOST_PIXELS) refuse(path, `a frame of ${frame.width} × ${frame.height} is too large`);
      const seconds = secondsOf(frame);
      first ??= seconds;
      const time = Number.isFinite(seconds) ? seconds - first : index / 25;
      if (options.wanted?.(time, index) ?? true) yield* converted(frame, filter, { time, index });
      frame.free();
      index++;
    }
  } finally {
    await demuxer.close();
  }
}

async function openStream(path: string, api: Addon["api"]): Promise<{ demuxer: AvDemuxer; stream: AvStream }> {
  const demuxer = await api.Demuxer.open(path).catch((error) => {
    if (isOfDisk(error)) throw diskError(`read ${path}`, error);
    return refuse(path, "it is no video, or its index is lost");
  });
  const stream = demuxer.video();
  if (stream) return { demuxer, stream };
  await demuxer.close();
  return refuse(path, "it has no pictures");
}

function* converted(frame: AvFrame, filter: AvFilter, at: { readonly time: number; readonly index: number }): Generator<VideoFrame> {
  filter.processSync(frame);
  for (let out = filter.receiveSync(); out && typeof out === "object" && "toBuffer" in out; out = filter.receiveSync()) {
    yield { ...at, width: out.width, height: out.height, data: new Uint8Array(out.toBuffer()) };
    out.free();
  }
}

function secondsOf({ bestEffortTimestamp, timeBase: { num, den } }: AvFrame): number {
  return bestEffortTimestamp < -(2n ** 62n) ? NaN : Number(bestEffortTimestamp) * num / den;
}

function refuse(path: string, why: string): never {
  throw new UserError(`Cannot read ${path} as a video: ${why}`);
}

function displayMatrix(stream: AvStream, { AV_PKT_DATA_DISPLAYMATRIX }: Addon["constants"]): readonly number[] | undefined {
  const bytes = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (!bytes || bytes.length < 36) return;
  return Array.from({ length: 9 }, (_, i) => bytes.readInt32LE(4 * i));
}

/** Filters that turn a picture upright, by FFmpeg's rules; matrix: nine numbers, row by row. */
export function rotationFilters(matrix: readonly number[] | undefined): string[] {
  if (!matrix) return [];
  const [a, b, , c, d] = matrix as [number, number, number, number, number];
  const degrees = Math.atan2(b / (Math.hypot(b, d) || 1), a / (Math.hypot(a, c) || 1)) * 180 / Math.PI;
  const turn = (Math.round(degrees) % 360 + 360) % 360;
  if (turn === 90) return [`transpose=${c > 0 ? "cclock_flip" : "clock"}`];
  if (turn === 180) return [...(a < 0 ? ["hflip"] : []), ...(d < 0 ? ["vflip"] : [])];
  if (turn === 270) return [`transpose=${c < 0 ? "clock_flip" : "cclock"}`];
  return d < 0 ? ["vflip"] : [];
}
