/**
 * AURORA's lists of triplets (McGill-NLP/AURORA): `test.json`, and the `train.json` of each task.
 *
 * @module
 */
import { isOfDisk, printable, quoted, UserError } from "../errors.ts";
import { createHash } from "node:crypto";
import { diskError, LARGEST, parent, plainName, readBytes, readJson } from "../files.ts";
import { decodeImage } from "../tokens/mod.ts";
import type { Observation, Problem, Trajectory, TrajectoryList } from "./trajectory.ts";

/**
 * Reads a list.
 *
 * Paths in it count from the list's folder or from one of the three above it (`train.json` lies two levels down), and steps
 * upwards are left out of them, as AURORA's own Something-Something paths need. What they lead to must be a regular file below
 * the folder that it was found from: an absolute path, or a link that leaves that folder, is a problem of its entry, and the
 * file is never opened. An instruction may be a list: the first counts.
 *
 * @param path the JSON file
 * @returns its trajectories, and for each entry that cannot be used the reason
 * @throws UserError when the file is not a list of objects
 *
 * @example What cannot be used is named
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify([{ input: "a.png", output: "b.png", instruction: "go" }]));
 * const { trajectories, problems } = ws.readAurora(`${folder}/list.json`);
 * assertEquals([trajectories.length, problems.length], [0, 1]);
 * ```
 */
export function readAurora(path: string): TrajectoryList {
  const json = readJson(path);
  if (!Array.isArray(json)) throw new UserError(`Cannot read ${path} as an AURORA list: it must hold a JSON list of triplets`);
  if (json.length === 0) throw new UserError(`Cannot use ${path}: the list is empty, it must hold at least one triplet`);
  const trajectories: Trajectory[] = [];
  const problems: Problem[] = [];
  json.forEach((entry, i) => {
    const result = parseEntry(entry, i, path);
    if ("reason" in result) problems.push(result);
    else trajectories.push(result);
  });
  return { trajectories, problems };
}

/** An image file as an observation. */
export function fileObservation(path: string): Observation {
  return {
    name: path,
    key: () => new Promise((resolve) => resolve(createHash("sha256").update(readBytes(path, LARGEST.picture)).digest("hex"))),
    load: async () => await decodeImage(readBytes(path, LARGEST.picture), path),
  };
}

/** All problems in one message: how many, and the first few. */
export function describeProblems(problems: readonly Problem[], total: number): string {
  const shown = problems.slice(0, 10).map(({ id, reason }) => `  ${id}: ${reason}`);
  const more = problems.length > 10 ? [`  and ${problems.length - 10} more`] : [];
  const count = `${problems.length} of ${total} trajectories cannot be used`;
  return [`${count}; mend them, or leave them out with --allow-missing:`, ...shown, ...more].join("\n");
}

/**
 * A list that can be worked with: one without problems, or with them when they may be left out.
 *
 * @param list trajectories and problems
 * @param allowMissing whether problems may be left out
 * @returns the list
 * @throws UserError with all problems when they may not, or when nothing is left
 *
 * @example A list without problems is usable
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const list = { trajectories: ws.worldTrajectories("easy", 1, "train", 2), problems: [] };
 * assertEquals(ws.trajectories.usableTrajectories(list, false), list);
 * ```
 */
export function usableTrajectories(list: TrajectoryList, allowMissing: boolean): TrajectoryList {
  const { trajectories, problems } = list;
  if (problems.length > 0) {
    const text = describeProblems(problems, trajectories.length + problems.length);
    if (!allowMissing) throw new UserError(text);
    console.warn(printable(text));
  }
  if (trajectories.length === 0) throw new UserError("Cannot work on no trajectories: the data set is empty");
  return list;
}

function parseEntry(entry: unknown, index: number, path: string): Trajectory | Problem {
  const fields = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
  const task = typeof fields["task"] === "string" ? fields["task"] : parent(path).split("/").at(-1)!;
  const subset = [...plainName(task)].slice(0, 64).join("");
  const id = `${subset}-${index}`;
  const { input, output, instruction } = fields;
  const action = Array.isArray(instruction) ? instruction[0] : instruction;
  if (typeof action !== "string" || action.trim() === "") return { id, reason: "it has no instruction" };
  if (typeof input !== "string") return { id, reason: 'it has no source image ("input")' };
  if (typeof output !== "string") return { id, reason: 'it has no target image ("output")' };
  const [source, target] = [locate(input, path), locate(output, path)];
  const missing = [source ? "" : quoted(input), target ? "" : quoted(output)].filter((name) => name !== "");
  if (missing.length > 0) return { id, reason: `${missing.join(" and ")} not found below the list's folder or one of the three above it` };
  return { id, subset, source: fileObservation(source!), action: action.trim(), target: fileObservation(target!) };
}

/** A listed file, looked for in the list's folder and the three above it. */
function locate(name: string, list: string): string | undefined {
  if (/^([\\/]|[a-z]:)/i.test(name)) return;
  const inside = name.split(/[\\/]+/).filter((part) => part !== ".." && part !== "." && part !== "").join("/");
  let folder = parent(list);
  for (let level = 0; level < 4; level++) {
    if (isFileBelow(folder, inside)) return `${folder}/${inside}`;
    folder += "/..";
  }
}

/** Whether a regular file lies below a folder once links are followed; a disk that fails is no file that is missing. */
function isFileBelow(folder: string, file: string): boolean {
  try {
    const path = `${folder}/${file}`;
    if (!Deno.statSync(path).isFile) return false;
    const root = Deno.realPathSync(folder);
    return Deno.realPathSync(path).startsWith(root.endsWith("/") ? root : `${root}/`);
  } catch (error) {
    if (isOfDisk(error) && !(error instanceof Deno.errors.PermissionDenied)) throw diskError(`look for ${folder}/${file}`, error);
    return false;
  }
}
