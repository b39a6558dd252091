/**
 * Trajectories of the tiny world, made on demand from a seed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UserError } from "../errors.ts";
import { type Random, randomStream } from "../engine/mod.ts";
import type { Observation, Trajectory } from "../trajectories/trajectory.ts";
import { applyAction, randomAction } from "./actions.ts";
import { DIFFICULTIES, type Difficulty, type DifficultyName } from "./difficulty.ts";
import { sayAction } from "./phrases.ts";
import { isUnseen, type Regime, supervisedWorld } from "./regimes.ts";
import { drawTogether, RENDERER } from "./render.ts";
import { randomScene, type Scene, type SceneWish } from "./scene.ts";
import { type Action, type ActionKind, FAMILIES, type Family, type Name } from "./things.ts";

/** A part of the tiny world's data; parts share no seed. `simulated` is more of `physics`, as AURORA has most of Kubric. */
export type Split = "train" | "simulated" | "validation" | "bench";

/** A trajectory with what only the tiny world knows: its scenes and what was done. */
export interface WorldTrajectory extends Trajectory {
  /** Its family. */
  readonly subset: Family;
  /** The scene before. */
  readonly before: Scene;
  /** The scene after. */
  readonly after: Scene;
  /** What the action means. */
  readonly meaning: Action;
  /** In the regime `scarce`: which half of the bench it is of, that of what supervision shows or the other. */
  readonly half?: "seen" | "unseen";
}

/**
 * Supervised trajectories, the families in turn. Some combinations of colour, shape and kind of action are kept for the
 * bench, where they make up every second trajectory that touches an object. In the regime `scarce` some colours, shapes and
 * backgrounds are kept for the bench instead, and every second trajectory of each family shows one of them.
 *
 * @param difficulty the dial
 * @param seed of the data
 * @param split the part
 * @param count how many
 * @param regime what supervision does not show
 * @returns trajectories with their scenes
 *
 * @example One of each family
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const subsets = ws.worldTrajectories("easy", 1, "bench", 5).map(({ subset }) => subset);
 * assertEquals(subsets, [...ws.world.FAMILIES]);
 * ```
 */
export function worldTrajectories(
  difficulty: DifficultyName,
  seed: number,
  split: Split,
  count: number,
  regime: Regime = "full",
): WorldTrajectory[] {
  const families: readonly Family[] = split === "simulated" ? ["physics"] : FAMILIES;
  const draw = drawTogether();
  const stream = regime === "full" ? [difficulty] : [difficulty, regime];
  return Array.from({ length: count }, (_, i) => {
    const family = families[i % families.length]!;
    const second = split === "bench" && Math.floor(i / FAMILIES.length) % 2 === 0;
    const random = randomStream("world", ...stream, seed, split, i);
    const { before, after, meaning } = regime === "full"
      ? randomTransition(random, DIFFICULTIES[difficulty], family, second)
      : second
      ? unseenTransition(random, difficulty, family)
      : randomTransition(random, supervisedWorld(difficulty, regime), family);
    const id = [...stream, split, seed, i].join("-");
    const [source, target] = [observationOf(`${id} source`, before, draw), observationOf(`${id} target`, after, draw)];
    const half = regime === "scarce" && split === "bench" ? { half: second ? "unseen" as const : "seen" as const } : {};
    return { id, subset: family, source, action: sayAction(random, meaning), target, before, after, meaning, ...half };
  });
}

/** A transition that shows what the scarce regime's supervision never does. */
function unseenTransition(random: Random, difficulty: DifficultyName, family: Family): Transition {
  for (let tries = 0; tries < TRIES; tries++) {
    const transition = randomTransition(random, DIFFICULTIES[difficulty], family);
    if (isUnseen(transition, difficulty)) return transition;
  }
  throw new UserError(`Cannot find a transition of "${family}" with something unseen among ${TRIES}: give the world more of it`);
}

/** A change with its action. */
export interface Transition {
  /** The scene before. */
  readonly before: Scene;
  /** The scene after. */
  readonly after: Scene;
  /** What was done. */
  readonly meaning: Action;
}

/**
 * A random transition of a family.
 *
 * @param random the stream to draw from
 * @param world the dial
 * @param family the family
 * @param fresh whether its combination must be one that is kept for the bench; undefined where it does not matter
 * @throws UserError when the world has no such transition
 */
export function randomTransition(random: Random, world: Difficulty, family: Family, fresh?: boolean): Transition {
  const wish = WISHES[family];
  for (let tries = 0; tries < TRIES; tries++) {
    const before = randomScene(random, world, { ...wish, least: Math.max(world.objects[0], wish.least ?? 0) });
    const meaning = randomAction(random, before, world, family);
    const after = meaning && applyAction(before, meaning);
    if (!meaning || !after) continue;
    if ("object" in meaning && fresh !== undefined && isKeptForBench(meaning.object, meaning.kind) !== fresh) continue;
    const camera = world.cameraShift === 0 ? after.camera : randomScene(random, world).camera;
    return { before, after: { ...after, camera }, meaning };
  }
  throw new UserError(
    `Cannot find a transition of "${family}" in ${TRIES} scenes of ${world.objects.join(" to ")} objects: give the world more objects or ` +
      `other actions than ${world.actions[family].join(", ") || "none"}`,
  );
}

const TRIES = 1000; // scenes in which to look for a transition

const WISHES: Readonly<Record<Family, SceneWish>> = {
  edit: { person: false },
  people: { person: true },
  manipulate: { person: false, floor: false },
  spatial: { person: false, floor: false, least: 2 },
  physics: { person: false, floor: true },
};

/** Whether a combination of colour, shape and action occurs in the bench alone: one in eight, by a fixed hash. */
export function isKeptForBench({ colour, shape }: Name, kind: ActionKind): boolean {
  let hash = 0;
  for (const letter of `${colour} ${shape} ${kind}`) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0;
  return (hash >>> 4) % 8 === 0;
}

/**
 * Actions that contradict what was done: possible, of the same family and mostly of the same kind, and with another end.
 *
 * @param trajectories what was done
 * @param difficulty the dial
 * @param seed of the choice
 * @returns sentences by trajectory id; scenes that allow nothing else are left out
 *
 * @example Never what was done
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const world = ws.worldTrajectories("default", 1, "bench", 5);
 * const contrary = ws.world.counterfactualActions(world, "default", 1);
 * assert(world.every(({ id, action }) => contrary.get(id) !== action));
 * ```
 */
export function counterfactualActions(
  trajectories: readonly WorldTrajectory[],
  difficulty: DifficultyName,
  seed: number,
): Map<string, string> {
  const counterfactuals = new Map<string, string>();
  for (const { id, subset, before, after, meaning } of trajectories) {
    const random = randomStream("counterfactual", seed, id);
    const isOther = (action: Action | undefined): action is Action =>
      action !== undefined && JSON.stringify(applyAction(before, action)!.objects) !== JSON.stringify(after.objects);
    const tried = Array.from({ length: 60 }, () => randomAction(random, before, DIFFICULTIES[difficulty], subset)).filter(isOther);
    const chosen = tried.find(({ kind }) => kind === meaning.kind) ?? tried[0];
    if (chosen) counterfactuals.set(id, sayAction(random, chosen));
  }
  return counterfactuals;
}

/** A scene as an observation. */
export function observationOf(name: string, scene: Scene, draw = drawTogether()): Observation {
  let key: string | undefined;
  return {
    name,
    key: () => Promise.resolve(key ??= createHash("sha256").update(`${RENDERER} ${JSON.stringify(scene)}`).digest("hex")),
    load: () => draw(scene),
  };
}
