/**
 * Reading videos by the system's `ffmpeg`, where FFmpeg's addon is not to be had.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { filterGraph, type ReadOptions, type VideoFrame } from "./frames.ts";

/** Frames of a video, as `readFrames()` gives them. All are converted; those that are not wanted are dropped. */
export async function* readByFfmpeg(path: string, options: ReadOptions): AsyncGenerator<VideoFrame> {
  const graph = `${filterGraph(options, [])},showinfo`;
  const args = ["-nostdin", "-hide_banner", "-i", `file:${path}`, "-an", "-vf", graph, "-fps_mode", "passthrough"];
  const child = spawnFfmpeg([...args, "-f", "image2pipe", "-c:v", options.format === "gray" ? "pgm" : "ppm", "-"], path);
  const times = frameTimes(child.stderr);
  try {
    let [index, first] = [0, undefined as number | undefined];
    for await (const picture of pnmPictures(child.stdout, path)) {
      const seconds = (await times.next()).value ?? index / 25;
      first ??= seconds;
      const time = seconds - first;
      if (options.wanted?.(time, index) ?? true) yield { ...picture, time, index };
      index++;
    }
  } finally {
    try {
      child.kill();
    } catch { /* it has ended */ }
    await child.status;
    await times.return(undefined);
  }
}

/** The length of a video in seconds, as `ffmpeg` says; 0 where it does not. */
export async function lengthByFfmpeg(path: string): Promise<number> {
  const child = spawnFfmpeg(["-nostdin", "-hide_banner", "-i", `file:${path}`], path);
  const [text] = await Promise.all([new Response(child.stderr).text(), child.stdout.cancel(), child.status]);
  const match = /Duration: (\d+):(\d\d):(\d\d\.\d+)/.exec(text);
  return match ? 3600 * Number(match[1]) + 60 * Number(match[2]) + Number(match[3]) : 0;
}

function spawnFfmpeg(args: readonly string[], path: string) {
  try {
    return new Deno.Command("ffmpeg", { args: [...args], stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  } catch (error) {
    throw new UserError(`Cannot read ${path} as a video: neither FFmpeg's addon nor a program "ffmpeg" can be run; install ffmpeg`, {
      cause: error,
    });
  }
}

/** Times that the filter `showinfo` reports, in seconds. */
async function* frameTimes(stderr: ReadableStream<Uint8Array>): AsyncGenerator<number, undefined> {
  let rest = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const match = /Parsed_showinfo.* n: *\d+ .*pts_time: *(-?[\d.]+)/.exec(line);
      if (match) yield Number(match[1]);
    }
  }
}

/** Pictures in PNM's binary formats, one after the other. */
async function* pnmPictures(stdout: ReadableStream<Uint8Array>, path: string): AsyncGenerator<Omit<VideoFrame, "time" | "index">> {
  let bytes = new Uint8Array(0);
  for await (const chunk of stdout) {
    const joined = new Uint8Array(bytes.length + chunk.length);
    joined.set(bytes);
    joined.set(chunk, bytes.length);
    bytes = joined;
    for (let header = pnmHeader(bytes, path); header; header = pnmHeader(bytes, path)) {
      const { width, height, start, size } = header;
      if (bytes.length < start + size) break;
      yield { width, height, data: bytes.slice(start, start + size) };
      bytes = bytes.slice(start + size);
    }
  }
}

function pnmHeader(bytes: Uint8Array, path: string): { width: number; height: number; start: number; size: number } | undefined {
  const match = /^P([56])\n(\d+) (\d+)\n255\n/.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 64)));
  if (!match) {
    if (bytes.length >= 64) throw new UserError(`Cannot read ${path} as a video: ffmpeg gave something else than pictures`);
    return;
  }
  const [width, height] = [Number(match[2]), Number(match[3])];
  return { width, height, start: match[0].length, size: width * height * (match[1] === "6" ? 3 : 1) };
}
