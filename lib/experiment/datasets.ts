/**
 * The trajectories that a configuration names: to train on, and to measure on.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { readSynthetic } from "../synthesis/mod.ts";
import { downsample, joinLists, readAurora, readEpic, type TrajectoryList } from "../trajectories/mod.ts";
import { worldTrajectories, type WorldTrajectory } from "../world/mod.ts";

/** The paths of a key that takes one or several. */
export function pathsOf(value: string | readonly string[]): string[] {
  return [value].flat().filter((path) => path !== "");
}

/**
 * The mixture to train on: AURORA's lists and EPIC-Kitchens, or the tiny world; subsets downsampled, then cut to the limit.
 *
 * @param config its section `data`
 */
export function trainingTrajectories({ data, seed }: Config): TrajectoryList {
  const real = realLists(data.aurora);
  if (data.epic !== "") {
    const epic = readEpic(data.epic, ...(data.epicFrames === "" ? [] : [data.epicFrames]));
    const most: Record<string, number> = data.epicLimit === 0 ? {} : { epic: data.epicLimit };
    real.push({ ...epic, trajectories: downsample(epic.trajectories, most, seed) });
  }
  const worlds = () => [
    ...worldTrajectories(data.difficulty, seed, "train", data.world),
    ...worldTrajectories(data.difficulty, seed, "simulated", data.simulated),
  ];
  const { trajectories, problems } = real.length > 0 ? joinLists(real) : { trajectories: worlds(), problems: [] };
  const subsets = new Set(trajectories.map(({ subset }) => subset));
  const unknown = Object.keys(data.downsample).filter((subset) => !subsets.has(subset));
  if (unknown.length > 0) console.warn(`Nothing to downsample in ${unknown.join(", ")}: there are ${[...subsets].join(", ")}`);
  const mixed = downsample(trajectories, data.downsample, seed);
  return { trajectories: data.limit === 0 ? mixed : mixed.slice(0, data.limit), problems };
}

/**
 * Adds synthetic trajectories to a mixture (paper §3.2): so many of each file, the likeliest in each class.
 *
 * @param list the supervised ones
 * @param files of task `filter`
 * @param most of each file; 0: all
 */
export function withSynthetic(list: TrajectoryList, files: readonly string[], most: number): TrajectoryList {
  return joinLists([list, ...files.map((file) => readSynthetic(file, most))]);
}

/** The configuration with the list that `--bench` names as its data. */
export function withBench(config: Config, { bench }: Readonly<Record<string, string>>): Config {
  return bench ? { ...config, data: { ...config.data, aurora: bench } } : config;
}

/** A bench: real triplets, or the tiny world's with what is true of them. */
export interface Bench {
  /** The trajectories. */
  readonly list: TrajectoryList;
  /** The same, when they are the tiny world's. */
  readonly world: readonly WorldTrajectory[] | undefined;
}

/**
 * The trajectories to measure on.
 *
 * @param config its section `data`
 * @param count of the tiny world's
 */
export function benchTrajectories({ data, seed }: Config, count: number): Bench {
  const real = realLists(data.aurora);
  const world = real.length > 0 ? undefined : worldTrajectories(data.difficulty, seed, "bench", count);
  const { trajectories, problems } = world ? { trajectories: world, problems: [] } : joinLists(real);
  return { list: { trajectories: data.limit === 0 ? trajectories : trajectories.slice(0, data.limit), problems }, world };
}

function realLists(aurora: Config["data"]["aurora"]): TrajectoryList[] {
  return pathsOf(aurora).map(readAurora);
}
