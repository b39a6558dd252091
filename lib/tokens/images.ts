/**
 * From image files to what the VQGAN sees, exactly as Meta's Chameleon does it, and back.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { decodeBmp } from "./bmp.ts";
import sharp from "sharp";
import { type Tensor, tf } from "../engine/mod.ts";
import { crop, resize, type RgbImage } from "./resize.ts";

/** Pixels of the largest image that is read: 64 million, 192 MB of RGB. */
export const MOST_PIXELS = 64e6;

/** How a file is decoded. */
export interface DecodeOptions {
  /** Pixels that are read at most; 64 million when absent. */
  readonly most?: number;
  /** Whether it is turned as its EXIF says. */
  readonly upright?: boolean;
}

/** The formats that are read, by what their files begin with in hexadecimal. Anything else could run code of a renderer on what strangers wrote. */
const FORMATS: readonly (readonly [name: string, magic: RegExp])[] = [
  ["PNG", /^89504e470d0a1a0a/],
  ["JPEG", /^ffd8ff/],
  ["WebP", /^52494646.{8}57454250/], // RIFF, the size, WEBP
  ["GIF", /^47494638(37|39)61/],
  ["BMP", /^424d/],
  ["TIFF", /^(49492a00|4d4d002a)/],
];

/**
 * Decodes an image file; transparent pixels are laid on white (`image_tokenizer.py` of Meta's Chameleon).
 *
 * @param bytes a PNG, JPEG, WebP, GIF (its first frame), BMP or TIFF file
 * @param name its name, for errors
 * @param options how many pixels are read, and whether a camera's file is turned upright, which the reference does not do
 * @returns RGB pixels
 * @throws UserError when the bytes are another format, damaged, or too many pixels
 *
 * @example A PNG gives its pixels back
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) });
 * const png = await ws.tokens.encodePng(plain(9));
 * assertEquals(await ws.tokens.decodeImage(png, "plain.png"), plain(9));
 * ```
 */
export async function decodeImage(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<RgbImage> {
  const { most = MOST_PIXELS, upright = false } = options;
  const format = imageFormat(bytes, name);
  if (format === "BMP") return decodeBmp(bytes, name, most);
  try {
    // Pillow, which the reference reads with, takes the values as they are stored, whatever the profile says
    const stored = sharp(bytes, { limitInputPixels: most, ignoreIcc: true, pages: 1 });
    const image = (upright ? stored.autoOrient() : stored).toColourspace("srgb").ensureAlpha();
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    return onWhite(data, info.width, info.height);
  } catch (error) {
    const { width = 0, height = 0 } = await sharp(bytes, { limitInputPixels: false }).metadata().catch(() => ({ width: 0, height: 0 }));
    const why = width * height > most ? `it has ${width} × ${height} pixels, at most ${most} are read` : `the ${format} file is damaged`;
    throw unreadable(name, why, error);
  }
}

/**
 * The format of an image file, by its first bytes; nothing else of it is looked at.
 *
 * @param bytes the file
 * @param name its name, for errors
 * @returns the format's name
 * @throws UserError when it is none that is read
 */
export function imageFormat(bytes: Uint8Array, name: string): string {
  if (bytes.length === 0) throw unreadable(name, "it is empty");
  const head = Array.from(bytes.subarray(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const format = FORMATS.find(([, magic]) => magic.test(head))?.[0];
  if (format === undefined) throw unreadable(name, `it is none of ${FORMATS.map(([name]) => name).join(", ")}`);
  return format;
}

function unreadable(name: string, why: string, cause?: unknown): UserError {
  return new UserError(`Cannot read ${name} as an image: ${why}`, { cause });
}

/**
 * Encodes an image as PNG.
 *
 * @param image RGB pixels
 * @param xmp what the file says of itself, an XMP packet; absent: nothing
 * @returns the file's bytes
 *
 * @example It begins as PNGs do
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) });
 * const png = await ws.tokens.encodePng(plain(9));
 * assertEquals(new TextDecoder().decode(png.slice(1, 4)), "PNG");
 * ```
 */
export async function encodePng({ data, width, height }: RgbImage, xmp?: string): Promise<Uint8Array> {
  const image = sharp(data, { raw: { width, height, channels: 3 } }).png();
  return new Uint8Array(await (xmp === undefined ? image : image.withXmp(xmp)).toBuffer());
}

/** Encodes an image as JPEG of a quality from 1 to 100. */
export async function encodeJpeg({ data, width, height }: RgbImage, quality: number): Promise<Uint8Array> {
  return new Uint8Array(await sharp(data, { raw: { width, height, channels: 3 } }).jpeg({ quality }).toBuffer());
}

/**
 * Frames an image as the model's square: the shorter side becomes `side` (Lanczos), the middle is kept.
 *
 * @param image any image
 * @param side the model's resolution
 * @returns side × side pixels
 *
 * @example The middle of a wide picture
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) });
 * const square = ws.tokens.squareCrop(plain(9), 2);
 * assertEquals([square.width, square.height], [2, 2]);
 * ```
 */
export function squareCrop(image: RgbImage, side: number): RgbImage {
  const scale = side / Math.min(image.width, image.height);
  const [width, height] = [roundHalfEven(image.width * scale), roundHalfEven(image.height * scale)];
  const resized = resize(image, width, height);
  return crop(resized, Math.floor((width - side) / 2), Math.floor((height - side) / 2), side, side);
}

/** Images of one size as a tensor in −1 … 1, [B, h, w, 3]. */
export function imagesToTensor(images: readonly RgbImage[]): Tensor {
  const { width, height } = images[0]!;
  const values = new Float32Array(images.length * width * height * 3);
  images.forEach(({ data }, i) => {
    for (let j = 0; j < data.length; j++) values[i * data.length + j] = LEVELS[data[j]!]!;
  });
  return tf.tensor4d(values, [images.length, height, width, 3]);
}

const LEVELS = Float32Array.from({ length: 256 }, (_, level) => level / 255 * 2 - 1);

/** A tensor of images, about −1 … 1, as pixels: clamped and truncated like the reference. */
export function tensorToImages(tensor: Tensor): RgbImage[] {
  const [count, height, width] = tensor.shape as [number, number, number];
  const values = tensor.dataSync();
  const size = height * width * 3;
  return Array.from({ length: count }, (_, i) => {
    const pixel = (j: number) => (Math.max(-1, Math.min(1, values[i * size + j]!)) + 1) / 2 * 255;
    return { width, height, data: Uint8Array.from({ length: size }, (_, j) => pixel(j)) };
  });
}

function onWhite(rgba: Uint8Array, width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = rgba[4 * i + 3]! / 255;
    for (let channel = 0; channel < 3; channel++) {
      const value = rgba[4 * i + channel]!;
      data[3 * i + channel] = alpha === 1 ? value : Math.trunc((1 - alpha) * 255 + alpha * value);
    }
  }
  return { width, height, data };
}

/** Python's `round`. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + floor % 2 : Math.round(x);
}
