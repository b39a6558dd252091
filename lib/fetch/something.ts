/**
 * AURORA's Something-Something part: the first and the last frame of each video, and the list without the actions that a pair of
 * frames does not show (`extract_frames.py`, `filter_keywords.py` of McGill-NLP/AURORA).
 *
 * @module
 */
import { isOfDisk, quoted, UserError } from "../errors.ts";
import { exists, readJson, writeFile } from "../files.ts";
import { encodeJpeg } from "../tokens/images.ts";
import type { RgbImage } from "../tokens/mod.ts";
import { readFrames } from "../video/mod.ts";

/** An entry of the list, as far as it is used. */
interface Entry {
  readonly id: string;
  readonly instruction: string;
}

/** Words of instructions that AURORA leaves out: nothing of them is seen in two frames. */
const LEFT_OUT = [
  ...["pretend", "holding", "fail", "roll", "then letting it", "until it falls down", "spin", "nothing happens", "show", "falling like"],
  ...["squeezing", "throwing", "slightly"],
];
const QUALITY = 95; // of the JPEGs, as OpenCV writes them for AURORA

/** Whether AURORA trains on an instruction. */
export function isKept(instruction: string): boolean {
  if (LEFT_OUT.some((words) => instruction.includes(words))) return false;
  return !instruction.includes("falls off") || instruction.includes("but");
}

/**
 * Takes the frames out of the videos in `data/something/videos` and writes `data/something/train_filtered.json`. Frames that are there
 * are left alone, so a run that was stopped goes on; videos that are missing or broken are left out and named in `skipped.jsonl`.
 *
 * @param folder AURORA's folder
 * @param onShare called with the share that is done
 * @returns how many there are
 * @throws UserError when the list is not AURORA's
 */
export async function makeSomething(folder: string, onShare: (share: number) => void): Promise<string> {
  const root = `${folder}/data/something`;
  const entries = readEntries(`${root}/train.json`).filter(({ instruction }) => isKept(instruction));
  const kept: object[] = [];
  const skipped: object[] = [];
  for (const [i, { id, instruction }] of entries.entries()) {
    const [input, output] = ["first", "last"].map((name) => `data/something/frames/${id}/${name}.jpg`) as [string, string];
    try {
      if (!exists(`${folder}/${input}`) || !exists(`${folder}/${output}`)) {
        await takeFrames(`${root}/videos/${id}.webm`, folder, input, output);
      }
      kept.push({ id, instruction, input, output });
    } catch (error) {
      if (isOfDisk(error) || !(error instanceof UserError)) throw error; // a video that is left out is left out for good
      skipped.push({ id, reason: error.message });
    }
    onShare((i + 1) / entries.length);
  }
  writeFile(`${root}/skipped.jsonl`, skipped.map((problem) => JSON.stringify(problem) + "\n").join(""));
  writeFile(`${root}/train_filtered.json`, JSON.stringify(kept, null, 2) + "\n");
  return `${kept.length} pairs in ${root}/train_filtered.json, ${skipped.length} videos left out (${root}/skipped.jsonl)`;
}

function readEntries(path: string): Entry[] {
  const list = readJson(path);
  const isList = Array.isArray(list) &&
    list.every((entry) => /^\d{1,12}$/.test(String(entry?.id)) && typeof entry.instruction === "string");
  if (!isList || list.length === 0) throw new UserError(`Cannot read ${path}: it must be AURORA's list of {"id": "…", "instruction": "…"}`);
  return list.map(({ id, instruction }) => ({ id: String(id), instruction }));
}

async function takeFrames(video: string, folder: string, first: string, last: string): Promise<void> {
  if (!exists(video)) throw new UserError(`There is no ${quoted(video.split("/").at(-1))}`);
  let ends: [RgbImage, RgbImage] | undefined;
  for await (const { width, height, data } of readFrames(video, { format: "rgb24" })) {
    const image = { width, height, data };
    ends = [ends?.[0] ?? image, image];
  }
  if (!ends) throw new UserError(`No frame of ${quoted(video)} can be decoded`);
  for (const [i, path] of [first, last].entries()) writeFile(`${folder}/${path}`, await encodeJpeg(ends[i]!, QUALITY), undefined, false);
}
