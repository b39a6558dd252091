/**
 * Trajectories of the tiny world, made on demand from a seed.
 *
 * @module
 */
import { randomStream } from "../tensor/mod.ts";
import { sha256 } from "../files.ts";
import type { Observation, Trajectory } from "../trajectories/trajectory.ts";
import { randomTransition } from "./actions.ts";
import { RENDERER, renderScenes } from "./render.ts";
import { randomScene, type Scene } from "./scene.ts";

/** A part of the tiny world's data; parts share no seed. */
export type Split = "train" | "validation" | "bench";

/**
 * Supervised trajectories.
 *
 * @param seed of the data
 * @param split the part
 * @param count how many
 * @returns trajectories; the kind of action is the subset
 */
export function worldTrajectories(seed: number, split: Split, count: number): Trajectory[] {
  return Array.from({ length: count }, (_, i) => {
    const random = randomStream("world", seed, split, i);
    const scene = randomScene(random);
    const { kind, action, target } = randomTransition(random, scene);
    const id = `${split}-${seed}-${i}`;
    return { id, subset: kind, source: observationOf(`${id} source`, scene), action, target: observationOf(`${id} target`, target) };
  });
}

/** A scene as an observation. */
export function observationOf(name: string, scene: Scene): Observation {
  return {
    name,
    key: () => sha256(new TextEncoder().encode(`${RENDERER} ${JSON.stringify(scene)}`)),
    load: async () => (await renderScenes([scene]))[0]!,
  };
}
