/**
 * Key-frame pairs that were found before: another dynamics model annotates them without a video being read again. So several models are
 * compared on the same pairs, and one that was trained on its own annotations makes them anew.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { parent, readBytes } from "../files.ts";
import { decodeImage } from "../tokens/mod.ts";
import type { AnnotatedTrajectory, PicturedPair, VideoPairs } from "./annotate.ts";
import { isInside, readAnnotated } from "./filter.ts";
import type { VideoFile } from "./videos.ts";

/** The videos of an earlier annotation that had a pair. */
export interface EarlierPairs {
  /** The videos, in its order. */
  readonly videos: readonly VideoFile[];
  /** The pairs of one of them, with their frames. */
  readonly pairsOf: (video: VideoFile) => Promise<VideoPairs>;
}

/**
 * Reads the pairs of an earlier annotation. Frames outside its folder are refused.
 *
 * @param path its `trajectories.jsonl`
 * @returns its videos, and what gives their pairs
 * @throws UserError when it is not there, or a line of it is none
 *
 * @example No pair
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${Deno.makeTempDirSync()}/trajectories.jsonl`;
 * Deno.writeTextFileSync(path, "");
 * assertEquals(ws.synthesis.earlierPairs(path).videos, []);
 * ```
 */
export function earlierPairs(path: string): EarlierPairs {
  const byVideo = Map.groupBy(readAnnotated(path), ({ video }) => video);
  return {
    videos: [...byVideo].map(([id, own]) => {
      const { label, dataset } = own[0]!;
      return { id, path, label, ...(dataset !== undefined && { dataset }) };
    }),
    pairsOf: async ({ id }) => {
      const own = byVideo.get(id)!;
      const last = { time: own[0]!.duration, index: 0, motion: 0, isCut: false, isBlank: false };
      const numbers = own.map(({ id }) => /#(\d+)$/.exec(id)?.[1]);
      const areNames = !numbers.includes(undefined) && new Set(numbers).size === numbers.length; // not so in files put together by hand
      const pairs = await Promise.all(own.map((one) => readPair(one, parent(path))));
      return { samples: [last], pairs: pairs.map((pair, i) => ({ ...pair, number: areNames ? Number(numbers[i]) : i })) };
    },
  };
}

/** A pair with its frames, read from the folder of its file; a frame outside that is refused. */
export async function readPair(
  { id, source, target, ...of }: AnnotatedTrajectory,
  folder: string,
): Promise<Omit<PicturedPair, "number">> {
  const moment = (time: number, index: number) => ({ time, index, motion: 0, isCut: false, isBlank: false });
  const read = async (file: string) => {
    if (!isInside(file)) throw new UserError(`Cannot use ${id}: its frame ${file} lies outside ${folder}`);
    return await decodeImage(readBytes(`${folder}/${file}`), file);
  };
  return {
    ...{ source: moment(of.sourceTime, of.sourceFrame), target: moment(of.targetTime, of.targetFrame) },
    images: [await read(source), await read(target)],
  };
}
