/**
 * What is said of single scenes, never of changes: what the tiny model is pretrained on.
 *
 * @module
 */
import { permutation, pick, type Random } from "../tensor/mod.ts";
import { nameOf, type Scene, type WorldObject } from "./scene.ts";

const ROWS = ["top", "upper", "lower", "bottom"] as const;
const COLUMNS = ["first", "second", "third", "fourth"] as const;

/** Every object of a scene with size, name and place, row by row. */
export function fullCaption({ background, objects }: Scene): string {
  const ordered = [...objects].sort((a, b) => a.row - b.row || a.column - b.column);
  return `${background}: ${ordered.map(describe).join(", ")}`;
}

/** One fact about a scene: an object's place, a relation of two, or how many there are. */
export function shortCaption(random: Random, scene: Scene): string {
  const order = permutation(random, scene.objects.length).map((i) => scene.objects[i]!);
  const [first, second] = order;
  if (!first) return `${scene.background}: nothing`;
  if (second && random() < 0.3) return relation(first, second);
  return pick(random, [describe(first), `${nameOf(first)} on ${scene.background}`, `${scene.objects.length} objects`]);
}

/** An object with size, name and place. */
export function describe(object: WorldObject): string {
  return `${object.size} ${nameOf(object)} ${ROWS[object.row]} ${COLUMNS[object.column]}`;
}

function relation(a: WorldObject, b: WorldObject): string {
  if (a.column !== b.column) return `the ${nameOf(a)} is ${a.column < b.column ? "left" : "right"} of the ${nameOf(b)}`;
  return `the ${nameOf(a)} is ${a.row < b.row ? "above" : "below"} the ${nameOf(b)}`;
}

/** Words that the tiny tokenizer keeps whole: those of captions, actions, and the models' prompts. */
export const WORDS: readonly string[] = (
  "a above add and at away below black blue bottom brown circle colour diamond down first fourth from green grey image in " +
  "is large left leads lower make move nothing object objects of on orange paint purple push put red remove right second " +
  "small square take the third to top triangle up upper white yellow What What action leads first second"
).split(" ");
