/**
 * Frames of videos: what is read of them, and the filter graph that FFmpeg reads them through.
 *
 * @module
 */

/** A frame of a video. */
export interface VideoFrame {
  /** Seconds since the first frame. */
  readonly time: number;
  /** Its number among all frames, from 0. */
  readonly index: number;
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** Values row by row: three a pixel, or one when grey. */
  readonly data: Uint8Array;
}

/** Which frames are wanted, and how. */
export interface ReadOptions {
  /** `rgb24` gives three values a pixel, `gray` one. */
  readonly format: "rgb24" | "gray";
  /** The largest side in pixels; larger frames are scaled down. Absent: as they are. */
  readonly side?: number;
  /** Whether a frame is wanted; others are decoded and not converted. Absent: all. */
  readonly wanted?: (time: number, index: number) => boolean;
}

/**
 * The filter graph for these options, in FFmpeg's notation.
 *
 * @param options size and format
 * @param rotation filters that turn the picture upright
 */
export function filterGraph({ format, side }: ReadOptions, rotation: readonly string[]): string {
  const scale = side === undefined ? [] : [`scale='if(gt(iw,ih),min(iw,${side}),-1)':'if(gt(iw,ih),-1,min(ih,${side}))':flags=area`];
  return [...rotation, ...scale, `format=${format}`].join(",");
}
