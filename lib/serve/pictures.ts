/**
 * Pictures that come from outside, and what is made of a tree's: strips, GIFs, videos, JSON, training examples.
 *
 * @module
 */
import sharp from "sharp";
import { UserError } from "../errors.ts";
import { appendLine, exists, fileNameOf, readBytes, resumeLog, writeFile } from "../files.ts";
import { gifWithXmp, type Provenance, provenanceOf, provenanceXmp } from "../provenance/mod.ts";
import { xmpIn } from "../provenance/inspect.ts";
import { drawStrip } from "../report/sheet.ts";
import type { AnnotatedTrajectory } from "../synthesis/mod.ts";
import { decodeImage, encodePng, type RgbImage, squareCrop } from "../tokens/mod.ts";
import { writeMp4 } from "../video/mod.ts";
import type { Side } from "./questions.ts";
import { pathTo, type TreeNode, type Trees } from "./trees.ts";

/** What made pictures, by side: what stands in their files. Undefined where files are to say nothing. */
export type Makers = Readonly<Record<Side, Pick<Provenance, "base" | "adapter" | "version"> | undefined>>;

/** Bytes of a picture that is sent. */
export const LARGEST_UPLOAD = 12 * 2 ** 20;
/** Its pixels: those of a telephone's camera. */
export const MOST_UPLOADED_PIXELS = 16e6;

/**
 * A picture that was sent, as the model sees it: upright, its middle square. Where its file says that this workbench made it, the new one says
 * so too.
 *
 * @param bytes of its file
 * @param side of the square
 * @returns a PNG
 * @throws UserError when it is no picture that is read, damaged, or too large
 */
export async function takePicture(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  const picture = await decodeImage(bytes, "what was sent", { most: MOST_UPLOADED_PIXELS, upright: true });
  const xmp = await xmpIn(bytes, "what was sent");
  const origin = xmp === undefined ? undefined : provenanceOf(xmp);
  return await encodePng(squareCrop(picture, side), origin && provenanceXmp(origin));
}

/** The XMP of a drawn picture. */
export function xmpOf(makers: Makers, side: Side, action: string, seed: number, candidate?: number): string | undefined {
  const maker = makers[side];
  return maker && provenanceXmp({ ...maker, action, seed, candidate });
}

/** What can be made of the way to a picture. */
export const EXPORTS = { "strip.png": "image/png", "gif": "image/gif", "mp4": "video/mp4" } as const;

/**
 * The way to a picture as a file. A way never changes, so that what was made once is there.
 *
 * @param trees all trees
 * @param tree whose
 * @param id of the picture
 * @param kind of the file
 * @param makers who drew the pictures
 * @returns its bytes
 * @throws UserError when there is no such picture
 */
export async function exportPath(trees: Trees, tree: string, id: number, kind: keyof typeof EXPORTS, makers: Makers) {
  const path = pathTo(trees.nodes(tree), id);
  if (path.length === 0) throw new UserError("There is no such picture in this tree.");
  const file = `${trees.exportsFolder(tree)}/${id}.${makers.cwm ? "" : "silent."}${kind}`; // one that says nothing is another file
  if (exists(file)) return readBytes(file);
  const frames = await Promise.all(path.map(async (node) => {
    const picture = trees.picturePath(tree, node.id);
    return await decodeImage(readBytes(picture), picture);
  }));
  const xmp = pathXmp(path, makers);
  const [given, ...actions] = path.map(({ title }) => title);
  if (kind === "mp4") await writeMp4(file, frames.flatMap((frame) => Array<RgbImage>(RATE).fill(frame)), RATE, { comment: xmp });
  else writeFile(file, kind === "gif" ? await encodeGif(frames, xmp) : await drawStrip(frames, actions, { title: given!, xmp }));
  return readBytes(file);
}

const RATE = 6; // frames a second, each picture a second long

/** What a file of several pictures says of itself: each action with its seed and candidate, in order. */
function pathXmp(path: readonly TreeNode[], makers: Makers): string | undefined {
  const actions = path.flatMap(({ title, drawn }) => drawn ? [`${title} (seed ${drawn.seed}, candidate ${drawn.candidate})`] : []);
  const last = path.at(-1)!.drawn;
  return last && xmpOf(makers, last.side, actions.join(", then "), last.seed);
}

async function encodeGif(frames: readonly RgbImage[], xmp: string | undefined): Promise<Uint8Array> {
  const { width, height } = frames[0]!;
  const data = new Uint8Array(await new Blob(frames.map((frame) => frame.data as Uint8Array<ArrayBuffer>)).arrayBuffer());
  const raw = { width, height: height * frames.length, channels: 3 as const, pageHeight: height };
  const gif = new Uint8Array(await sharp(data, { raw }).gif({ delay: frames.map(() => 1000), loop: 0 }).toBuffer());
  return xmp === undefined ? gif : gifWithXmp(gif, xmp);
}

/** A trajectory that somebody holds to be a good example. */
export interface Example {
  /** Number of the picture before. */
  readonly before: number;
  /** Number of the picture after. */
  readonly after: number;
  /** What was done. */
  readonly action: string;
}

/**
 * Saves a trajectory as a training example, in the layout that `train-cwm --cwm.synthetic` reads.
 *
 * @param folder where examples are kept
 * @param trees all trees
 * @param tree whose pictures they are
 * @param example what is saved
 * @returns the file of examples, and how many there are
 * @throws UserError when there is no such picture
 */
export function saveExample(
  folder: string,
  trees: Trees,
  tree: string,
  { before, after, action }: Example,
): { path: string; count: number } {
  const nodes = trees.nodes(tree);
  const target = nodes[after];
  if (!nodes[before] || !target) throw new UserError("There is no such picture in this tree.");
  const path = `${folder}/trajectories.jsonl`;
  const known = resumeLog<AnnotatedTrajectory>(path);
  const id = `${tree.slice(0, 12)}-${before}-${after}-${fileNameOf(action, 80)}`;
  if (known.some((one) => one.id === id)) return { path, count: known.length };
  const frames = { source: before, target: after };
  const files = Object.fromEntries(
    Object.entries(frames).map(([role, node]) => {
      const file = `frames/${tree.slice(0, 12)}-${node}.png`;
      writeFile(`${folder}/${file}`, readBytes(trees.picturePath(tree, node)));
      return [role, file];
    }),
  ) as Record<keyof typeof frames, string>;
  const score = target.parent === before && target.title === action ? target.drawn!.logLikelihood : 0; // somebody said so
  const example: AnnotatedTrajectory = {
    ...{ id, video: tree, label: "saved", ...files, action, score, cdm: "" },
    ...{ sourceTime: 0, targetTime: 0, sourceFrame: before, targetFrame: after, duration: 0 },
  };
  appendLine(path, JSON.stringify(example));
  return { path, count: known.length + 1 };
}
