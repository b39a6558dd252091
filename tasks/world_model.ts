/**
 * What the tasks that draw images share: a bench in tokens, the world model, and a dynamics model beside it.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import type { Config } from "../lib/experiment/config.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { exists, parent, readJson } from "../lib/files.ts";
import {
  adapterDigest,
  checkpointDigest,
  freezeHead,
  hasDecoder,
  loadAdapter,
  loadModel,
  planCheckpoint,
  type Vqgan,
} from "../lib/model/mod.ts";
import { digestOf } from "../lib/experiment/run.ts";
import type { Sampler } from "../lib/sample/mod.ts";
import { cacheFolder } from "../lib/engine/mod.ts";
import { loadVocabulary, type Vocabulary } from "../lib/tokens/mod.ts";
import {
  type EncodedTrajectory,
  encodeTrajectories,
  type Problem,
  type TrajectoryList,
  usableTrajectories,
} from "../lib/trajectories/mod.ts";
import type { WorldTrajectory } from "../lib/world/mod.ts";

/** A bench before anything is loaded. */
export interface PlannedBench {
  /** Its trajectories. */
  readonly list: TrajectoryList;
  /** What is true of them, by id, in the tiny world. */
  readonly truths: ReadonlyMap<string, WorldTrajectory>;
  /** Digests of base and trajectories. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** The bench that a configuration names. */
export function planBench(config: Config, count: number): PlannedBench {
  const { list, world } = benchTrajectories(config, count);
  const base = checkpointDigest(planCheckpoint(config.model.path, config.model.precision));
  const inputs = { base, trajectories: digestOf(list.trajectories.map(({ id, action }) => [id, action])) };
  return { list, truths: new Map(world?.map((trajectory) => [trajectory.id, trajectory])), inputs };
}

/** The digest of an adapter, once it is known to be one of this base: its run says of which it is. */
export function digestFor(adapter: string, base: string): string {
  const manifest = `${parent(adapter)}/manifest.json`;
  const made = exists(manifest) ? (readJson(manifest) as { inputs?: { base?: string } }).inputs?.base : undefined;
  if (made !== undefined && made !== base) {
    throw new UserError(
      `Cannot use ${adapter}: it was trained on another base (${made}) than model.path is (${base}); set model.path to that base`,
    );
  }
  return adapterDigest(adapter);
}

/** Models that draw and verify: the base is in memory once, adapters are switched. */
export interface Models {
  /** Draws images, by the first adapter. */
  readonly image: Sampler;
  /** Scores text, by the second. */
  readonly text: Sampler;
  /** Decodes images. */
  readonly vqgan: Vqgan;
  /** The vocabulary. */
  readonly vocabulary: Vocabulary;
}

/** Loads the base with an adapter for images and one for text; undefined takes the base alone. */
export function loadModels({ model: { path, precision } }: Config, cwm: string | undefined, cdm?: string): Models {
  const { chameleon, vqgan } = loadModel(path, precision);
  if (!hasDecoder(vqgan)) throw new UserError(`Cannot draw images with ${path}: the checkpoint has no decoder for image tokens`);
  const vocabulary = loadVocabulary(path, vqgan.config.codes);
  const load = (folder: string | undefined) => folder === undefined ? undefined : loadAdapter(folder, chameleon.config);
  const text = { model: chameleon, adapter: load(cdm), head: chameleon.head, firstId: 0, pad: vocabulary.pad };
  const image = { ...text, adapter: load(cwm), head: freezeHead(chameleon, vocabulary), firstId: vocabulary.firstImage };
  return { image, text, vqgan, vocabulary };
}

/** A bench in tokens, and what was left out of it. */
export async function encodeBench(
  { list }: PlannedBench,
  vqgan: Vqgan,
): Promise<{ items: readonly EncodedTrajectory[]; problems: Problem[] }> {
  const { encoded, problems } = await encodeTrajectories(usableTrajectories(list, true).trajectories, vqgan, cacheFolder());
  usableTrajectories({ trajectories: encoded.map(({ trajectory }) => trajectory), problems: [] }, true);
  return { items: encoded, problems: [...list.problems, ...problems] };
}

/** A trajectory's name as a file's. */
export function fileNameOf(id: string): string {
  return id.replaceAll(/[^\w.-]+/g, "_");
}
