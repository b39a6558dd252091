/**
 * Images as codes of the VQGAN and back.
 *
 * @module
 */
import { type Tensor, tf, tidy, valuesOf } from "../engine/mod.ts";
import { decodeCodes, nearestCodes, openEncoder, type PictureEncoder, type Vqgan } from "../model/mod.ts";
import { imagesToTensor, tensorToImages } from "./images.ts";
import { picturesAtOnce } from "../model/memory.ts";
import type { RgbImage } from "./resize.ts";

const BATCH = 64; // pictures encoded together, unless they are large

/**
 * Image codes of pictures that have the VQGAN's size, some at a time.
 *
 * @param vqgan the image tokenizer
 * @param pictures of the VQGAN's resolution
 * @param opened its encoder, where the caller keeps one open
 * @returns codes row by row, one list a picture
 *
 * @example A grey picture
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
 * assertEquals(ws.tokens.encodePictures(vqgan, [grey])[0]!.length, 64);
 * ```
 */
export function encodePictures(vqgan: Vqgan, pictures: readonly RgbImage[], opened?: PictureEncoder): number[][] {
  const encoded: number[][] = [];
  using own = opened ? undefined : openEncoder(vqgan);
  const encoder = opened ?? own!;
  const together = picturesAtOnce(vqgan.config, BATCH);
  for (let i = 0; i < pictures.length; i += together) {
    const codes = tidy(() => nearestCodes(vqgan, encoder.features(imagesToTensor(pictures.slice(i, i + together)))));
    const [values, each] = [Array.from(valuesOf(codes)), codes.shape[1]!];
    for (let start = 0; start < values.length; start += each) encoded.push(values.slice(start, start + each));
    codes.dispose();
  }
  return encoded;
}

const SEEN_TOGETHER = 16; // always a full batch: the last bits depend on its size, and few shapes are compiled

/**
 * What a model that does not look at codes sees of pictures.
 *
 * @param vqgan of a backbone with an encoder of its own for what it is asked about
 * @param pictures of the VQGAN's resolution
 * @returns a vector for each place, [N, n, D]; the first picture stands again at the end, until N is a multiple of 16
 */
export function seenPictures({ see }: Vqgan, pictures: readonly RgbImage[]): Tensor {
  const batches = Math.ceil(pictures.length / SEEN_TOGETHER);
  const all = [...pictures, ...Array<RgbImage>(batches * SEEN_TOGETHER - pictures.length).fill(pictures[0]!)];
  return tidy(() => {
    const batch = (i: number) => imagesToTensor(all.slice(i * SEEN_TOGETHER, (i + 1) * SEEN_TOGETHER)); // [16, h, w, 3]
    return tf.concat(Array.from({ length: batches }, (_, i) => see!(batch(i))), 0); // [N, n, D]
  });
}

/**
 * Pictures of image codes, some at a time where they are large.
 *
 * @param vqgan the image tokenizer, with its decoder
 * @param codes row by row, one list a picture
 * @returns pictures of the VQGAN's resolution
 *
 * @example One picture of 64 codes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const [image] = ws.tokens.decodedImages(vqgan, [Array<number>(64).fill(7)]);
 * assertEquals([image!.width, image!.height], [64, 64]);
 * ```
 */
export function decodedImages(vqgan: Vqgan, codes: readonly (readonly number[])[]): RgbImage[] {
  const together = picturesAtOnce(vqgan.config, codes.length);
  const images: RgbImage[] = [];
  for (let i = 0; i < codes.length; i += together) {
    const rows = codes.slice(i, i + together).map((row) => [...row]);
    const decoded = tidy(() => decodeCodes(vqgan, tf.tensor2d(rows, undefined, "int32")));
    images.push(...tensorToImages(decoded));
    decoded.dispose();
  }
  return images;
}
