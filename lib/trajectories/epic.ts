/**
 * EPIC-Kitchens' annotated clips (Damen et al. 2018) as trajectories: first frame, narration, last frame (paper §3.1).
 *
 * @module
 */
import { printable, quoted, UserError } from "../errors.ts";
import { readCsv } from "../csv.ts";
import { exists, parent } from "../files.ts";
import { fileObservation } from "./aurora.ts";
import type { Problem, Trajectory, TrajectoryList } from "./trajectory.ts";

/**
 * Reads a CSV file of annotations, as `EPIC_100_train.csv` or `EPIC_train_action_labels.csv`. A frame N of video V of
 * participant P is looked for as `P/rgb_frames/V/frame_N.jpg`, `P/V/frame_N.jpg` and `V/frame_N.jpg`, N with ten digits.
 *
 * @param path the CSV file
 * @param frames the folder of the frames
 * @returns trajectories of the subset "epic", and for each clip that cannot be used the reason
 * @throws UserError when columns are missing
 *
 * @example A clip whose frames are not there
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * const rows = ["narration_id,participant_id,video_id,narration,start_frame,stop_frame", "1,P01,P01_01,open door,1,9"];
 * Deno.writeTextFileSync(`${folder}/epic.csv`, rows.join("\n"));
 * assertEquals(ws.trajectories.readEpic(`${folder}/epic.csv`).problems.length, 1);
 * ```
 */
export function readEpic(path: string, frames: string = parent(path)): TrajectoryList {
  const rows = readCsv(path);
  const id = rows[0] && "narration_id" in rows[0] ? "narration_id" : "uid";
  const missing = [id, ...COLUMNS].filter((column) => !(column in (rows[0] ?? {})));
  if (missing.length > 0) {
    throw new UserError(`Cannot read ${path} as EPIC-Kitchens' annotations: a row and the column ${missing[0]} are needed`);
  }
  const results = rows.map((row) => parseClip(`epic-${row[id]}`, row, frames));
  return {
    trajectories: results.filter((result) => "action" in result),
    problems: results.filter((result) => "reason" in result),
  };
}

const COLUMNS = ["participant_id", "video_id", "narration", "start_frame", "stop_frame"];

function parseClip(id: string, row: Readonly<Record<string, string>>, frames: string): Trajectory | Problem {
  const [participant, video, narration, start, stop] = COLUMNS.map((column) => (row[column] ?? "").trim()) as [
    ...[string, string, string, string, string],
  ];
  if (narration === "") return { id, reason: "it has no narration" };
  if (!/^\w+$/.test(participant) || !/^\w+$/.test(video)) {
    return { id, reason: `${quoted(participant)} and ${quoted(video)} are no names of folders` };
  }
  if (!/^\d{1,10}$/.test(start) || !/^\d{1,10}$/.test(stop) || Number(stop) <= Number(start)) {
    return { id, reason: `frames ${printable(start.slice(0, 20)) || "?"} to ${printable(stop.slice(0, 20)) || "?"} are no clip` };
  }
  const [source, target] = [start, stop].map((frame) => locate(frames, participant, video, frame));
  if (!source || !target) return { id, reason: `frame ${source ? stop : start} of ${video} not found` };
  return { id, subset: "epic", source: fileObservation(source), action: narration, target: fileObservation(target) };
}

function locate(frames: string, participant: string, video: string, frame: string): string | undefined {
  const name = `${video}/frame_${frame.padStart(10, "0")}.jpg`;
  return [`${participant}/rgb_frames/${name}`, `${participant}/${name}`, name].map((file) => `${frames}/${file}`).find(exists);
}
