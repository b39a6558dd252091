/**
 * How actions are said in English, and what is meant by what is said. Actions are scored by meaning, never by string.
 *
 * @module
 */
import type { Random } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import {
  type Action,
  type ActionKind,
  type Colour,
  COLOURS,
  type Direction,
  type Name,
  objectName,
  type Shape,
  SHAPES,
  SIZES,
} from "./things.ts";

/** Names of the rows of places. */
export const ROWS = ["top", "middle", "bottom"] as const;
/** Names of the columns of places. */
export const COLUMNS = ["left", "centre", "right"] as const;
/** How directions are said between two objects. */
export const RELATIONS = { up: "above", down: "below", left: "left of", right: "right of" } as const satisfies Record<Direction, string>;

/**
 * Phrasings of every kind. The words in braces stand for parts of the meaning: {object} and {other} for objects, {colour},
 * {shape}, {size}, {direction}, {relation}, {place} for what their names say.
 */
export const PHRASINGS: Readonly<Record<ActionKind, readonly string[]>> = {
  recolour: ["make the {object} {colour}", "paint the {object} {colour}", "colour the {object} {colour}"],
  remove: ["remove the {object}", "take away the {object}", "delete the {object}"],
  add: ["add a {object} at the {place}", "draw a {object} at the {place}", "put a {object} at the {place}"],
  replace: ["replace the {object} by a {shape}", "exchange the {object} for a {shape}", "turn the {object} into a {shape}"],
  resize: ["make the {object} {size}", "draw the {object} {size}", "let the {object} become {size}"],
  walk: ["the person walks to the {direction}", "the person goes {direction}", "the person steps to the {direction}"],
  raise: ["the person raises the arms", "the person lifts the arms", "the person puts the arms up"],
  lower: ["the person lowers the arms", "the person drops the arms", "the person puts the arms down"],
  push: ["push the {object} {direction}", "move the {object} {direction}", "pushing the {object} {direction}"],
  turn: ["turn the {object}", "rotate the {object}", "turning the {object} around"],
  swap: ["swap the {object} and the {other}", "exchange the {object} and the {other}", "swapping the {object} with the {other}"],
  beside: [
    "place the {object} {relation} the {other}",
    "the {object} is now {relation} the {other}",
    "set the {object} {relation} the {other}",
  ],
  fall: ["the {object} falls", "the {object} drops down", "let the {object} fall"],
  roll: ["the {object} rolls to the {direction}", "the {object} slides {direction}", "let the {object} roll {direction}"],
};

/**
 * An action in English, in one of its phrasings.
 *
 * @param random the stream to draw from
 * @param action what is done
 * @returns one of its phrasings
 *
 * @example It parses back
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const [{ meaning }] = ws.worldTrajectories("easy", 1, "train", 1) as [ws.world.WorldTrajectory];
 * assertEquals(ws.world.parseAction(ws.world.sayAction(ws.engine.randomStream("example"), meaning)), meaning);
 * ```
 */
export function sayAction(random: Random, action: Action): string {
  return fillIn(pick(random, PHRASINGS[action.kind]), action);
}

/** All ways to say an action. */
export function phrasingsOf(action: Action): string[] {
  return PHRASINGS[action.kind].map((phrasing) => fillIn(phrasing, action));
}

/**
 * The meaning of a sentence.
 *
 * @param text a sentence in any of the phrasings
 * @returns the action, or undefined when it says none
 *
 * @example Three ways to say it, one meaning
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const meaning = { kind: "recolour", object: { colour: "red", shape: "circle" }, colour: "blue" };
 * assertEquals(ws.world.parseAction("Paint the red circle blue."), meaning);
 * assertEquals(ws.world.parseAction("make the red circle blue"), meaning);
 * ```
 */
export function parseAction(text: string): Action | undefined {
  const plain = text.trim().toLowerCase().replace(/[.!]$/, "").replaceAll(/\s+/g, " ");
  for (const { kind, pattern, slots } of PATTERNS) {
    const match = pattern.exec(plain);
    if (match) return meaningOf(kind, Object.fromEntries(slots.map((slot, i) => [slot, match[i + 1]!])));
  }
}

function fillIn(phrasing: string, action: Action): string {
  const parts: Readonly<Record<string, string | undefined>> = {
    object: "object" in action ? objectName(action.object) : undefined,
    other: "other" in action ? objectName(action.other) : undefined,
    colour: "colour" in action ? action.colour : undefined,
    shape: "shape" in action ? action.shape : undefined,
    size: "size" in action ? action.size : undefined,
    direction: "direction" in action ? action.direction : undefined,
    relation: "direction" in action ? RELATIONS[action.direction] : undefined,
    place: "row" in action ? placeName(action.row, action.column) : undefined,
  };
  return phrasing.replaceAll(/\{(\w+)\}/g, (_, part: string) => parts[part]!);
}

/** How a place is called. */
export function placeName(row: number, column: number): string {
  return `${ROWS[row]} ${COLUMNS[column]}`;
}

const oneOf = (words: readonly string[]) => `(${words.join("|")})`;
const NAME = `((?:${Object.keys(COLOURS).join("|")}) (?:${SHAPES.join("|")})|person)`;
const SLOTS: Readonly<Record<string, string>> = {
  object: NAME,
  other: NAME,
  colour: oneOf(Object.keys(COLOURS)),
  shape: oneOf(SHAPES),
  size: oneOf(Object.keys(SIZES)),
  direction: "(up|down|left|right)",
  relation: oneOf(Object.values(RELATIONS)),
  place: `((?:${ROWS.join("|")}) (?:${COLUMNS.join("|")}))`,
};
const PATTERNS = (Object.entries(PHRASINGS) as [ActionKind, readonly string[]][]).flatMap(([kind, phrasings]) =>
  phrasings.map((phrasing) => ({
    kind,
    pattern: new RegExp(`^${phrasing.replaceAll(/\{(\w+)\}/g, (_, slot: string) => SLOTS[slot]!)}$`),
    slots: [...phrasing.matchAll(/\{(\w+)\}/g)].map(([, slot]) => slot!),
  }))
);

function meaningOf(kind: ActionKind, said: Readonly<Record<string, string>>): Action {
  const meaning: Record<string, unknown> = { kind };
  if (said["object"]) meaning["object"] = parseName(said["object"]);
  if (said["other"]) meaning["other"] = parseName(said["other"]);
  for (const part of ["colour", "shape", "size", "direction"]) if (said[part]) meaning[part] = said[part];
  if (said["relation"]) meaning["direction"] = Object.entries(RELATIONS).find(([, words]) => words === said["relation"])![0];
  if (said["place"]) {
    const [row, column] = said["place"].split(" ");
    Object.assign(meaning, { row: ROWS.indexOf(row as never), column: COLUMNS.indexOf(column as never) });
  }
  return meaning as unknown as Action;
}

function parseName(name: string): Name {
  const [colour, shape] = name.split(" ");
  return shape ? { colour: colour as Colour, shape: shape as Shape } : { colour: "red", shape: "person" };
}
