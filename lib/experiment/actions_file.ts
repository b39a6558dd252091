/**
 * Actions that other systems predicted, as text: JSON lines of `id` and `action` (VILA-U's row of paper Table 1).
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { exists, readText } from "../files.ts";
import type { Problem } from "../trajectories/mod.ts";

/** A value with the name that tables give it. */
export interface Named {
  /** The name. */
  readonly name: string;
  /** What is named: a folder, a file, a stage. */
  readonly path: string;
}

/** NAME=PATH in two; a path alone names itself. */
export function parseNamed(text: string): Named {
  const cut = text.indexOf("=");
  return cut < 0 ? { name: text, path: text } : { name: text.slice(0, cut), path: text.slice(cut + 1) };
}

/** What a system said of a bench. */
export interface SaidActions {
  /** Actions by trajectory. */
  readonly actions: ReadonlyMap<string, string>;
  /** A sentence for each trajectory without an action, and for each line that was passed over. */
  readonly problems: readonly Problem[];
}

/**
 * Reads a system's actions for a bench. Nothing is guessed: a line that is broken, whose id the bench does not know, or whose id came
 * before is passed over and said, as is a trajectory without an action.
 *
 * @param named the system's name and its file, a JSON object with `id` and `action` a line; other fields are not looked at
 * @param ids of the bench's trajectories
 * @returns the actions, and what was left out
 * @throws UserError when the file is not there, too large, or has no action for any trajectory
 *
 * @example One line, one trajectory
 * ```ts
 * import { readActions } from "./actions_file.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${Deno.makeTempDirSync()}/actions.jsonl`;
 * Deno.writeTextFileSync(path, '{"id": "ag-0", "action": "open the door"}');
 * assertEquals([...readActions({ name: "VILA-U", path }, ["ag-0"]).actions.values()], ["open the door"]);
 * ```
 */
export function readActions({ name, path }: Named, ids: readonly string[]): SaidActions {
  if (!exists(path)) throw new UserError(`Cannot measure the actions of ${name}: there is no file ${path}; give NAME=FILE.jsonl`);
  const known = new Set(ids);
  const actions = new Map<string, string>();
  const problems: Problem[] = [];
  const pass = (id: string, reason: string) => void problems.push({ id: `${name}: ${id}`, reason });
  readText(path).split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const entry = parseLine(line);
    if (typeof entry === "string") pass(`line ${i + 1}`, entry);
    else if (!known.has(entry.id)) pass(`line ${i + 1}`, `the bench has no trajectory ${quoted(entry.id, 60)}`);
    else if (actions.has(entry.id)) pass(`line ${i + 1}`, `${quoted(entry.id, 60)} came before: the first line counts`);
    else actions.set(entry.id, entry.action);
  });
  for (const id of ids) if (!actions.has(id)) pass(id, "it has no action");
  if (actions.size > 0) return { actions, problems };
  throw new UserError(
    `Cannot measure the actions of ${name}: ${path} has none for any of the ${ids.length} trajectories (${
      problems[0]?.reason ?? "it is empty"
    }); ` +
      `wanted are lines as {"id": ${JSON.stringify(ids[0] ?? "ag-0")}, "action": "…"}`,
  );
}

const LONGEST = 1000; // characters of an action; the metrics' time grows with the square of its words

/** An entry, or what is wrong with the line. */
function parseLine(line: string): { readonly id: string; readonly action: string } | string {
  let entry: Readonly<Record<string, unknown>> | null;
  try {
    entry = JSON.parse(line);
  } catch {
    return "the line is no JSON";
  }
  const { id, action } = entry ?? {};
  if (typeof id !== "string" || typeof action !== "string") return 'the line has no "id" and "action" that are texts';
  return action.length > LONGEST
    ? `the action has ${action.length} characters: at most ${LONGEST} are taken`
    : { id, action: action.trim() };
}
