/**
 * Dense optical flow between grey frames, by OpenCV's Farnebäck (Farnebäck 2003).
 *
 * @module
 */
import type { Mat } from "@techstark/opencv-js";

/** A grey picture. */
export interface GrayImage {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /** A value a pixel, row by row. */
  readonly data: Uint8Array;
}

/** Computes flow. */
export interface FlowEngine {
  /** Where each pixel of `before` is in `after`: pixels to the right and down, [H, W, 2]. */
  flow(before: GrayImage, after: GrayImage): Float32Array;
}

/** OpenCV's customary parameters: pyramid 0.5, 3 levels, window 15, 3 iterations, neighbourhood 5, σ 1.2. */
const [SCALE, LEVELS, WINDOW, ITERATIONS, NEIGHBOURS, SIGMA] = [0.5, 3, 15, 3, 5, 1.2];

/** Opens the engine; OpenCV is loaded once. */
export async function openFlow(): Promise<FlowEngine> {
  const { cv } = await (opened ??= openCv());
  return {
    flow(before, after) {
      const [a, b, out] = [matOf(cv, before), matOf(cv, after), new cv.Mat()];
      try {
        cv.calcOpticalFlowFarneback(a, b, out, SCALE, LEVELS, WINDOW, ITERATIONS, NEIGHBOURS, SIGMA, 0);
        return out.data32F.slice();
      } finally {
        for (const mat of [a, b, out]) mat.delete();
      }
    },
  };
}

type OpenCv = typeof import("@techstark/opencv-js");

type LoadedCv = OpenCv & { onRuntimeInitialized?: () => void };

let opened: Promise<{ readonly cv: OpenCv }> | undefined;

/** In an object, as a promise of OpenCV itself would wait for its `then`. */
async function openCv(): Promise<{ readonly cv: OpenCv }> {
  const name = "@techstark/opencv-js"; // by a variable, so that it is fetched only when it is used
  const module = (await import(name)).default as unknown as LoadedCv | Promise<LoadedCv>;
  const cv = module instanceof Promise ? await module : module; // not awaited otherwise: it has a `then` that never settles
  if (!cv.Mat) await new Promise<void>((done) => cv.onRuntimeInitialized = done);
  return { cv };
}

function matOf(cv: OpenCv, { width, height, data }: GrayImage): Mat {
  const mat = new cv.Mat(height, width, cv.CV_8UC1);
  mat.data.set(data);
  return mat;
}
