/**
 * Reading a file's origin back.
 *
 * @module
 */
import sharp from "sharp";
import { UserError } from "../errors.ts";
import { LARGEST, readBytes } from "../files.ts";
import { decodeImage } from "../tokens/mod.ts";
import { imageFormat } from "../tokens/images.ts";
import { videoComment } from "../video/mod.ts";
import { xmpOfGif } from "./gif.ts";
import { type Provenance, provenanceOf } from "./xmp.ts";

/** Bytes of the largest XMP that is looked at. */
const MOST_XMP = 2 ** 20;

/**
 * Where a picture or a video comes from, as its file says.
 *
 * @param path a picture, or an MP4 by its name
 * @returns the origin, or undefined where the file says nothing of this workbench
 * @throws UserError when it is no picture or video, or is damaged
 *
 * @example A picture without origin
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${Deno.makeTempDirSync()}/a.png`;
 * Deno.writeFileSync(path, await ws.tokens.encodePng({ width: 1, height: 1, data: new Uint8Array(3) }));
 * assertEquals(await ws.provenance.inspectFile(path), undefined);
 * ```
 */
export async function inspectFile(path: string): Promise<Provenance | undefined> {
  const xmp = /\.(mp4|mov|mkv|webm)$/i.test(path) ? await videoComment(path) : await soundXmp(path);
  return xmp === undefined || xmp.length > MOST_XMP ? undefined : provenanceOf(xmp);
}

/** The XMP of a picture that can be decoded: what is damaged, or has more pixels than are read, is refused. */
async function soundXmp(path: string): Promise<string | undefined> {
  const bytes = readBytes(path, LARGEST.picture);
  await decodeImage(bytes, path);
  return await xmpIn(bytes, path);
}

/**
 * A picture file's XMP as it stands, to be written into copies. The picture itself is not decoded.
 *
 * @param path a picture
 * @returns the packet, or undefined where there is none, or one of more than a MiB
 * @throws UserError when it is no picture, or is damaged
 *
 * @example What was written
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${Deno.makeTempDirSync()}/a.png`;
 * const xmp = ws.provenance.provenanceXmp({ action: "open it", seed: 1, base: "ab12", version: "0.1.0" });
 * Deno.writeFileSync(path, await ws.tokens.encodePng({ width: 1, height: 1, data: new Uint8Array(3) }, xmp));
 * assertEquals(await ws.provenance.xmpOf(path), xmp);
 * ```
 */
export async function xmpOf(path: string): Promise<string | undefined> {
  return await xmpIn(readBytes(path, LARGEST.picture), path);
}

/** A packet that is small enough to be looked at. */
function within(xmp: string | undefined): string | undefined {
  return xmp !== undefined && xmp.length <= MOST_XMP ? xmp : undefined;
}

/** The same of bytes that were read; the path stands in messages. */
export async function xmpIn(bytes: Uint8Array, path: string): Promise<string | undefined> {
  const format = imageFormat(bytes, path);
  if (format === "BMP") return; // it has no place for XMP
  if (format === "GIF") return within(xmpOfGif(bytes));
  try {
    const { xmp } = await sharp(bytes).metadata();
    return within(xmp && new TextDecoder().decode(xmp));
  } catch (cause) {
    throw new UserError(`Cannot read what ${path} says of itself: the file is damaged`, { cause });
  }
}
