/**
 * Image encoders for CLIP-I, CLIP-T and DINO (paper A.3), from local ONNX folders; pictures are resized as Pillow does it.
 *
 * @module
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { exists, readJson } from "../files.ts";
import { crop, resize, type RgbImage } from "../tokens/mod.ts";
import { openOnnx } from "./onnx.ts";

/** An encoder of pictures, and of sentences where the folder has a text model. */
export interface ImageEncoder {
  /** What is computed, and how. */
  readonly signature: string;
  /** A picture as a unit vector. */
  picture(image: RgbImage): Promise<Float32Array>;
  /** A sentence as a unit vector in the same space; absent without `onnx/text_model.onnx`. */
  readonly sentence?: (text: string) => Promise<Float32Array>;
  /** Frees the models. */
  close(): Promise<void>;
}

/** The part of `preprocessor_config.json` that is used. */
interface Preprocessing {
  readonly size: { readonly shortest_edge?: number; readonly height?: number } | number;
  readonly crop_size?: { readonly height: number } | number;
  readonly image_mean: readonly number[];
  readonly image_std: readonly number[];
  readonly resample?: number; // Pillow's number: 1 Lanczos, 2 bilinear, 3 bicubic
}

/**
 * Opens an encoder: `preprocessor_config.json`, and `onnx/vision_model.onnx` or `onnx/model.onnx`. Of its outputs `image_embeds`
 * is taken, otherwise the first token of the first.
 *
 * @param folder the model's folder, in Hugging Face's layout
 * @returns the encoder; close it when done
 * @throws Error naming the file that is missing
 *
 * @example A folder without a model is named
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const error = await ws.metrics.openImageEncoder("data/prompts").catch((error: Error) => error);
 * assert(error instanceof ws.UserError);
 * ```
 */
export async function openImageEncoder(folder: string): Promise<ImageEncoder> {
  const settings = readJson(`${folder}/preprocessor_config.json`) as Preprocessing;
  const vision = await openOnnx(folder, exists(`${folder}/onnx/vision_model.onnx`) ? "onnx/vision_model.onnx" : "onnx/model.onnx");
  const text = exists(`${folder}/onnx/text_model.onnx`) ? await openOnnx(folder, "onnx/text_model.onnx") : undefined;
  const tokenizer = text && new Tokenizer(readJson(`${folder}/tokenizer.json`) as never, {} as never);
  return {
    signature: `${folder.split("/").at(-1)}|cosine|${JSON.stringify(settings.size)}, crop ${
      JSON.stringify(settings.crop_size ?? "none")
    }|Pillow's resize`,
    async picture(image) {
      const { data, side } = pixels(image, settings);
      const outputs = await vision.run({ pixel_values: { data, shape: [1, 3, side, side] } });
      return unitOf(outputs, "image_embeds");
    },
    ...(text && tokenizer && {
      async sentence(sentence: string) {
        const ids = BigInt64Array.from(tokenizer.encode(sentence).ids.slice(0, 77), BigInt);
        const shape = [1, ids.length];
        const inputs = { input_ids: { data: ids, shape }, attention_mask: { data: new BigInt64Array(ids.length).fill(1n), shape } };
        return unitOf(
          await text.run(Object.fromEntries(Object.entries(inputs).filter(([name]) => text.inputs.includes(name)))),
          "text_embeds",
        );
      },
    }),
    async close() {
      await vision.close();
      await text?.close();
    },
  };
}

/**
 * The cosine of two unit vectors.
 *
 * @param a a unit vector
 * @param b another of the same length
 * @returns −1 … 1
 *
 * @example At a right angle
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.cosine(Float32Array.of(1, 0), Float32Array.of(0, 1)), 0);
 * ```
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** Resized, cropped, normalised: [3, side, side] */
function pixels(
  image: RgbImage,
  { size, crop_size, image_mean, image_std, resample = 3 }: Preprocessing,
): { data: Float32Array; side: number } {
  const short = typeof size === "number" ? size : size.shortest_edge;
  const whole = typeof size === "number" ? size : size.height ?? size.shortest_edge!;
  const kernel = ({ 1: "lanczos", 2: "bilinear", 3: "bicubic" } as const)[resample as 1 | 2 | 3];
  const scale = (short ?? 0) / Math.min(image.width, image.height);
  const resized = short === undefined ? resize(image, whole, whole, kernel) : resize(image, ...longer(image, short, scale), kernel);
  const side = crop_size === undefined ? whole : typeof crop_size === "number" ? crop_size : crop_size.height;
  const framed = crop(resized, Math.floor((resized.width - side) / 2), Math.floor((resized.height - side) / 2), side, side);
  const data = new Float32Array(3 * side * side);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) data[c * side * side + i] = (framed.data[3 * i + c]! / 255 - image_mean[c]!) / image_std[c]!;
  }
  return { data, side };
}

/** The shorter side becomes `short`; the longer one is cut to whole pixels, as transformers does. */
function longer({ width, height }: RgbImage, short: number, scale: number): [number, number] {
  return width <= height ? [short, Math.floor(height * scale + 1e-9)] : [Math.floor(width * scale + 1e-9), short];
}

function unitOf(
  outputs: Readonly<Record<string, { readonly data: Float32Array | BigInt64Array; readonly shape: readonly number[] }>>,
  name: string,
): Float32Array {
  const { data, shape } = outputs[name] ?? Object.values(outputs)[0]!;
  const vector = Float32Array.from((data as Float32Array).subarray(0, shape.at(-1)!)); // the first token, where there are several
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
