/**
 * Pillow's image resampling, bit for bit: VQ tokens depend on the last bit of a pixel.
 *
 * The algorithm is that of Pillow's `Resample.c`: two passes, columns then rows, 22-bit fixed-point weights, results
 * rounded and clipped to 8 bits after each pass.
 *
 * @module
 */

/** An RGB image, 8 bits a channel, row by row. */
export interface RgbImage {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** width · height · 3 bytes. */
  readonly data: Uint8Array;
}

/** A resampling kernel of Pillow's. */
export type Kernel = "lanczos" | "bicubic" | "bilinear";

const KERNELS: Readonly<Record<Kernel, { readonly support: number; readonly weight: (x: number) => number }>> = {
  lanczos: { support: 3, weight: (x) => Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0 },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
};

const PRECISION = 22; // bits after the point

/**
 * Resizes an image as Pillow's `Image.resize` does.
 *
 * @param image the image
 * @param width pixels across wanted
 * @param height pixels down wanted
 * @param kernel the resampling kernel
 * @returns the resized image
 *
 * @example Twice as large
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) });
 * const { width, height } = ws.tokens.resize(plain(9), 8, 4);
 * assertEquals([width, height], [8, 4]);
 * ```
 */
export function resize(image: RgbImage, width: number, height: number, kernel: Kernel = "lanczos"): RgbImage {
  const wide = width === image.width ? image : resizeColumns(image, width, kernel);
  return height === wide.height ? wide : transpose(resizeColumns(transpose(wide), height, kernel));
}

/**
 * Cuts out a rectangle that lies inside the image.
 *
 * @param image the image
 * @param left first column
 * @param top first row
 * @param width columns
 * @param height rows
 * @returns the rectangle
 *
 * @example The right half
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const plain = (value: number) => ({ width: 4, height: 2, data: new Uint8Array(24).fill(value) });
 * assertEquals(ws.tokens.crop(plain(9), 2, 0, 2, 2).data.length, 2 * 2 * 3);
 * ```
 */
export function crop(image: RgbImage, left: number, top: number, width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/** Swaps rows and columns. */
function transpose({ width, height, data }: RgbImage): RgbImage {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [(y * width + x) * 3, (x * height + y) * 3];
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { width: height, height: width, data: out };
}

function resizeColumns(image: RgbImage, width: number, kernel: Kernel): RgbImage {
  const taps = tapsOf(image.width, width, kernel);
  const out = new Uint8Array(width * image.height * 3);
  for (let y = 0; y < image.height; y++) {
    const row = y * image.width * 3;
    for (let x = 0; x < width; x++) {
      const { first, weights } = taps[x]!;
      for (let channel = 0; channel < 3; channel++) {
        let sum = 1 << (PRECISION - 1);
        for (let i = 0; i < weights.length; i++) sum += image.data[row + (first + i) * 3 + channel]! * weights[i]!;
        out[(y * width + x) * 3 + channel] = Math.max(0, Math.min(255, sum >> PRECISION));
      }
    }
  }
  return { width, height: image.height, data: out };
}

/** For each new column, the old ones that it is made of and their weights. */
function tapsOf(from: number, to: number, kernel: Kernel): { first: number; weights: Int32Array }[] {
  const { support, weight } = KERNELS[kernel];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  return Array.from({ length: to }, (_, x) => {
    const centre = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5));
    const end = Math.min(from, Math.trunc(centre + support * stretch + 0.5));
    const raw = Array.from({ length: end - first }, (_, i) => weight((first + i - centre + 0.5) / stretch));
    const total = raw.reduce((a, b) => a + b, 0);
    const fixed = raw.map((w) => Math.trunc(w / total * 2 ** PRECISION + (w < 0 ? -0.5 : 0.5)));
    return { first, weights: Int32Array.from(fixed) };
  });
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function cubic(x: number): number {
  const a = -0.5; // Keys 1981
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
