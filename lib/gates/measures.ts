/**
 * How good models are in the tiny world, where the truth is known: the measurements behind its gates.
 *
 * @module
 */
import type { Vqgan } from "../model/mod.ts";
import { mean } from "../metrics/mod.ts";
import {
  generate,
  lookAt,
  lookAtTrajectories,
  picturePairs,
  predictActions,
  type Reader,
  type Sampler,
  type SamplingOptions,
} from "../sample/mod.ts";
import { randomStream } from "../engine/mod.ts";
import { decodedImages, type RgbImage, type Vocabulary, worldPrompt } from "../tokens/mod.ts";
import { imageIds, pictureCodes, pictureLength } from "../tokens/sequences.ts";
import type { EncodedTrajectory } from "../trajectories/mod.ts";
import {
  applyAction,
  type Difficulty,
  FAMILIES,
  type Family,
  type Judgement,
  judgePicture,
  parseAction,
  randomScene,
  renderScenes,
  type Scene,
  type WorldTrajectory,
} from "../world/mod.ts";
import { describe } from "../world/captions.ts";

/** A trajectory of the tiny world in tokens. */
export interface EncodedWorldTrajectory extends EncodedTrajectory {
  /** The trajectory with its scenes. */
  readonly trajectory: WorldTrajectory;
}

const BATCH = 50;

/** What became of the targets when they are encoded and decoded: the most that a world model can reach. */
export function judgeRoundTrip(vqgan: Vqgan, items: readonly EncodedWorldTrajectory[]): Judgement[] {
  return judgeCodes(vqgan, items, items.map(({ target }) => Array.from(target)));
}

/** Judges predicted image codes. */
export function judgeCodes(
  vqgan: Vqgan,
  items: readonly EncodedWorldTrajectory[],
  codes: readonly (readonly number[])[],
): Judgement[] {
  return inBatches(items.length, (start, end) => {
    const pictures = decodedImages(vqgan, codes.slice(start, end));
    return pictures.map((picture, i) => judgePicture(items[start + i]!.trajectory.before, items[start + i]!.trajectory.after, picture));
  });
}

/** How good predicted images are. */
export interface EditMeasure {
  /** Share that is right and minimal. */
  readonly right: number;
  /** Share of the failures in which the scene stayed as it was. */
  readonly copied: number;
  /** Mean editing success, 0 … 10. */
  readonly success: number;
  /** Mean minimal editing, 0 … 10. */
  readonly minimal: number;
  /** A judgement for each trajectory. */
  readonly judgements: readonly Judgement[];
}

/** Draws one image for each trajectory and judges it. */
export function measureEdits(
  sampler: Sampler,
  vqgan: Vqgan,
  vocabulary: Vocabulary,
  items: readonly EncodedWorldTrajectory[],
  { temperature, seed }: SamplingOptions,
): EditMeasure {
  const codes = inBatches(items.length, (start, end) => {
    const prompts = items.slice(start, end).map(({ source, trajectory }) => worldPrompt(vocabulary, source, trajectory.action));
    const drawn = generate(sampler, prompts, pictureLength(vocabulary, items[0]!.target.length), { temperature, seed: seed + start });
    return drawn.map((ids) => pictureCodes(vocabulary, ids));
  });
  const judgements = judgeCodes(vqgan, items, codes);
  const failures = judgements.filter(({ right }) => !right);
  const copies = failures.filter(({ success, minimal }) => success === 0 && minimal >= 9);
  return {
    right: 1 - failures.length / judgements.length,
    copied: copies.length / Math.max(1, failures.length),
    success: mean(judgements.map(({ success }) => success)),
    minimal: mean(judgements.map(({ minimal }) => minimal)),
    judgements,
  };
}

function inBatches<T>(count: number, make: (start: number, end: number) => T[]): T[] {
  const all: T[] = [];
  for (let start = 0; start < count; start += BATCH) all.push(...make(start, Math.min(count, start + BATCH)));
  return all;
}

/** Where image tokens changed between two images, and where not. */
export interface TokenCounts {
  /** Tokens that differ where the pixels do not. */
  readonly outside: number;
  /** Tokens that differ. */
  readonly changed: number;
  /** Places whose pixels differ. */
  readonly touched: number;
}

/** How many tokens an action changes, and how many of them it does not touch, an image on average. */
export async function countChangedTokens(items: readonly EncodedWorldTrajectory[]): Promise<TokenCounts> {
  const counts = { outside: 0, changed: 0, touched: 0 };
  for (const { source, target, trajectory } of items) {
    const touched = touchedPlaces(await trajectory.source.load(), await trajectory.target.load(), Math.sqrt(source.length));
    touched.forEach((isTouched, place) => {
      const isChanged = source[place] !== target[place];
      counts.touched += Number(isTouched) / items.length;
      counts.changed += Number(isChanged) / items.length;
      counts.outside += Number(isChanged && !isTouched) / items.length;
    });
  }
  return counts;
}

function touchedPlaces(a: RgbImage, b: RgbImage, side: number): boolean[] {
  const touched = new Array<boolean>(side * side).fill(false);
  const patch = a.width / side;
  a.data.forEach((value, i) => {
    const pixel = Math.floor(i / 3);
    const [row, column] = [Math.floor(pixel / a.width / patch), Math.floor(pixel % a.width / patch)];
    if (Math.abs(value - b.data[i]!) > 8) touched[row * side + column] = true;
  });
  return touched;
}

/** Shares of objects that are named right. */
export interface Naming {
  /** Of the objects' colours at their places. */
  readonly colour: number;
  /** Of the objects' shapes at their places. */
  readonly shape: number;
  /** Of the objects' places. */
  readonly place: number;
}

/**
 * Lets a model say what it sees in held-out scenes, and counts what is right of it.
 *
 * @param reader the model
 * @param world the dial
 * @param most objects a scene
 * @param seed of the scenes
 * @returns shares that are named right
 */
export async function measureNaming(
  reader: Reader,
  world: Difficulty,
  most: number,
  seed: number,
): Promise<Naming> {
  const scenes = Array.from({ length: 200 }, (_, i) => randomScene(randomStream("naming", seed, i), world, { least: 1, most }));
  const pictures = await renderScenes(scenes);
  using look = lookAt(reader, pictures.map((picture) => ({ picture })));
  const { text, vocabulary } = look;
  const opening = [vocabulary.bos, ...vocabulary.turn.before];
  const captions = inBatches(scenes.length, (start, end) => {
    const prompts = look.pictures.slice(start, end).map((image) => [...opening, ...imageIds(vocabulary, image)]);
    return generate(text, prompts, 32, { temperature: 0, seed: 0 }, vocabulary.eos).map((ids) => vocabulary.decode(ids));
  });
  const right = scenes.flatMap(({ objects }, i) => {
    const said = captions[i]!.split(",").map((part) => part.trim().split(" "));
    return objects.map((object) => {
      const [colour, shape, row, column] = describe(object).split(" ");
      const there = said.find((words) => words[2] === row && words[3] === column);
      return { colour: there?.[0] === colour, shape: there?.[1] === shape, place: there !== undefined };
    });
  });
  const share = (key: keyof Naming) => right.filter((object) => object[key]).length / right.length;
  return { colour: share("colour"), shape: share("shape"), place: share("place") };
}

/** Whether an action, as it is said, does to the scene what was done. */
export function doesTheSame(action: string, { before, after }: Pick<WorldTrajectory, "before" | "after">): boolean {
  const meaning = parseAction(action);
  const result = meaning && applyAction(before, meaning);
  return result !== undefined && JSON.stringify(sorted(result)) === JSON.stringify(sorted(after));
}

/** The objects in an order of their own, whatever the order in which they came. */
function sorted({ objects }: Scene): string[] {
  return objects.map((object) => JSON.stringify(object)).sort();
}

/** Share of the trajectories whose action is predicted right by meaning, in all and by family. */
export async function measureActions(
  reader: Reader,
  items: readonly EncodedWorldTrajectory[],
): Promise<{ predicted: string[]; right: boolean[] }> {
  using look = await lookAtTrajectories(reader, items);
  const predicted = predictActions(look.text, look.vocabulary, picturePairs(look));
  return { predicted, right: items.map(({ trajectory }, i) => doesTheSame(predicted[i]!, trajectory)) };
}

/** The share of each family's trajectories for which something holds. */
export function shareByFamily(items: readonly EncodedWorldTrajectory[], holds: readonly boolean[]): Record<Family, number> {
  const shareOf = (family: Family) => {
    const own = holds.filter((_, i) => items[i]!.trajectory.subset === family);
    return own.filter(Boolean).length / own.length;
  };
  return Object.fromEntries(FAMILIES.map((family) => [family, shareOf(family)])) as Record<Family, number>;
}
