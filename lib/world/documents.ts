/**
 * Documents that the tiny model is pretrained on: single scenes with what is said of them, and pairs of scenes that are
 * the same or have nothing to do with each other. Never a change with its action.
 *
 * @module
 */
import { pick, type Random } from "../tensor/mod.ts";
import { imageIds, type Vocabulary } from "../tokens/mod.ts";
import { fullCaption, shortCaption } from "./captions.ts";
import type { Scene } from "./scene.ts";

/** A scene and its image codes. */
export interface EncodedScene {
  /** The scene. */
  readonly scene: Scene;
  /** Its image, as codes. */
  readonly codes: ArrayLike<number>;
}

/** A document: ids, and what each costs in the loss. */
export interface Document {
  /** Ids from `<s>` to `</s>`. */
  readonly ids: readonly number[];
  /** Weight of each id in the loss. */
  readonly weights: readonly number[];
}

/**
 * A document for a point of the curriculum: first naming one object, then several, then everything.
 *
 * @param random the stream to draw from
 * @param scenes a pool, sorted by how many objects the scenes have
 * @param progress share of the training that is done
 * @param vocabulary the tiny vocabulary
 */
export function randomDocument(random: Random, scenes: readonly EncodedScene[], progress: number, vocabulary: Vocabulary): Document {
  if (progress < 0.15) return look(random, pick(random, scenes.slice(0, scenes.length / 3)), vocabulary, 0);
  if (progress < 0.35) return look(random, pick(random, scenes), vocabulary, 0);
  const kind = random();
  if (kind < 0.4) return look(random, pick(random, scenes), vocabulary, 0.2);
  if (kind < 0.75) return draw(random, pick(random, scenes), vocabulary);
  const first = pick(random, scenes);
  return album(first, random() < 0.6 ? first : pick(random, scenes), vocabulary);
}

/** An image, then what is said of it. */
function look(random: Random, { scene, codes }: EncodedScene, vocabulary: Vocabulary, imageWeight: number): Document {
  const caption = random() < 0.5 ? fullCaption(scene) : shortCaption(random, scene);
  return join([[[vocabulary.bos], 0], [imageIds(vocabulary, codes), imageWeight], [vocabulary.encode(caption), 1], [[vocabulary.eos], 1]]);
}

/** What is said, then the image. */
function draw(random: Random, { scene, codes }: EncodedScene, vocabulary: Vocabulary): Document {
  const caption = random() < 0.8 ? fullCaption(scene) : shortCaption(random, scene);
  const { bos, endOfTurn, eos } = vocabulary;
  return join([[[bos], 0], [vocabulary.encode(caption), 0.2], [[endOfTurn], 0.2], [imageIds(vocabulary, codes), 1], [[eos], 0.2]]);
}

/** Two images one after the other. */
function album(first: EncodedScene, second: EncodedScene, vocabulary: Vocabulary): Document {
  const { bos, endOfTurn, eos } = vocabulary;
  return join([
    [[bos], 0],
    [imageIds(vocabulary, first.codes), 0.2],
    [[endOfTurn], 0.2],
    [imageIds(vocabulary, second.codes), 1],
    [[eos], 0.2],
  ]);
}

function join(parts: readonly (readonly [ids: readonly number[], weight: number])[]): Document {
  return {
    ids: parts.flatMap(([ids]) => ids),
    weights: parts.flatMap(([ids, weight]) => ids.map(() => weight)),
  };
}
