/**
 * The short way for notebooks and services: a world model and a dynamics model on one base, pictures in, pictures out.
 *
 * @module
 */
import { openBackend } from "../engine/mod.ts";
import { encodeBase64, readBytes } from "../files.ts";
import { loadAdapter, loadModel } from "../model/mod.ts";
import { disposeModel } from "../model/checkpoint.ts";
import { disposeAdapter } from "../model/lora.ts";
import { decodeImage, encodePng, loadVocabulary, type RgbImage } from "../tokens/mod.ts";
import { type Candidate, codesOf, imagineAll, unfinished } from "./imagine.ts";
import { lookAt, picturePairs, type View } from "./look.ts";
import { predictActions } from "./predict_actions.ts";
import type { ObservationOptions } from "./predict_images.ts";
import { disposeSampler, imageSampler, textSampler } from "./sampler.ts";

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
  /** Shown the candidates while they are drawn, after each row of tokens; what is not drawn yet is the source's. */
  readonly onRow?: (pictures: readonly RgbImage[], rows: number) => void;
}

/** A next observation. In a Jupyter notebook it shows itself. */
export type Imagined = Candidate;

/** What an action begins from: pixels, a picture file's path, or a candidate, from whose tokens it goes on (paper Figure 9). */
export type Source = RgbImage | string | Pick<Candidate, "codes">;

/** An open world. */
export interface World {
  /**
   * Imagines what an action leads to, and ranks it by the dynamics model's likelihood of the action (paper §3.3).
   *
   * @param source pixels, a picture file's path, or a candidate to go on from
   * @param action what is done
   * @param options how candidates are drawn
   * @returns candidates, the likeliest first; the same for a seed
   */
  imagine(source: Source, action: string, options?: ImagineOptions): AsyncGenerator<Imagined>;
  /**
   * Says what was done between two pictures, by the dynamics model.
   *
   * @param source before
   * @param target after
   * @returns the likeliest action, token by token
   */
  describe(source: Source, target: Source): Promise<string>;
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
  const read = async (source: Source) =>
    typeof source === "object" && "codes" in source ? source.codes : codesOf(vqgan, await pixelsOf(source));
  return {
    async *imagine(source, action, { candidates = 4, seed = 1, onRow, ...options } = {}) {
      const query = { source: await read(source), action, seed };
      const onTokens = onRow &&
        (([own]: readonly (readonly (readonly number[])[])[]) =>
          onRow(unfinished(vqgan, query.source, own!), Math.floor(own![0]!.length / Math.sqrt(query.source.length))));
      const [ranked] = imagineAll({ image, text, vqgan, vocabulary }, [query], candidates, { ...PLAIN, ...options }, onTokens);
      for (const candidate of ranked!) yield shown(candidate);
    },
    async describe(source, target) {
      using look = lookAt({ text, vqgan, vocabulary }, await Promise.all([source, target].map(viewOf)));
      return predictActions(look.text, look.vocabulary, picturePairs(look))[0]!;
    },
    close() {
      for (const sampler of [image, text]) disposeSampler(sampler);
      for (const adapter of adapters) if (adapter) disposeAdapter(adapter);
      disposeModel(base);
    },
  };
}

async function viewOf(source: Source): Promise<View> {
  return typeof source === "object" && "codes" in source ? source : { picture: await pixelsOf(source) };
}

async function pixelsOf(picture: RgbImage | string): Promise<RgbImage> {
  return typeof picture === "string" ? await decodeImage(readBytes(picture), picture) : picture;
}

/** A candidate that shows itself as a cell's last value, as Deno's kernel asks for it. */
function shown(imagined: Imagined): Imagined {
  const text = `candidate ${imagined.candidate}, log p(action) ${imagined.logLikelihood.toFixed(3)}`;
  const display = async () => ({
    "image/png": encodeBase64(await encodePng(imagined.picture)),
    "text/plain": text,
  });
  return Object.defineProperty(imagined, Symbol.for("Jupyter.display"), { value: display });
}
