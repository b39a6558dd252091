/**
 * Actions of the tiny world: functions on scenes, and how they are said.
 *
 * @module
 */
import { permutation, pick, type Random } from "../tensor/mod.ts";
import { type Colour, COLOURS, isFree, nameOf, randomObject, sameKind, type Scene, type WorldObject } from "./scene.ts";

/** Kinds of actions. */
export const ACTIONS = ["move", "recolour", "remove", "add"] as const;
/** A kind of action. */
export type ActionKind = typeof ACTIONS[number];

/** What an action did: the sentence and the scene after it. */
export interface Transition {
  /** The kind of action. */
  readonly kind: ActionKind;
  /** The action, said in English. */
  readonly action: string;
  /** The scene after it. */
  readonly target: Scene;
}

const DIRECTIONS = { up: [-1, 0], down: [1, 0], left: [0, -1], right: [0, 1] } as const;

/** A random action that the scene allows, done. */
export function randomTransition(random: Random, scene: Scene, kinds: readonly ActionKind[] = ACTIONS): Transition {
  for (const i of permutation(random, kinds.length)) {
    const transition = TRY[kinds[i]!](random, scene);
    if (transition) return transition;
  }
  throw new RangeError(`Cannot find an action among ${kinds.join(", ")} that a scene of ${scene.objects.length} objects allows`);
}

const TRY: Readonly<Record<ActionKind, (random: Random, scene: Scene) => Transition | undefined>> = {
  move(random, scene) {
    const object = pick(random, scene.objects);
    const free = (Object.keys(DIRECTIONS) as (keyof typeof DIRECTIONS)[]).filter((direction) => {
      const [down, right] = DIRECTIONS[direction];
      return isFree(scene, object.row + down, object.column + right);
    });
    if (free.length === 0) return;
    const direction = pick(random, free);
    const [down, right] = DIRECTIONS[direction];
    const moved = { ...object, row: object.row + down, column: object.column + right };
    const action = say(random, [`move the ${nameOf(object)} ${direction}`, `push the ${nameOf(object)} ${direction}`]);
    return { kind: "move", action, target: replaced(scene, object, moved) };
  },
  recolour(random, scene) {
    const object = pick(random, scene.objects);
    const free = (Object.keys(COLOURS) as Colour[])
      .filter((colour) => colour !== object.colour && !scene.objects.some((other) => sameKind({ ...object, colour }, other)));
    const colour = pick(random, free);
    const action = say(random, [`make the ${nameOf(object)} ${colour}`, `paint the ${nameOf(object)} ${colour}`]);
    return { kind: "recolour", action, target: replaced(scene, object, { ...object, colour }) };
  },
  remove(random, scene) {
    if (scene.objects.length < 2) return;
    const object = pick(random, scene.objects);
    const action = say(random, [`remove the ${nameOf(object)}`, `take away the ${nameOf(object)}`]);
    return { kind: "remove", action, target: { ...scene, objects: scene.objects.filter((other) => other !== object) } };
  },
  add(random, scene) {
    const beside = pick(random, scene.objects);
    const direction = pick(random, ["left", "right"] as const);
    const column = beside.column + DIRECTIONS[direction][1];
    const object = randomObject(random, beside.row, column);
    if (!isFree(scene, beside.row, column) || scene.objects.some((other) => sameKind(object, other))) return;
    const place = `${direction} of the ${nameOf(beside)}`;
    const what = `${object.size} ${nameOf(object)}`;
    const action = say(random, [`add a ${what} ${place}`, `put a ${what} ${place}`]);
    return { kind: "add", action, target: { ...scene, objects: [...scene.objects, object] } };
  },
};

function say(random: Random, sentences: readonly string[]): string {
  return pick(random, sentences);
}

function replaced(scene: Scene, object: WorldObject, by: WorldObject): Scene {
  return { ...scene, objects: scene.objects.map((other) => other === object ? by : other) };
}
