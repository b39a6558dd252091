/**
 * AURORA's contrary actions (`disc_edit_data/TASK/valid.json`): sentences that contradict what was done.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readJson } from "../files.ts";
import { bare } from "../metrics/text.ts";
import type { Problem } from "../trajectories/mod.ts";
import type { Trajectory } from "../trajectories/trajectory.ts";

/** Contradicting actions, and those that could not be had. */
export interface Counterfactuals {
  /** Sentences by trajectory id. */
  readonly actions: ReadonlyMap<string, string>;
  /** Trajectories without one, and why. */
  readonly problems: readonly Problem[];
}

/**
 * Contrary actions from AURORA's lists. An entry belongs to the trajectory with its prompt and its source image. In most,
 * `pos` contradicts the prompt; where `pos` and `neg` are a pair, the one that is not the prompt does, and a pair about
 * another object contradicts nothing.
 *
 * @param trajectories what was done
 * @param paths the lists
 * @returns sentences by trajectory id, and the trajectories of listed subsets that have none
 * @throws UserError when a file is not a list
 *
 * @example A list that knows the action
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * Deno.writeTextFileSync(`${folder}/valid.json`, JSON.stringify([{ prompt: "open it", pos: "close it", input: "x/a.png" }]));
 * const [one] = ws.worldTrajectories("easy", 1, "train", 1);
 * const known = { ...one!, id: "1", action: "open it", source: { ...one!.source, name: "x/a.png" } };
 * assertEquals(ws.probe.readCounterfactuals([known], [`${folder}/valid.json`]).actions.get("1"), "close it");
 * ```
 */
export function readCounterfactuals(trajectories: readonly Trajectory[], paths: readonly string[]): Counterfactuals {
  const entries = new Map(paths.flatMap((path) => {
    const json = readJson(path);
    if (!Array.isArray(json)) throw new UserError(`Cannot read ${path} as a list of contrary actions: it must hold a JSON list`);
    return json.map((entry: unknown) => keyed(entry)).filter((entry) => entry !== undefined);
  }));
  const actions = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { id, action, source } of trajectories) {
    const found = entries.get(keyOf(action, source.name));
    if (found !== undefined && found !== "") actions.set(id, found);
    else if (found === "") problems.push({ id, reason: "its entry has no action that contradicts it" });
  }
  return { actions, problems };
}

/** An entry's key with its contrary action, "" when it has none. */
function keyed(entry: unknown): readonly [string, string] | undefined {
  const { prompt, pos, neg, input } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
  if (typeof prompt !== "string" || typeof input !== "string") return;
  const [positive, negative] = [pos, neg].map((text) => typeof text === "string" ? text.trim() : "") as [string, string];
  const isPrompt = (text: string) => bare(text) === bare(prompt);
  const contrary = negative === "" ? positive : isPrompt(positive) ? negative : isPrompt(negative) ? positive : "";
  return [keyOf(prompt, input), isPrompt(contrary) ? "" : contrary];
}

/** Folders above differ between AURORA's lists: the file and its folder tell the picture. */
function keyOf(prompt: string, path: string): string {
  return `${bare(prompt)}\n${path.split("/").slice(-2).join("/")}`;
}
