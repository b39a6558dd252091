/**
 * Videos to trajectories: key-frame pairs, and the actions that a dynamics model sees between them (paper §3.2).
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { fileNameOf, writeFile } from "../files.ts";
import { logLikelihoods, lookAt, picturePairs, predictActions, type Reader, type SamplingOptions } from "../sample/mod.ts";
import { dynamicsSequence, encodePng, type RgbImage } from "../tokens/mod.ts";
import {
  type KeyFrameOptions,
  keyFramePairs,
  type MotionOptions,
  type MotionPool,
  type MotionSample,
  readFrames,
  steadyPairs,
} from "../video/mod.ts";
import type { VideoFile } from "./videos.ts";

/** A trajectory from a video, as a line of `trajectories.jsonl`; paths count from that file. */
export interface AnnotatedTrajectory {
  /** Its name: the video's and the pair's number. */
  readonly id: string;
  /** The data set's name in the configuration; absent where there is one without a name. */
  readonly dataset?: string;
  /** The video's name in its data set, after the data set's where it has one. */
  readonly video: string;
  /** The video's class. */
  readonly label: string;
  /** File of the key-frame before. */
  readonly source: string;
  /** File of the key-frame after. */
  readonly target: string;
  /** Time of the frame before, seconds. */
  readonly sourceTime: number;
  /** Time of the frame after, seconds. */
  readonly targetTime: number;
  /** Number of the frame before among the video's. */
  readonly sourceFrame: number;
  /** Number of the frame after. */
  readonly targetFrame: number;
  /** Length of the video in seconds. */
  readonly duration: number;
  /** What the dynamics model sees done. */
  readonly action: string;
  /** Its log-likelihood by that model, a token on average; in filtered files the number by which it was chosen. */
  readonly score: number;
  /** Its log-likelihood in all. */
  readonly sum?: number;
  /** Digest of the dynamics model. */
  readonly cdm: string;
  /** The batch of the stage that it was made in: by it the files of shards are put into one order. */
  readonly batch?: number;
  /** Whether the action is what was done, where that is known (the tiny world). */
  readonly right?: boolean;
}

/** A key-frame pair with its pictures. */
export interface PicturedPair {
  /** The moment before. */
  readonly source: MotionSample;
  /** The moment after. */
  readonly target: MotionSample;
  /** Both frames, as they are in the video. */
  readonly images: readonly [source: RgbImage, target: RgbImage];
  /** Its place in the video, which its name has; in an earlier annotation the one that it had there. */
  readonly number: number;
}

/** What was found in a video. */
export interface VideoPairs {
  /** All moments that were looked at. */
  readonly samples: readonly MotionSample[];
  /** Key-frame pairs; at least one. */
  readonly pairs: readonly PicturedPair[];
}

/**
 * The key-frame pairs of a video. It is read twice: small and grey for the motion, then only the chosen frames.
 *
 * @param path the video
 * @param options of motion and key-frames
 * @param pool measures the motion
 * @returns what was looked at, and the pairs with their frames
 * @throws Error in one sentence when it cannot be read, or nothing is done in it
 *
 * @example A video of the tiny world
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const video = ws.world.worldVideos("default", 1, 20).find(({ kind }) => kind === "action")!;
 * await ws.video.writeMp4(`${folder}/a.mp4`, await ws.world.renderVideo(video), ws.world.FRAME_RATE);
 * const pool = ws.video.openMotionPool(1);
 * const { pairs } = await ws.synthesis.pairsOfVideo(`${folder}/a.mp4`, ws.resolveConfig(undefined, []).annotate, pool);
 * pool.close();
 * assert(pairs.length >= 1);
 * ```
 */
export async function pairsOfVideo(path: string, options: MotionOptions & KeyFrameOptions, pool: MotionPool): Promise<VideoPairs> {
  const samples = await pool.measure(path, options);
  const found = keyFramePairs(samples, options);
  if (found.length === 0) throw new UserError(whyNoPair(samples, options));
  const pairs = await steadyPairs(path, found, options.side);
  const images = await framesAt(path, new Set(pairs.flatMap(({ source, target }) => [source.index, target.index])));
  const pictured = pairs.map(({ source, target }, number) => {
    const both = [images.get(source.index), images.get(target.index)] as const;
    if (!both[0] || !both[1]) throw new UserError("a key-frame could not be decoded the second time");
    return { source, target, images: [both[0], both[1]] as const, number };
  });
  return { samples, pairs: pictured };
}

function whyNoPair(samples: readonly MotionSample[], { least, stride }: MotionOptions & KeyFrameOptions): string {
  const length = samples.at(-1)!.time - samples[0]!.time;
  if (length < 2 * stride) return `it is too short for a pair of key-frames (${length.toFixed(2)} s)`;
  if (samples.every(({ isBlank }) => isBlank)) return "it is blank";
  const most = samples.reduce((most, { motion }) => Math.max(most, motion), 0);
  return most < least ? `nothing moves in it (${most.toFixed(4)} at most)` : "no motion in it lies between two still moments of one shot";
}

/** Frames of a video by number, as they are; reading ends with the last. */
export async function framesAt(path: string, indices: ReadonlySet<number>): Promise<Map<number, RgbImage>> {
  const found = new Map<number, RgbImage>();
  for await (const { index, width, height, data } of readFrames(path, { format: "rgb24", wanted: (_, index) => indices.has(index) })) {
    found.set(index, { width, height, data });
    if (found.size === indices.size) break;
  }
  return found;
}

/** A dynamics model that annotates. */
export interface Annotator extends Reader {
  /** Digest of the adapter. */
  readonly cdm: string;
}

/** A pair with the action that was seen in it. */
export interface AnnotatedPair {
  /** In words; empty when the model said nothing. */
  readonly action: string;
  /** Mean log-likelihood a token. */
  readonly score: number;
  /** Log-likelihood of all its tokens. */
  readonly sum: number;
}

/**
 * What a dynamics model sees done between pairs of pictures, all pairs in one batch.
 *
 * @param annotator the dynamics model
 * @param images frames before and after
 * @param options of the choice
 * @param said actions to score instead of the model's own
 * @returns an action and its score for each pair
 *
 * @example One pair
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
 * const annotator = { text: ws.textSampler(chameleon, vocabulary), vqgan, vocabulary, cdm: "example" };
 * assertEquals(ws.synthesis.annotatePairs(annotator, [[grey, grey]], { temperature: 0, seed: 1 }).length, 1);
 * ```
 */
export function annotatePairs(
  annotator: Annotator,
  images: readonly (readonly [RgbImage, RgbImage])[],
  options: SamplingOptions,
  said?: readonly string[],
): AnnotatedPair[] {
  using look = lookAt(annotator, images.flat().map((picture) => ({ picture })));
  const pairs = picturePairs(look);
  const actions = said ?? predictActions(look.text, look.vocabulary, pairs, options);
  const families = pairs.map(({ source, target }, i) => [dynamicsSequence(look.vocabulary, source, target, actions[i]!)]);
  return logLikelihoods(look.text, families).map(([likelihood], i) => ({
    ...{ action: actions[i]!, score: likelihood!.mean, sum: likelihood!.sum },
  }));
}

/** Writes a video's frames into `FOLDER/frames` and gives its trajectories; pairs without an action are left out. */
export async function keepTrajectories(
  folder: string,
  { id, label, dataset }: VideoFile,
  { samples, pairs }: VideoPairs,
  annotated: readonly AnnotatedPair[],
  cdm: string,
): Promise<AnnotatedTrajectory[]> {
  const kept: AnnotatedTrajectory[] = [];
  for (const [i, { source, target, images, number }] of pairs.entries()) {
    const { action, score, sum } = annotated[i]!;
    if (action === "") continue;
    const name = `${fileNameOf(id)}-${number}`;
    const files = [`frames/${name}-source.png`, `frames/${name}-target.png`] as const;
    for (const [side, file] of files.entries()) writeFile(`${folder}/${file}`, await encodePng(images[side]!), undefined, false);
    kept.push({
      ...{ id: `${id}#${number}`, ...(dataset && { dataset }), video: id, label, source: files[0], target: files[1] },
      ...{ action, score, sum, cdm },
      ...{ sourceTime: source.time, targetTime: target.time, sourceFrame: source.index, targetFrame: target.index },
      duration: samples.at(-1)!.time,
    });
  }
  return kept;
}
