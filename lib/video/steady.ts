/**
 * Which of several calm moments become observations: a hand that holds a camera trembles, and a picture that is shifted by a pixel has other
 * tokens everywhere. A world model cannot foresee that, and its recognition weights would fall on it.
 *
 * @module
 */
import { readFrames } from "./decode.ts";
import type { GrayImage } from "./flow.ts";
import type { KeyFramePair } from "./key_frames.ts";

/**
 * The same pairs, each with the source and the target whose pictures differ least: what was done is in all of them, what the camera did is
 * least in that one. Of equal ones the nearest to the action.
 *
 * @param path the video
 * @param pairs key-frame pairs with the moments that could stand for them
 * @param side largest side of the frames that are compared, pixels
 * @returns as many pairs
 *
 * @example Nothing to choose among
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await ws.video.steadyPairs("absent.mp4", [], 160), []);
 * ```
 */
export async function steadyPairs(path: string, pairs: readonly KeyFramePair[], side: number): Promise<KeyFramePair[]> {
  const open = pairs.filter(({ sources, targets }) => sources.length + targets.length > 2);
  if (open.length === 0) return [...pairs];
  const indices = new Set(open.flatMap(({ sources, targets }) => [...sources, ...targets]).map(({ index }) => index));
  const frames = new Map<number, GrayImage>();
  for await (const frame of readFrames(path, { format: "gray", side, wanted: (_, index) => indices.has(index) })) {
    frames.set(frame.index, frame);
    if (frames.size === indices.size) break;
  }
  return pairs.map((pair) => open.includes(pair) ? steadiest(pair, frames) : pair);
}

function steadiest(pair: KeyFramePair, frames: ReadonlyMap<number, GrayImage>): KeyFramePair {
  let [best, least] = [pair, Infinity];
  for (const source of pair.sources) {
    for (const target of pair.targets) {
      const [a, b] = [frames.get(source.index), frames.get(target.index)];
      const difference = a && b ? meanDifference(a, b) : Infinity;
      if (difference < least) [best, least] = [{ ...pair, source, target }, difference];
    }
  }
  return best;
}

/** Mean absolute difference of two grey pictures of one size, 0 … 255. */
function meanDifference(a: GrayImage, b: GrayImage): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length;
}
