/**
 * Candidates of the next observation for several questions at once: drawn, decoded, and ranked by the dynamics model (paper §3.3).
 *
 * @module
 */
import type { PictureEncoder, Vqgan } from "../model/mod.ts";
import { decodedImages, encodePictures, type RgbImage, squareCrop, type Vocabulary } from "../tokens/mod.ts";
import { imageIds, openingIds } from "../tokens/sequences.ts";
import type { Reader } from "./look.ts";
import { drawObservations, type ObservationOptions, type OnRow } from "./predict_images.ts";
import type { Sampler } from "./sampler.ts";
import { rewardCandidates } from "./verify.ts";

/** Both models on one base. */
export interface Imagination extends Reader {
  /** The world model, its head over image tokens. */
  readonly image: Sampler;
}

/** What is asked. */
export interface ImagineQuery {
  /** Codes of the source. */
  readonly source: readonly number[];
  /** What is done. */
  readonly action: string;
  /** The candidates' seed. */
  readonly seed: number;
}

/** A next observation. */
export interface Candidate {
  /** Its pixels. */
  readonly picture: RgbImage;
  /** Its tokens, row by row. */
  readonly codes: readonly number[];
  /** Which of the drawn it is, from 0 on. */
  readonly candidate: number;
  /** Log-likelihood of the action by the dynamics model, the mean of its tokens, in nats. */
  readonly logLikelihood: number;
}

/**
 * Imagines what actions lead to. A query's candidates are the same whatever is asked beside it, up to rounding.
 *
 * @param models both models
 * @param queries what is asked
 * @param count candidates of each
 * @param options of the choice
 * @param onRow told how far the drawing is
 * @returns candidates of each query, the likeliest first
 * @throws UserError when there are no candidates to draw, or an action does not fit into the context
 *
 * @example Two candidates, the likelier first
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const models = { image: ws.imageSampler(chameleon, vocabulary), text: ws.textSampler(chameleon, vocabulary), vqgan, vocabulary };
 * const options = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1 };
 * const query = { source: Array<number>(64).fill(7), action: "remove the red circle", seed: 1 };
 * const [drawn] = ws.sample.imagineAll(models, [query], 2, options);
 * assert(drawn![0]!.logLikelihood >= drawn![1]!.logLikelihood);
 * ```
 */
export function imagineAll(
  models: Imagination,
  queries: readonly ImagineQuery[],
  count: number,
  options: ObservationOptions,
  onRow?: OnRow,
): Candidate[][] {
  const { image, vqgan, vocabulary } = models;
  const named = queries.map((query) => ({ ...query, id: "imagine" })); // the seed tells them apart
  const drawn = drawObservations(image, vocabulary, named, count, { ...options, seed: 0 }, onRow);
  const before = queries[0] ? beforeCandidates(vocabulary, queries[0].source) : 0;
  const rewards = rewardCandidates(models, queries, drawn, "mean", before);
  return drawn.map((candidates, i) => {
    const pictures = decodedImages(vqgan, candidates); // a query at a time: few shapes are compiled
    return candidates.map((codes, j) => ({ picture: pictures[j]!, codes, candidate: j, logLikelihood: rewards[i]![j]! }))
      .sort((a, b) => b.logLikelihood - a.logLikelihood || a.candidate - b.candidate);
  });
}

/** Ids of the dynamics model's prompts that all candidates of a query share: to where the candidate's codes begin. */
function beforeCandidates(vocabulary: Vocabulary, source: readonly number[]): number {
  const { turn: { before } } = vocabulary;
  return 1 + before.length + imageIds(vocabulary, source).length + openingIds(vocabulary, source.length).length;
}

/**
 * Pictures of drawings that are not finished: what is not drawn yet is the source's.
 *
 * @param vqgan the image tokenizer, with its decoder
 * @param source codes of the source
 * @param drawn codes so far, a list a candidate
 * @returns a picture for each candidate
 *
 * @example Nothing is drawn yet
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const source = Array<number>(64).fill(7);
 * assertEquals(ws.sample.unfinished(vqgan, source, [[]]), ws.tokens.decodedImages(vqgan, [source]));
 * ```
 */
export function unfinished(vqgan: Vqgan, source: readonly number[], drawn: readonly (readonly number[])[]): RgbImage[] {
  return decodedImages(vqgan, drawn.map((codes) => [...codes, ...source.slice(codes.length)]));
}

/**
 * Codes of a picture's middle square. By itself: the last bits of features depend on how many are encoded at once.
 *
 * @param vqgan the image tokenizer
 * @param picture any picture
 * @param opened its encoder, where the caller keeps one open
 * @returns codes row by row
 *
 * @example A grey picture
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const grey = { width: 90, height: 64, data: new Uint8Array(90 * 64 * 3).fill(128) };
 * assertEquals(ws.sample.codesOf(vqgan, grey).length, 64);
 * ```
 */
export function codesOf(vqgan: Vqgan, picture: RgbImage, opened?: PictureEncoder): number[] {
  return encodePictures(vqgan, [squareCrop(picture, vqgan.config.resolution)], opened)[0]!;
}
