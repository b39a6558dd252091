/**
 * How a dynamics model sees pictures: by their codes, as the world model does, or by what an encoder of its base sees in them (Janus's
 * SigLIP), whose vectors stand where codes would.
 *
 * Shapes: N pictures of n places, D width.
 *
 * @module
 */
import { tidy } from "../engine/mod.ts";
import type { PictureEncoder, Vqgan } from "../model/mod.ts";
import { gridSide } from "../model/config.ts";
import { withSeen } from "../model/seen.ts";
import { decodedImages, encodePictures, type RgbImage, squareCrop, type Vocabulary } from "../tokens/mod.ts";
import { seenPictures } from "../tokens/image_codes.ts";
import { withPlaces } from "../tokens/sequences.ts";
import type { EncodedTrajectory } from "../trajectories/mod.ts";
import { loadPair } from "../trajectories/token_cache.ts";
import type { ImagePair } from "./predict_actions.ts";
import type { Sampler } from "./sampler.ts";

/** A dynamics model, and what it sees pictures with. */
export interface Reader {
  /** The dynamics model: draws text, and scores it over the whole vocabulary. */
  readonly text: Sampler;
  /** Encodes and decodes pictures. */
  readonly vqgan: Vqgan;
  /** Its encoder, where the caller keeps one open. */
  readonly encoder?: PictureEncoder;
  /** The vocabulary. */
  readonly vocabulary: Vocabulary;
}

/** A picture as far as it is known: its pixels, its codes, or both. */
export interface View {
  /** Its codes, row by row. */
  readonly codes?: ArrayLike<number>;
  /** Its pixels, of any size. */
  readonly picture?: RgbImage;
}

/** A dynamics model with pictures before its eyes. */
export interface Look {
  /** The dynamics model. */
  readonly text: Sampler;
  /** The vocabulary of sequences about the pictures. */
  readonly vocabulary: Vocabulary;
  /** What stands for each picture in them where its codes would. */
  readonly pictures: readonly ArrayLike<number>[];
  /** Frees what is seen. */
  readonly [Symbol.dispose]: () => void;
}

/**
 * Shows pictures to a dynamics model, as its base sees them. Where it reads codes, those of pictures that have none are made; where it does
 * not, the pixels of those that are known by their codes alone.
 *
 * @param reader the dynamics model
 * @param views the pictures
 * @returns the model and the words to ask it in; dispose of it
 *
 * @example The tiny base sees codes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
 * using look = ws.sample.lookAt({ text: ws.textSampler(chameleon, vocabulary), vqgan, vocabulary }, [{ picture: grey }]);
 * assertEquals(look.pictures, ws.tokens.encodePictures(vqgan, [grey]));
 * ```
 */
export function lookAt(reader: Reader, views: readonly View[]): Look {
  const { text, vqgan, vocabulary } = reader;
  if (!vqgan.see) return { text, vocabulary, pictures: codesOfAll(reader, views), [Symbol.dispose]: () => {} };
  const seen = tidy(() => withSeen(text.model, seenPictures(vqgan, picturesOfAll(reader, views))).seen); // [N·n, D]
  const own = withPlaces(vocabulary, views.length, gridSide(vqgan.config) ** 2);
  const looking = { ...text, model: { ...text.model, seen } };
  return { text: looking, vocabulary: own.vocabulary, pictures: own.places, [Symbol.dispose]: () => seen.dispose() };
}

/** The codes of pictures; those that have none are encoded together. */
function codesOfAll({ vqgan, encoder }: Reader, views: readonly View[]): ArrayLike<number>[] {
  const unknown = views.flatMap(({ codes, picture }) => codes ? [] : [squareCrop(picture!, vqgan.config.resolution)]);
  const encoded = unknown.length > 0 ? encodePictures(vqgan, unknown, encoder) : [];
  return views.map(({ codes }) => codes ?? encoded.shift()!);
}

/** The pixels of pictures, squares of the VQGAN's side; those that are not known are decoded together. */
function picturesOfAll({ vqgan }: Reader, views: readonly View[]): RgbImage[] {
  const unknown = views.flatMap(({ codes, picture }) => picture ? [] : [Array.from(codes!)]);
  const decoded = unknown.length > 0 ? decodedImages(vqgan, unknown) : [];
  return views.map(({ picture }) => picture ? squareCrop(picture, vqgan.config.resolution) : decoded.shift()!);
}

/**
 * Shows a dynamics model the pictures of trajectories, source and target in turn.
 *
 * @param reader the dynamics model
 * @param items trajectories in tokens
 * @returns what {@linkcode lookAt} returns
 * @throws Error when a picture cannot be read any more
 *
 * @example Two pictures a trajectory
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const { encoded } = await ws.encodeTrajectories(ws.worldTrajectories("easy", 1, "bench", 2), vqgan, Deno.makeTempDirSync());
 * using look = await ws.sample.lookAtTrajectories({ text: ws.textSampler(chameleon, vocabulary), vqgan, vocabulary }, encoded);
 * assertEquals(look.pictures[1], encoded[0]!.target);
 * ```
 */
export async function lookAtTrajectories(reader: Reader, items: readonly EncodedTrajectory[]): Promise<Look> {
  const views = items.flatMap(({ source, target }): View[] => [{ codes: source }, { codes: target }]);
  if (!reader.vqgan.see) return lookAt(reader, views);
  const pairs = await Promise.all(items.map(({ trajectory }) => loadPair(trajectory, reader.vqgan)));
  return lookAt(reader, pairs.flat().map((picture) => ({ picture })));
}

/**
 * Pictures of a look two by two: those of trajectories, source and target.
 *
 * @param look at an even number of pictures
 * @returns pairs to predict actions of
 *
 * @example One pair
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const [source, target] = [Array<number>(64).fill(7), Array<number>(64).fill(8)];
 * const reader = { text: ws.textSampler(chameleon, vocabulary), vqgan, vocabulary };
 * using look = ws.sample.lookAt(reader, [{ codes: source }, { codes: target }]);
 * assertEquals(ws.sample.picturePairs(look), [{ source, target }]);
 * ```
 */
export function picturePairs({ pictures }: Look): ImagePair[] {
  return Array.from({ length: pictures.length / 2 }, (_, i) => ({ source: pictures[2 * i]!, target: pictures[2 * i + 1]! }));
}
