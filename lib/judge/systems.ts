/**
 * Systems that are compared: any folder of predictions is one, and copying the source is built in.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { exists, fileNameOf, LARGEST, readBytes, readJson, readJsonLines, sha256 } from "../files.ts";
import { xmpOf } from "../provenance/mod.ts";
import { decodeImage, type RgbImage } from "../tokens/mod.ts";
import type { Trajectory } from "../trajectories/mod.ts";

/** A system. */
export interface System {
  /** Its name in tables. */
  readonly name: string;
  /** Its prediction for a trajectory; undefined when it has none. Throws when the file is no picture. */
  predict(trajectory: Trajectory): Promise<RgbImage | undefined>;
  /** What that prediction's file says of where it comes from, as XMP; undefined when it says nothing. */
  xmp(trajectory: Trajectory): Promise<string | undefined>;
  /** A digest of that prediction's content, without decoding it; equal content has an equal key. Undefined when there is none. */
  key(trajectory: Trajectory): Promise<string | undefined>;
}

/** The baseline that copies the source. */
export const COPY: System = {
  name: "copy",
  predict: ({ source }) => source.load(),
  xmp: () => Promise.resolve(undefined),
  key: ({ source }) => source.key(),
};

/**
 * Opens a system.
 *
 * @param name `copy`, or a folder: with `predictions.jsonl` (as task sample writes) or `predictions.json`, a list of
 *   objects with `id` and `image`; or with pictures by name, `ID.png` or `images/ID.png`. `NAME=FOLDER` names it.
 * @returns the system
 * @throws UserError when the folder is not there
 *
 * @example Copying the source is built in
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const [trajectory] = ws.worldTrajectories("easy", 1, "train", 1) as [ws.world.WorldTrajectory];
 * assertEquals(await ws.judge.openSystem("copy").predict(trajectory), await trajectory.source.load());
 * ```
 */
export function openSystem(name: string): System {
  if (name === "copy") return COPY;
  const [title, folder] = name.includes("=") ? [name.slice(0, name.indexOf("=")), name.slice(name.indexOf("=") + 1)] : [name, name];
  if (!exists(folder)) throw new UserError(`Cannot evaluate the system ${title}: there is no folder ${folder}`);
  const listed = new Map(readListed(folder).map((one) => [one.id, one]));
  const fileOf = ({ id, action }: Trajectory) => {
    const [plain, own] = [fileNameOf(id), listed.get(id)];
    if (typeof own?.action === "string" && own.action !== action) throw new UserError(otherAction(title, id, own.action, action));
    const found = [own?.image, `images/${plain}.png`, `${plain}.png`, `${plain}.jpg`]
      .filter((file) => file !== undefined && !/(^|[\\/])\.\.([\\/]|$)|^[\\/]/.test(file)).find((file) => exists(`${folder}/${file}`));
    return found && `${folder}/${found}`;
  };
  return {
    name: title,
    async predict(trajectory) {
      const file = fileOf(trajectory);
      return file === undefined ? undefined : await decodeImage(readBytes(file, LARGEST.picture), file);
    },
    async xmp(trajectory) {
      const file = fileOf(trajectory);
      return file === undefined ? undefined : await xmpOf(file);
    },
    async key(trajectory) {
      const file = fileOf(trajectory);
      return file === undefined ? undefined : await sha256(readBytes(file, LARGEST.picture));
    },
  };
}

/** Ids count places in a list, so that of another list an id may be another transition's. */
function otherAction(system: string, id: string, action: string, wanted: string): string {
  return `Cannot take the prediction ${id} of ${system}: it is of the action ${quoted(action)}, and the bench has ${quoted(wanted)}; ` +
    "give the --bench that it was drawn for";
}

function readListed(folder: string): readonly { readonly id: string; readonly image: string; readonly action?: unknown }[] {
  if (exists(`${folder}/predictions.jsonl`)) return readJsonLines(`${folder}/predictions.jsonl`);
  const path = `${folder}/predictions.json`;
  if (!exists(path)) return [];
  const json = readJson(path);
  if (!Array.isArray(json)) throw new UserError(`Cannot read ${path} as predictions: it must hold a list of objects with id and image`);
  return json.filter((entry) => typeof entry?.id === "string" && typeof entry?.image === "string");
}
