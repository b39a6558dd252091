/**
 * The systems that a command line names, the shards of each joined.
 *
 * @module
 */
import { exists } from "../files.ts";
import { openSystem, type System } from "../judge/systems.ts";
import { shardFolders } from "./pipeline.ts";
import { readManifest } from "./run.ts";

/**
 * Opens systems.
 *
 * @param names `copy`, folders, or NAME=FOLDER; a folder that task sample left in shards is joined
 * @returns the systems, in order
 * @throws UserError when a folder is not there, or a shard is missing
 */
export function openSystems(names: readonly string[]): System[] {
  return names.map((text) => {
    if (text === "copy") return openSystem(text);
    const { name, folder } = parseSystem(text);
    const parts = shardFolders(folder).map((part) => openSystem(`${name}=${part}`));
    const firstOf = async <T>(ask: (part: System) => Promise<T | undefined>): Promise<T | undefined> => {
      for (const part of parts) {
        const answer = await ask(part);
        if (answer !== undefined) return answer;
      }
    };
    return {
      name,
      predict: (trajectory) => firstOf((part) => part.predict(trajectory)),
      xmp: (trajectory) => firstOf((part) => part.xmp(trajectory)),
    };
  });
}

/** Pictures of the bench that systems were trained on, as their runs say. */
export function systemsOverlap(names: readonly string[]): number {
  const folders = names.filter((name) => name !== "copy").flatMap((text) => shardFolders(parseSystem(text).folder));
  return Math.max(0, ...folders.filter(exists).map((folder) => readOverlap(folder)));
}

function readOverlap(folder: string): number {
  return exists(`${folder}/manifest.json`) ? readManifest(folder)?.overlap ?? 0 : 0;
}

function parseSystem(text: string): { name: string; folder: string } {
  const cut = text.indexOf("=");
  return cut < 0 ? { name: text, folder: text } : { name: text.slice(0, cut), folder: text.slice(cut + 1) };
}
