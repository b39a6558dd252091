/**
 * Windows bitmaps: 24 or 32 bits a pixel, uncompressed, as Windows tools write them. The file may be hostile: every number is
 * checked against the file's size before memory is touched.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { RgbImage } from "./resize.ts";

const HEADER = 54; // the file's header and the shortest one that describes the picture

/**
 * Decodes a bitmap.
 *
 * @param bytes the file
 * @param name its name, for errors
 * @param mostPixels pixels that it may have
 * @returns RGB pixels
 * @throws UserError when it is compressed, damaged or too large
 */
export function decodeBmp(bytes: Uint8Array, name: string, mostPixels: number): RgbImage {
  const refuse = (why: string): never => {
    throw new UserError(`Cannot read ${name} as an image: ${why}`);
  };
  if (bytes.length < HEADER) return refuse("the bitmap is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, width, signedHeight] = [view.getUint32(10, true), view.getInt32(18, true), view.getInt32(22, true)];
  const [bits, compression] = [view.getUint16(28, true), view.getUint32(30, true)];
  const height = Math.abs(signedHeight); // below 0: the first row is the uppermost
  if (bits !== 24 && bits !== 32 || compression !== 0 && !(compression === 3 && bits === 32)) {
    return refuse(`bitmaps of 24 or 32 bits without compression are read, this one has ${bits} bits and compression ${compression}`);
  }
  if (width < 1 || height < 1 || width * height > mostPixels) {
    return refuse(`it has ${width} × ${height} pixels, 1 to ${mostPixels} are read`);
  }
  const size = bits / 8;
  const row = Math.ceil(width * size / 4) * 4; // rows are padded to 4 bytes
  if (start < HEADER || start + row * height > bytes.length) return refuse("the bitmap is cut off");
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = start + row * (signedHeight < 0 ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) data[(y * width + x) * 3 + channel] = bytes[from + x * size + 2 - channel]!; // stored as BGR
    }
  }
  return { width, height, data };
}
