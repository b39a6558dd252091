/**
 * The pools of candidates that a command line names, the shards of each joined.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { readCandidates } from "../judge/candidates.ts";
import type { PoolFolder } from "../judge/entries.ts";
import { shardFolders } from "./pipeline.ts";
import { readResult, VERIFICATION_RESULT } from "./results.ts";
import type { Config } from "./schema.ts";

/** The flag of tasks that score pools. */
export const POOLS_FLAG: Readonly<Record<string, string>> = {
  pools: "score the candidates of finished verify runs instead: a stage as verify, DIR, NAME=DIR, separated by commas",
};

/**
 * Opens pools.
 *
 * @param names stages of this experiment, folders, or NAME=FOLDER
 * @param config names the experiment
 * @returns the runs, shards one by one
 * @throws UserError when a run is not finished or not one of task verify, or two have one name
 */
export function openPools(names: readonly string[], config: Config): PoolFolder[] {
  const titles = names.map((text) => text.includes("=") ? text.slice(0, text.indexOf("=")) : text);
  const twice = titles.find((title, i) => titles.indexOf(title) < i);
  if (twice !== undefined) throw new UserError(`Cannot tell two pools named ${quoted(twice)} apart: name them, as NAME=DIR`);
  return names.flatMap((text, i) => {
    const system = titles[i]!;
    const place = text.slice(text.indexOf("=") + 1);
    return shardFolders(poolFolder(place, config)).map((folder) => {
      readResult(folder, VERIFICATION_RESULT);
      return { system, folder, candidates: readCandidates(folder) };
    });
  });
}

/** Names as `systemsOverlap` takes them: NAME=FOLDER. */
export function poolNames(names: readonly string[], config: Config): string[] {
  return names.map((text) => `${text.slice(0, text.indexOf("=") + 1)}${poolFolder(text.slice(text.indexOf("=") + 1), config)}`);
}

function poolFolder(place: string, { experiment }: Config): string {
  return place.includes("/") ? place : `runs/${experiment}/${place}`;
}
