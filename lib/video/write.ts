/**
 * Writing videos, by FFmpeg in the process.
 *
 * @module
 */
import { isOfDisk, UserError } from "../errors.ts";
import type { Buffer } from "node:buffer";
import type { RgbImage } from "../tokens/mod.ts";
import { diskError, parent, temporaryName } from "../files.ts";
import { loadAddon } from "./addon.ts";

/** How a video is written. */
export interface WriteOptions {
  /** Keep every pixel as it is, in a larger file. */
  readonly lossless?: boolean;
  /** What the file says of itself, in its `comment`. */
  readonly comment?: string | undefined;
}

/**
 * Writes an MP4 (H.264). The file is whole or absent.
 *
 * @param path the file; its folder is made
 * @param frames pictures of one size, with even sides
 * @param rate frames a second
 * @param options how
 * @throws UserError when there is no frame, or the disk refuses the file
 *
 * @example A file that is not empty
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const frame = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };
 * await ws.video.writeMp4(`${folder}/a.mp4`, [frame, frame], 12);
 * assert(Deno.statSync(`${folder}/a.mp4`).size > 100);
 * ```
 */
export async function writeMp4(path: string, frames: readonly RgbImage[], rate: number, options: WriteOptions = {}): Promise<void> {
  const { lossless = false, comment } = options;
  if (frames.length === 0) throw new UserError(`Cannot write ${path}: a video needs at least one frame`);
  const { api: { Encoder, FilterAPI, Muxer }, lib: { Dictionary, Log, Rational }, constants } = await loadAddon();
  const { AV_LOG_ERROR, FF_ENCODER_LIBX264, FF_ENCODER_LIBX264RGB } = constants;
  Log.setLevel(AV_LOG_ERROR);
  const temporary = temporaryName(path); // no video's name: who lists a folder must not find what a kill cut off
  try {
    Deno.mkdirSync(parent(path), { recursive: true });
    const [codec, format, crf] = lossless ? [FF_ENCODER_LIBX264RGB, "rgb24", 0] as const : [FF_ENCODER_LIBX264, "yuv420p", 10] as const;
    const encoder = await Encoder.create(codec, { options: { crf, preset: "fast", "x264-params": REPEATABLE } });
    const filter = FilterAPI.create(`format=${format}`, {} as never);
    const muxer = await Muxer.open(temporary, { format: "mp4" });
    if (comment !== undefined) muxer.getFormatContext().metadata = Dictionary.fromObject({ comment });
    const stream = muxer.addStream(encoder);
    for await (const packet of encoder.packets(filter.frames(await videoFrames(frames, new Rational(1, rate))))) {
      if (packet) await muxer.writePacket(packet, stream);
    }
    await muxer.close();
    Deno.renameSync(temporary, path);
  } catch (error) {
    throw isOfDisk(error) ? diskError(`write ${path}`, error) : error;
  } finally {
    try {
      Deno.removeSync(temporary);
    } catch { /* it was renamed, or never made */ }
  }
}

/**
 * What makes x264 write the same bytes in every run: its look-ahead, whose estimates steer bits and weights, differs by a few
 * levels of a few pixels from run to run (measured: 19 of 112 videos of the tiny world), and a dynamics model sees that.
 */
const REPEATABLE = "threads=1:sync-lookahead=0:lookahead-threads=1:rc-lookahead=0:mbtree=0:weightp=0";

type Rational = InstanceType<typeof import("node-av/lib").Rational>;
type Frame = InstanceType<typeof import("node-av/lib").Frame>;

/** Pictures as FFmpeg's frames, then the end. */
async function videoFrames(frames: readonly RgbImage[], timeBase: Rational): Promise<AsyncGenerator<Frame | null>> {
  const { lib: { Frame }, constants: { AV_PIX_FMT_RGB24 } } = await loadAddon();
  return (async function* () {
    for (const [i, { data, width, height }] of frames.entries()) {
      yield Frame.fromVideoBuffer(data as Buffer, { width, height, format: AV_PIX_FMT_RGB24, pts: BigInt(i), timeBase });
    }
    yield await Promise.resolve(null);
  })();
}
