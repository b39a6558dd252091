/**
 * Images as codes of the VQGAN and back.
 *
 * @module
 */
import { tf, tidy, valuesOf } from "../engine/mod.ts";
import { decodeCodes, encodeFeatures, nearestCodes, type Vqgan } from "../model/mod.ts";
import { imagesToTensor, tensorToImages } from "./images.ts";
import type { RgbImage } from "./resize.ts";

const BATCH = 64; // pictures encoded together

/**
 * Image codes of pictures that have the VQGAN's size, some at a time.
 *
 * @param vqgan the image tokenizer
 * @param pictures of the VQGAN's resolution
 * @returns codes row by row, one list a picture
 */
export function encodePictures(vqgan: Vqgan, pictures: readonly RgbImage[]): number[][] {
  const encoded: number[][] = [];
  for (let i = 0; i < pictures.length; i += BATCH) {
    const codes = tidy(() => nearestCodes(vqgan, encodeFeatures(vqgan, imagesToTensor(pictures.slice(i, i + BATCH)))));
    const [values, each] = [Array.from(valuesOf(codes)), codes.shape[1]!];
    for (let start = 0; start < values.length; start += each) encoded.push(values.slice(start, start + each));
    codes.dispose();
  }
  return encoded;
}

/**
 * Pictures of image codes, all at once.
 *
 * @param vqgan the image tokenizer, with its decoder
 * @param codes row by row, one list a picture
 * @returns pictures of the VQGAN's resolution
 */
export function decodedImages(vqgan: Vqgan, codes: readonly (readonly number[])[]): RgbImage[] {
  const decoded = tidy(() => decodeCodes(vqgan, tf.tensor2d(codes.map((row) => [...row]), undefined, "int32")));
  const images = tensorToImages(decoded);
  decoded.dispose();
  return images;
}
