/**
 * What is said of single scenes, never of changes: what the tiny model is pretrained on.
 *
 * @module
 */
import { permutation, type Random } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import { PHRASINGS, placeName, RELATIONS } from "./phrases.ts";
import type { Scene, WorldObject } from "./scene.ts";
import { COLOURS, type Direction, objectName, SHAPES, SIZES } from "./things.ts";

/** An object with its name and place: what a base must be able to say (gate 2). */
export function describe(object: WorldObject): string {
  const arms = object.shape === "person" ? object.turn === 1 ? " arms up" : " arms down" : "";
  return `${object.colour} ${object.shape} ${placeName(object.row, object.column)}${arms}`;
}

/** Every object of a scene with name and place, row by row. */
export function fullCaption({ objects }: Pick<Scene, "objects">): string {
  if (objects.length === 0) return "nothing";
  return [...objects].sort((a, b) => a.row - b.row || a.column - b.column).map(describe).join(", ");
}

/** One fact about a scene: an object, what is at a place, a relation of two, the background, or how many objects there are. */
export function shortCaption(random: Random, scene: Scene): string {
  const [first, second] = permutation(random, scene.objects.length).map((i) => scene.objects[i]!);
  if (!first) return `nothing on ${scene.background.tone}`;
  if (second && random() < 0.3) return relation(first, second);
  return pick(random, [
    describe(first),
    describe(first),
    `${placeName(first.row, first.column)} ${first.colour} ${first.shape}`,
    `${first.colour} ${first.shape} on ${scene.background.tone}`,
    `${scene.objects.length} objects`,
  ]);
}

function relation(a: WorldObject, b: WorldObject): string {
  const sideways: Direction = a.column < b.column ? "left" : "right";
  const direction = a.column !== b.column ? sideways : a.row < b.row ? "up" : "down";
  return `the ${objectName(a)} is ${RELATIONS[direction]} the ${objectName(b)}`;
}

/** What only one of two scenes has, or "nothing". */
export function onlyIn(scene: Scene, other: Scene): string {
  const said = new Set(other.objects.map(describe));
  return fullCaption({ objects: scene.objects.filter((object) => !said.has(describe(object))) });
}

/** The places at which two scenes differ, row by row. */
export function placesApart(a: Scene, b: Scene): string {
  const [inA, inB] = [a, b].map(({ objects }) => new Set(objects.map(describe))) as [Set<string>, Set<string>];
  const apart = [...a.objects, ...b.objects].filter((object) => inA.has(describe(object)) !== inB.has(describe(object)));
  const places = new Set(apart.sort((x, y) => x.row - y.row || x.column - y.column).map(({ row, column }) => placeName(row, column)));
  return [...places].join(", ") || "nothing";
}

const OWN = "first second only both nothing on white grey brown black objects arms up down";
const PROMPT = "What action leads from the first image to second";

/** Words that the tiny tokenizer keeps whole: those of captions, actions, and the models' prompts. */
export const WORDS: readonly string[] = [
  ...new Set([
    ...`${OWN} ${PROMPT} top middle bottom left centre right above below of is now`.split(" "),
    ...Object.values(PHRASINGS).flat().flatMap((phrasing) => phrasing.replaceAll(/\{\w+\}/g, "").split(/ +/)),
    ...Object.keys(COLOURS),
    ...SHAPES,
    ...Object.keys(SIZES),
  ]),
].filter((word) => word !== "").sort();
