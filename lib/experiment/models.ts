/**
 * What the tasks that draw images share: a bench in tokens, the world model, and a dynamics model beside it.
 *
 * @module
 */
import { cacheFolder } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { type Chameleon, loadAdapter, loadModel, type LoraAdapter, planCheckpoint, type Vqgan } from "../model/mod.ts";
import { hasDecoder } from "../model/vqgan.ts";
import { type HeadRows, imageSampler, type Sampler, textSampler } from "../sample/mod.ts";
import { loadVocabulary, type Vocabulary } from "../tokens/mod.ts";
import { type EncodedTrajectory, encodeTrajectories, type Problem, type TrajectoryList, usableTrajectories } from "../trajectories/mod.ts";
import { freeForWork } from "./plan.ts";
import type { Config } from "./schema.ts";

/** A base in memory once, its adapters switched. */
export interface Models {
  /** The transformer. */
  readonly chameleon: Chameleon;
  /** Encodes and decodes images. */
  readonly vqgan: Vqgan;
  /** The vocabulary. */
  readonly vocabulary: Vocabulary;
  /** Draws and scores image tokens, with the world model's adapter. */
  readonly image: Sampler;
  /** Draws and scores text, with the dynamics model's adapter. */
  readonly text: Sampler;
}

/**
 * Loads the base with an adapter for images and one for text.
 *
 * @param config its section `model`
 * @param adapters folders by use; undefined takes the base alone
 * @param rows that the softmax over image tokens runs over
 * @returns models that are ready to draw and to score
 */
export function loadModels(
  config: Config,
  adapters: { readonly image?: string | undefined; readonly text?: string | undefined },
  rows: HeadRows = "image",
): Models {
  const { model: { path, precision } } = config;
  const budget = freeForWork(config, planCheckpoint(path, precision)); // before the weights are loaded
  const { chameleon, vqgan } = loadModel(path, precision);
  const vocabulary = loadVocabulary(path, vqgan.config.codes);
  const load = (folder: string | undefined): LoraAdapter | undefined =>
    folder === undefined ? undefined : loadAdapter(folder, chameleon.config);
  return {
    ...{ chameleon, vqgan, vocabulary },
    image: { ...imageSampler(chameleon, vocabulary, load(adapters.image), rows), budget },
    text: { ...textSampler(chameleon, vocabulary, load(adapters.text)), budget },
  };
}

/**
 * Checks that images can be drawn.
 *
 * @throws UserError when the checkpoint has no decoder
 */
export function requireDecoder({ vqgan }: Models, { model: { path } }: Config): void {
  if (!hasDecoder(vqgan)) throw new UserError(`Cannot draw images with ${path}: the checkpoint has no decoder for image tokens`);
}

/**
 * A bench in tokens; what cannot be read is left out and said.
 *
 * @param list the bench
 * @param vqgan encodes its images
 * @returns trajectories in tokens, and what was left out
 * @throws UserError when nothing is left
 */
export async function encodeBench(
  list: TrajectoryList,
  vqgan: Vqgan,
): Promise<{ items: readonly EncodedTrajectory[]; problems: readonly Problem[] }> {
  const { encoded, problems } = await encodeTrajectories(usableTrajectories(list, true).trajectories, vqgan, cacheFolder());
  usableTrajectories({ trajectories: encoded.map(({ trajectory }) => trajectory), problems: [] }, true);
  return { items: encoded, problems: [...list.problems, ...problems] };
}
