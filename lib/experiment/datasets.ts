/**
 * The trajectories that a configuration names: `data` to train on, `bench` to measure on. No path leads from one to the other.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists } from "../files.ts";
import { readConfig } from "../model/backbones.ts";
import { readSynthetic } from "../synthesis/filter.ts";
import { downsample, joinLists, readAurora, readEpic, type TrajectoryList } from "../trajectories/mod.ts";

import { SIDE, worldTrajectories, type WorldTrajectory } from "../world/mod.ts";
import { digestOf } from "./run.ts";
import type { Config } from "./schema.ts";

/** The paths of a key that takes one or several. */
export function pathsOf(value: string | readonly string[]): string[] {
  return [value].flat().filter((path) => path !== "");
}

/**
 * The trajectories to train on: AURORA's lists and EPIC-Kitchens, or the tiny world; subsets downsampled, then cut to the limit.
 *
 * @param config its sections `data` and `model`
 * @returns trajectories, and what cannot be used
 * @throws UserError when there is no list and the base is not the tiny world's
 */
export function trainingTrajectories(config: Config): TrajectoryList {
  const { data, seed } = config;
  const real = pathsOf(data.aurora).map((path) => readAurora(path));
  if (data.epic !== "") {
    const epic = readEpic(data.epic, ...(data.epicFrames === "" ? [] : [data.epicFrames]));
    const most: Record<string, number> = data.epicLimit === 0 ? {} : { epic: data.epicLimit };
    real.push({ ...epic, trajectories: downsample(epic.trajectories, most, seed) });
  }
  const { trajectories, problems } = real.length > 0 ? joinLists(real) : { trajectories: worldTraining(config), problems: [] };
  const subsets = new Set(trajectories.map(({ subset }) => subset));
  const unknown = Object.keys(data.downsample).filter((subset) => !subsets.has(subset));
  if (unknown.length > 0) console.warn(`Nothing to downsample in ${unknown.join(", ")}: there are ${[...subsets].join(", ")}`);
  const mixed = downsample(trajectories, data.downsample, seed);
  return { trajectories: data.limit === 0 ? mixed : mixed.slice(0, data.limit), problems };
}

/**
 * Where the trajectories to train on come from, in words.
 *
 * @param config its section `data`
 * @param synthetic files of synthetic trajectories beside them
 * @returns as "the tiny world (seed 1)", or the lists
 */
export function describeTraining({ data, seed }: Config, synthetic: readonly string[]): string {
  const lists = [...pathsOf(data.aurora), ...pathsOf(data.epic)];
  return [...(lists.length > 0 ? lists : [`the tiny world (seed ${seed})`]), ...synthetic].join(", ");
}

function worldTraining(config: Config): WorldTrajectory[] {
  requireTinyBase(config, "train", "--data.aurora=LIST or --data.epic=CSV");
  const { data: { difficulty, world, simulated, regime }, seed } = config;
  return [["train", world] as const, ["simulated", simulated] as const].flatMap(([split, count]) =>
    worldTrajectories(difficulty, seed, split, count, regime)
  );
}

/**
 * Adds synthetic trajectories to supervised ones (paper §3.2): so many of each file, the likeliest in each class.
 *
 * @param list the supervised ones
 * @param files of task `filter`
 * @param most of each file; 0: all
 * @returns both as one list
 */
export function withSynthetic(list: TrajectoryList, files: readonly string[], most: number): TrajectoryList {
  return joinLists([list, ...files.map((file) => readSynthetic(file, most))]);
}

/** A bench: real triplets, or the tiny world's with what is true of them. */
export interface Bench {
  /** The trajectories, and what cannot be used. */
  readonly list: TrajectoryList;
  /** What is true of them, by id, in the tiny world; empty elsewhere. */
  readonly truths: ReadonlyMap<string, WorldTrajectory>;
  /** Digest of ids and actions. */
  readonly digest: string;
}

/**
 * The trajectories to measure on.
 *
 * @param config its sections `bench` and `model`; of `data` only whether it names lists
 * @returns the bench
 * @throws UserError when there is no list although the models learn from lists or the base is not the tiny world's
 */
export function benchTrajectories(config: Config): Bench {
  const { bench, data, seed } = config;
  const paths = pathsOf(bench.aurora);
  const isReal = paths.length > 0;
  if (!isReal && (pathsOf(data.aurora).length > 0 || data.epic !== "")) {
    throw new UserError("Cannot measure: data names lists to train on, but there is none to measure on; give --bench=LIST");
  }
  if (!isReal) requireTinyBase(config, "measure", "--bench=LIST");
  const world = isReal ? [] : worldTrajectories(data.difficulty, seed, "bench", bench.world, data.regime);
  const { trajectories, problems } = isReal ? joinLists(paths.map((path) => readAurora(path))) : { trajectories: world, problems: [] };
  const cut = bench.limit === 0 ? trajectories : trajectories.slice(0, bench.limit);
  return {
    list: { trajectories: cut, problems },
    truths: new Map(world.map((trajectory) => [trajectory.id, trajectory])),
    digest: digestOf(cut.map(({ id, action }) => [id, action])),
  };
}

/** Which half of the bench each transition is of; nothing but in the tiny world's regime `scarce`. */
export function benchHalves(config: Config): Map<string, "seen" | "unseen"> {
  return new Map([...benchTrajectories(config).truths].flatMap(([id, { half }]) => half ? [[id, half] as const] : []));
}

/**
 * The tiny world's pictures are for the tiny base alone: another base gets lists or an error, never a silent stand-in.
 *
 * @param config whose base
 * @param doing what would be done
 * @param flags what to give instead
 * @throws UserError when the base is not there, or sees pictures of another size
 */
export function requireTinyBase(config: Config, doing: string, flags: string): void {
  const resolution = resolutionOf(config);
  if (resolution === SIDE) return;
  const why = resolution === 0 ? "it is not there" : `it sees pictures of ${resolution} pixels, the tiny world's have ${SIDE}`;
  throw new UserError(`Cannot ${doing} with the base ${config.model.path} on the tiny world: ${why}; give ${flags}`);
}

/** Whether the base sees pictures of the tiny world's size, so that the world may stand where no list is given. */
export function fitsWorld(config: Config): boolean {
  return resolutionOf(config) === SIDE;
}

/** Pixels of a picture's side that the base sees; 0 when it is not there. */
function resolutionOf({ model: { path } }: Config): number {
  const file = `${path}/config.json`;
  return exists(file) ? readConfig(path).vq.resolution : path === "data/tiny" ? SIDE : 0;
}
