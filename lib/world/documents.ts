/**
 * Documents that the tiny model is pretrained on: single scenes with what is said of them, and pairs of scenes that are
 * the same, differ in several objects, or have nothing to do with each other. Never a change with its action: actions
 * stand in documents of text alone, so that their words are no strangers.
 *
 * @module
 */
import { permutation, type Random, randomInt } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import { DYNAMICS_QUESTION, type RgbImage, type Vocabulary } from "../tokens/mod.ts";
import { imageIds, withPlaces } from "../tokens/sequences.ts";
import { randomTransition } from "./dataset.ts";
import { fullCaption, onlyIn, placesApart, shortCaption } from "./captions.ts";
import type { Difficulty } from "./difficulty.ts";
import { sayAction } from "./phrases.ts";
import { isCalled, isFree, randomObject, randomScene, type Scene, type WorldObject } from "./scene.ts";
import { FAMILIES, GRID } from "./things.ts";

/** A scene and its image codes. */
export interface EncodedScene {
  /** The scene. */
  readonly scene: Scene;
  /** Its image, as codes. */
  readonly codes: ArrayLike<number>;
  /** Its image, for a model that sees what it says something of, and does not read codes. */
  readonly picture?: RgbImage;
}

/** Scenes to make documents of. */
export interface ScenePool {
  /** The dial. */
  readonly world: Difficulty;
  /** Groups of scenes that are alike: the first, and variations of it with several changed objects. */
  readonly groups: readonly (readonly EncodedScene[])[];
}

/** A document: ids, and what each costs in the loss. */
export interface Document {
  /** Ids from `<s>` to `</s>`; those behind all codes are places of its pictures. */
  readonly ids: readonly number[];
  /** Pictures that are seen in it, two at most. */
  readonly pictures: readonly RgbImage[];
  /** Weight of each id in the loss. */
  readonly weights: readonly number[];
}

/** Parts of a document with their weight in the loss. */
type Parts = readonly (readonly [content: string | EncodedScene, weight: number])[];

/**
 * Documents for a point of the curriculum: first naming one object, then several, then everything. A batch holds documents
 * of one image or of two, so that little of it is padding.
 *
 * @param random the stream to draw from
 * @param pool groups of scenes, those whose first has fewest objects first
 * @param count how many
 * @param progress share of the training that is done; 1 for scenes that are nearly the same
 * @param vocabulary the tiny vocabulary
 */
export function randomDocuments(random: Random, pool: ScenePool, count: number, progress: number, vocabulary: Vocabulary): Document[] {
  const { groups } = pool;
  const scene = () => pick(random, pick(random, groups));
  const simple = () => pick(random, groups.slice(0, Math.ceil(groups.length / 4)))[0]!; // one object, mostly
  const inPairs = progress >= 0.15 && random() < (progress < 1 ? 0.55 : 0.75);
  const parts = () => {
    if (progress < 0.06) return look(random, simple(), 0);
    if (progress < 0.15) return look(random, scene(), 0);
    if (!inPairs) return one(random, pool.world, scene());
    return progress < 1 ? two(random, groups) : nearlySame(random, groups);
  };
  return Array.from({ length: count }, () => join(vocabulary, parts()));
}

function one(random: Random, world: Difficulty, scene: EncodedScene): Parts {
  const kind = random();
  return kind < 0.08 ? words(random, world) : kind < 0.55 ? look(random, scene, 0.1) : draw(scene);
}

/** Two scenes of a group, which may be the same one; one time in five, of two groups. */
function two(random: Random, groups: ScenePool["groups"]): Parts {
  const group = pick(random, groups);
  const other = random() < 0.2 ? pick(random, groups) : group;
  const [first, second] = [pick(random, group), pick(random, other)];
  return random() < 0.5 ? compare(first, second) : describeThenDraw(first, second);
}

/**
 * Two scenes that are nearly the same: one drawn after the other, where they differ, what differs. Full scenes and no words
 * between the images make looking back at the first one worth while; with captions a model learns to draw and never to copy.
 */
function nearlySame(random: Random, groups: ScenePool["groups"]): Parts {
  const group = pick(random, groups);
  const [first, second] = permutation(random, group.length).map((i) => group[i]!) as [EncodedScene, EncodedScene];
  const kind = random();
  if (kind < 0.35) return [[first, 0.1], [second, 1]];
  return kind < 0.65 ? locate(first, second) : kind < 0.85 ? compare(first, second) : describeThenDraw(first, second);
}

/** An image, then what is said of it. */
function look(random: Random, image: EncodedScene, imageWeight: number): Parts {
  const { scene } = image;
  const facts = () => `${shortCaption(random, scene)}, ${shortCaption(random, scene)}`;
  return [[image, imageWeight], [random() < 0.6 ? fullCaption(scene) : facts(), 1]];
}

/** What is said, then the image. */
function draw(image: EncodedScene): Parts {
  const { scene } = image;
  return [[`${fullCaption(scene)} on ${scene.background.tone}`, 0.2], [image, 1]];
}

/** Two images, then what is in each, or in one alone. */
function compare(first: EncodedScene, second: EncodedScene): Parts {
  const only = `only first ${onlyIn(first.scene, second.scene)}. only second ${onlyIn(second.scene, first.scene)}`;
  return [[first, 0.1], [second, 0.3], [only, 1]];
}

/** Two images, then the places where they differ: the shortest thing to say that cannot be said without comparing. */
function locate(first: EncodedScene, second: EncodedScene): Parts {
  return [[first, 0.1], [second, 0.3], [`only ${placesApart(first.scene, second.scene)}`, 1]];
}

/** An image, what is said of another, and that other image. */
function describeThenDraw(first: EncodedScene, second: EncodedScene): Parts {
  return [[first, 0.1], [fullCaption(second.scene), 0.2], [second, 1]];
}

/** A sentence about an action, without images. */
function words(random: Random, world: Difficulty): Parts {
  const { meaning } = randomTransition(random, world, pick(random, FAMILIES));
  return [[random() < 0.5 ? DYNAMICS_QUESTION : "", 0], [sayAction(random, meaning), 1]];
}

/**
 * A group of scenes that are alike: a random one, and variations of it, so different from each other that no
 * pair of them shows an action.
 *
 * @param random the stream to draw from
 * @param world the dial
 * @param size how many
 */
export function alikeScenes(random: Random, world: Difficulty, size: number): Scene[] {
  const most = world.objects[1] + 1; // so that something can stay while two objects change
  const first = randomScene(random, world, { most });
  const scenes = [first];
  for (let tries = 0; scenes.length < size && tries < 50; tries++) {
    const scene = vary(random, first, randomScene(random, world, { least: 2, most }));
    if (scenes.every((other) => differences(scene, other) > 2)) scenes.push(scene);
  }
  return scenes;
}

/** A scene of which all but two objects or three stay, with some of another's. */
function vary(random: Random, scene: Scene, other: Scene): Scene {
  const stay = Math.max(0, scene.objects.length - 2 - randomInt(random, 2));
  const objects = permutation(random, scene.objects.length).slice(0, stay).map((i) => scene.objects[i]!);
  for (const object of other.objects) {
    const fits = isFree({ ...scene, objects }, object.row, object.column) && !objects.some((one) => isCalled(one, object));
    if (fits && objects.length < other.objects.length) objects.push(object);
  }
  return { ...scene, objects };
}

/**
 * A group of fuller scenes that are nearly the same: in a variation two objects are other ones, stand elsewhere, are gone or
 * have come. Telling them apart is what a dynamics model needs, and no pair of them shows an action.
 *
 * @param random the stream to draw from
 * @param world the dial
 * @param size how many
 */
export function nearScenes(random: Random, world: Difficulty, size: number): Scene[] {
  const first = randomScene(random, world, { least: 3, most: world.objects[1] + 4 });
  const scenes = [first];
  for (let tries = 0; scenes.length < size && tries < 50; tries++) {
    const scene = exchangeOne(random, world, exchangeOne(random, world, first));
    if (scene.objects.length > 0 && scenes.every((other) => differences(scene, other) > 2)) scenes.push(scene);
  }
  return scenes;
}

/** A scene in which one object has another look or place, is gone, or has come. */
function exchangeOne(random: Random, world: Difficulty, scene: Scene): Scene {
  const [object] = permutation(random, scene.objects.length).map((i) => scene.objects[i]!);
  const rest = { ...scene, objects: scene.objects.filter((other) => other !== object) };
  const kind = random();
  if (!object || kind < 0.15) return kind < 0.075 ? rest : withObject(scene, randomObjectSomewhere(random, world));
  const other = randomObjectSomewhere(random, world);
  if (kind < 0.55) return withObject(rest, { ...object, row: other.row, column: other.column }, scene);
  const look = object.shape === "person" ? { turn: 1 - object.turn } : kind < 0.8 ? { colour: other.colour } : { shape: other.shape };
  return withObject(rest, { ...object, ...look }, scene);
}

/** A scene with one more object, or `otherwise` where it does not fit. */
function withObject(scene: Scene, object: WorldObject, otherwise: Scene = scene): Scene {
  const fits = isFree(scene, object.row, object.column) && !scene.objects.some((other) => isCalled(other, object));
  return fits ? { ...scene, objects: [...scene.objects, object] } : otherwise;
}

function randomObjectSomewhere(random: Random, world: Difficulty): WorldObject {
  return randomObject(random, world, pick(random, world.shapes), randomInt(random, GRID), randomInt(random, GRID));
}

/** How many objects stand in one scene and not in the other: an action changes two at most, what was there and what is there. */
function differences(a: Scene, b: Scene): number {
  const [inA, inB] = [a, b].map(({ objects }) => new Set(objects.map((object) => JSON.stringify(object)))) as [Set<string>, Set<string>];
  return inA.symmetricDifference(inB).size;
}

function join(vocabulary: Vocabulary, parts: Parts): Document {
  const { bos, turn, eos } = vocabulary;
  const pictures: RgbImage[] = [];
  const isSaid = typeof parts.at(-1)![0] === "string"; // words are learnt from what is seen, pictures from codes
  const laid = parts.map(([content, weight], i): { ids: readonly number[]; weight: number } => {
    if (typeof content !== "string") {
      const isSeen = isSaid && content.picture;
      return isSeen
        ? { ids: seenIds(vocabulary, content.codes.length, pictures.push(content.picture) - 1), weight: 0 }
        : { ids: imageIds(vocabulary, content.codes), weight };
    }
    const said = vocabulary.encode(content);
    const endsTurn = i < parts.length - 1 && said.length > 0; // as the models' prompts have it
    return { ids: endsTurn ? [...said, ...turn.after] : said, weight };
  });
  const all = [{ ids: [bos, ...turn.before], weight: 0 }, ...laid, { ids: [eos], weight: 1 }];
  return { ids: all.flatMap(({ ids }) => ids), weights: all.flatMap(({ ids, weight }) => ids.map(() => weight)), pictures };
}

/** Ids of a picture that is seen, by its number in the document. */
function seenIds(vocabulary: Vocabulary, places: number, picture: number): number[] {
  const own = withPlaces(vocabulary, picture + 1, places);
  return imageIds(own.vocabulary, own.places[picture]!);
}
