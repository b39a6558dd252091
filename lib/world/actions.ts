/**
 * What actions do to scenes of the tiny world, and which of them a scene allows.
 *
 * @module
 */
import { permutation, type Random } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import type { Difficulty } from "./difficulty.ts";
import { isCalled, isFree, randomObject, type Scene, type WorldObject } from "./scene.ts";
import { type Action, type ActionKind, type Direction, DIRECTIONS, type Family, GRID, type Name } from "./things.ts";

/**
 * Does an action.
 *
 * @param scene the scene before
 * @param action what is done
 * @returns the scene after, or undefined where the action cannot be done or changes nothing
 *
 * @example Removing leaves one object less
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const [{ before, meaning }] = ws.worldTrajectories("easy", 1, "train", 1) as [ws.world.WorldTrajectory];
 * assert(ws.world.applyAction(before, meaning) !== undefined);
 * ```
 */
export function applyAction(scene: Scene, action: Action): Scene | undefined {
  const person = scene.objects.find(({ shape }) => shape === "person");
  if (action.kind === "walk") return person && moved(scene, person, ...stepped(person, action.direction));
  if (action.kind === "raise" || action.kind === "lower") {
    const turn = action.kind === "raise" ? 1 : 0;
    return person && person.turn !== turn ? replaced(scene, person, { ...person, turn }) : undefined;
  }
  if (action.kind === "add") return added(scene, action.object, action.row, action.column);
  const object = scene.objects.find((other) => isCalled(other, action.object));
  return object && applyTo(scene, object, action);
}

type ActionOnObject = Exclude<Action, { readonly kind: "walk" | "raise" | "lower" | "add" }>;

function applyTo(scene: Scene, object: WorldObject, action: ActionOnObject): Scene | undefined {
  const other = "other" in action ? scene.objects.find((one) => isCalled(one, action.other)) : undefined;
  switch (action.kind) {
    case "recolour":
      return changed(scene, object, { ...object, colour: action.colour });
    case "replace":
      return changed(scene, object, { ...object, shape: action.shape, turn: 0 });
    case "resize":
      return object.size === action.size ? undefined : replaced(scene, object, { ...object, size: action.size });
    case "remove":
      return { ...scene, objects: scene.objects.filter((one) => one !== object) };
    case "turn":
      return object.shape === "triangle" ? replaced(scene, object, { ...object, turn: (object.turn + 1) % 4 }) : undefined;
    case "push":
      return moved(scene, object, ...stepped(object, action.direction));
    case "fall":
      return moved(scene, object, ...lastFree(scene, object, "down"));
    case "roll":
      return moved(scene, object, ...lastFree(scene, object, action.direction));
    case "beside":
      return other && other !== object ? moved(scene, object, ...stepped(other, action.direction)) : undefined;
    case "swap":
      return other && other !== object ? swapped(scene, object, other) : undefined;
  }
}

/**
 * A random action of a family that a scene allows; undefined when it allows none.
 *
 * @param random the stream to draw from
 * @param scene what there is
 * @param world the dial
 * @param family the family
 * @returns an action that is possible, or undefined when none was found
 *
 * @example Possible in its scene
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const random = ws.engine.randomStream("example", 1);
 * const scene = ws.world.randomScene(random, ws.world.DIFFICULTIES.easy);
 * const action = ws.world.randomAction(random, scene, ws.world.DIFFICULTIES.easy, "edit");
 * assert(action === undefined || ws.world.applyAction(scene, action) !== undefined);
 * ```
 */
export function randomAction(random: Random, scene: Scene, world: Difficulty, family: Family): Action | undefined {
  const kinds = world.actions[family];
  for (const i of permutation(random, kinds.length)) {
    const possible = actionsOf(random, scene, world, kinds[i]!).filter((action) => applyAction(scene, action));
    if (possible.length > 0) return pick(random, possible);
  }
}

/** Actions of a kind that are worth trying on a scene. */
function actionsOf(random: Random, scene: Scene, world: Difficulty, kind: ActionKind): Action[] {
  const things = scene.objects.filter(({ shape }) => shape !== "person");
  const object = things.length > 0 ? called(pick(random, things)) : undefined;
  const directions = Object.keys(DIRECTIONS) as Direction[];
  if (kind === "walk") return (["left", "right"] as const).map((direction) => ({ kind, direction }));
  if (kind === "raise" || kind === "lower") return [{ kind }];
  if (kind === "add") return [randomAddition(random, scene, world)];
  if (!object) return [];
  switch (kind) {
    case "remove": // a scene never becomes empty
      return scene.objects.length > 1 ? [{ kind, object }] : [];
    case "recolour":
      return world.colours.map((colour) => ({ kind, object, colour }));
    case "replace":
      return world.shapes.map((shape) => ({ kind, object, shape }));
    case "resize":
      return world.sizes.map((size) => ({ kind, object, size }));
    case "push":
      return directions.map((direction) => ({ kind, object, direction }));
    case "roll":
      return (["left", "right"] as const).map((direction) => ({ kind, object, direction }));
    case "swap":
      return things.map((other) => ({ kind, object, other: called(other) }));
    case "beside":
      return things.flatMap((other) => directions.map((direction) => ({ kind, object, direction, other: called(other) })));
    default:
      return [{ kind, object }];
  }
}

function randomAddition(random: Random, scene: Scene, world: Difficulty): Action {
  const free = Array.from({ length: GRID * GRID }, (_, i) => [Math.floor(i / GRID), i % GRID] as const).filter((at) =>
    isFree(scene, ...at)
  );
  const [row, column] = pick(random, free);
  return { kind: "add", object: called(randomObject(random, world, pick(random, world.shapes), row, column)), row, column };
}

/** Adds an object; where the world has jitter or sizes, an added one is large and stands in the middle of its place. */
function added(scene: Scene, { colour, shape }: Name, row: number, column: number): Scene | undefined {
  const object: WorldObject = { colour, shape, size: "large", turn: 0, row, column, offset: [0, 0] };
  if (shape === "person" || !isFree(scene, row, column) || scene.objects.some((other) => isCalled(other, object))) return;
  return { ...scene, objects: [...scene.objects, object] };
}

/** The object's name and nothing else of it. */
function called({ colour, shape }: Name): Name {
  return { colour, shape };
}

function stepped({ row, column }: WorldObject, direction: Direction): [row: number, column: number] {
  const [down, right] = DIRECTIONS[direction];
  return [row + down, column + right];
}

/** The last free place on the way. */
function lastFree(scene: Scene, object: WorldObject, direction: Direction): [row: number, column: number] {
  let last = object;
  for (let next = stepped(last, direction); isFree(scene, ...next); next = stepped(last, direction)) {
    last = { ...object, row: next[0], column: next[1] };
  }
  return [last.row, last.column];
}

/** The object in the middle of another place, if that is free. */
function moved(scene: Scene, object: WorldObject, row: number, column: number): Scene | undefined {
  return isFree(scene, row, column) ? replaced(scene, object, { ...object, row, column, offset: [0, 0] }) : undefined;
}

function swapped(scene: Scene, a: WorldObject, b: WorldObject): Scene {
  const [atA, atB] = [a, b].map(({ row, column, offset }) => ({ row, column, offset })) as [object, object];
  return { ...scene, objects: scene.objects.map((one) => one === a ? { ...a, ...atB } : one === b ? { ...b, ...atA } : one) };
}

/** The object with another look, if no other object looks so already. */
function changed(scene: Scene, object: WorldObject, by: WorldObject): Scene | undefined {
  return object.shape === "person" || scene.objects.some((other) => isCalled(other, by)) ? undefined : replaced(scene, object, by);
}

function replaced(scene: Scene, object: WorldObject, by: WorldObject): Scene {
  return { ...scene, objects: scene.objects.map((other) => other === object ? by : other) };
}
