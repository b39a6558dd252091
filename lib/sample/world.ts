/**
 * The short way for notebooks and services: a world model and a dynamics model on one base, pictures in, pictures out.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { openBackend } from "../engine/mod.ts";
import { readBytes } from "../files.ts";
import { loadAdapter, loadModel } from "../model/mod.ts";
import { disposeModel } from "../model/checkpoint.ts";
import { disposeAdapter } from "../model/lora.ts";
import { decodedImages, decodeImage, encodePictures, encodePng, loadVocabulary, type RgbImage, squareCrop } from "../tokens/mod.ts";
import { predictActions } from "./predict_actions.ts";
import { drawObservations, type ObservationOptions } from "./predict_images.ts";
import { disposeSampler, imageSampler, textSampler } from "./sampler.ts";
import { rewardCandidates } from "./verify.ts";

/** Which models are opened. */
export interface OpenOptions {
  /** The base's folder; `data/tiny` by default. */
  readonly model?: string;
  /** The world model's adapter, a folder; absent: the base alone. */
  readonly cwm?: string;
  /** The dynamics model's adapter, a folder; absent: the base alone. */
  readonly cdm?: string;
  /** How the base's weights are kept; bfloat16 by default. */
  readonly precision?: "bfloat16" | "float32";
}

/** How candidates are drawn. */
export interface ImagineOptions extends Partial<ObservationOptions> {
  /** How many; 4 by default. */
  readonly candidates?: number;
  /** Their seed; 1 by default. */
  readonly seed?: number;
}

/** A next observation. In a Jupyter notebook it shows itself. */
export interface Imagined {
  /** Its pixels. */
  readonly picture: RgbImage;
  /** Its tokens, row by row. */
  readonly codes: readonly number[];
  /** Which of the drawn it is, from 0 on. */
  readonly candidate: number;
  /** Log-likelihood of the action by the dynamics model, the mean of its tokens, in nats. */
  readonly logLikelihood: number;
}

/** An open world. */
export interface World {
  /**
   * Imagines what an action leads to, and ranks it by the dynamics model's likelihood of the action (paper §3.3).
   *
   * @param source pixels, or a picture file's path
   * @param action what is done
   * @param options how candidates are drawn
   * @returns candidates, the likeliest first; the same for a seed
   */
  imagine(source: RgbImage | string, action: string, options?: ImagineOptions): AsyncGenerator<Imagined>;
  /**
   * Says what was done between two pictures, by the dynamics model.
   *
   * @param source before
   * @param target after
   * @returns the likeliest action, token by token
   */
  describe(source: RgbImage | string, target: RgbImage | string): Promise<string>;
  /** Frees the models. */
  close(): void;
}

const PLAIN: ObservationOptions = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1 };

/**
 * Opens the engine and both models.
 *
 * @param options which models
 * @returns the world; close it
 * @throws UserError when a folder is no checkpoint, or an adapter is of another base
 *
 * @example The likelier of two candidates comes first
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const world = await ws.open({ model: "data/tiny" });
 * const source = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(200) };
 * const drawn = await Array.fromAsync(world.imagine(source, "remove the red circle", { candidates: 2 }));
 * assert(drawn[0]!.logLikelihood >= drawn[1]!.logLikelihood);
 * world.close();
 * ```
 */
export async function open({ model = "data/tiny", cwm, cdm, precision = "bfloat16" }: OpenOptions = {}): Promise<World> {
  await openBackend();
  const base = loadModel(model, precision);
  const { chameleon, vqgan } = base;
  const vocabulary = loadVocabulary(model, vqgan.config.codes);
  const adapters = [cwm, cdm].map((folder) => folder === undefined ? undefined : loadAdapter(folder, chameleon.config));
  const image = imageSampler(chameleon, vocabulary, adapters[0]);
  const text = textSampler(chameleon, vocabulary, adapters[1]);
  const codesOf = async (...pictures: readonly (RgbImage | string)[]) => {
    const read = await Promise.all(pictures.map(pixelsOf));
    return encodePictures(vqgan, read.map((picture) => squareCrop(picture, vqgan.config.resolution)));
  };
  return {
    async *imagine(source, action, { candidates = 4, seed = 1, ...options } = {}) {
      const queries = [{ id: "imagine", source: (await codesOf(source))[0]!, action }];
      const [drawn] = drawObservations(image, vocabulary, queries, candidates, { ...PLAIN, ...options, seed });
      const [rewards] = rewardCandidates(text, vocabulary, queries, [drawn!]);
      const pictures = decodedImages(vqgan, drawn!);
      const order = [...rewards!.keys()].sort((a, b) => rewards![b]! - rewards![a]! || a - b);
      for (const i of order) yield shown({ picture: pictures[i]!, codes: drawn![i]!, candidate: i, logLikelihood: rewards![i]! });
    },
    async describe(source, target) {
      const [before, after] = await codesOf(source, target);
      return predictActions(text, vocabulary, [{ source: before!, target: after! }])[0]!;
    },
    close() {
      for (const sampler of [image, text]) disposeSampler(sampler);
      for (const adapter of adapters) if (adapter) disposeAdapter(adapter);
      disposeModel(base);
    },
  };
}

async function pixelsOf(picture: RgbImage | string): Promise<RgbImage> {
  return typeof picture === "string" ? await decodeImage(readBytes(picture), picture) : picture;
}

/** A candidate that shows itself as a cell's last value, as Deno's kernel asks for it. */
function shown(imagined: Imagined): Imagined {
  const text = `candidate ${imagined.candidate}, log p(action) ${imagined.logLikelihood.toFixed(3)}`;
  const display = async () => ({
    "image/png": Buffer.from(await encodePng(imagined.picture)).toString("base64"),
    "text/plain": text,
  });
  return Object.defineProperty(imagined, Symbol.for("Jupyter.display"), { value: display });
}
