/**
 * Training the tiny Chameleon from nothing, stage by stage: what `pretrain-tiny` is made of.
 *
 * @module
 */
import type { Config } from "../experiment/schema.ts";
import type { ChameleonConfig, Vqgan } from "../model/mod.ts";
import { showProgress } from "../experiment/progress.ts";
import type { Run } from "../experiment/run.ts";
import { permutation, type Random, randomStream, seedTensor, type Tensor, tidy, toPrecision } from "../engine/mod.ts";
import { pick } from "../engine/random.ts";
import { encodePictures, type RgbImage, type Vocabulary } from "../tokens/mod.ts";
import { imagesToTensor } from "../tokens/images.ts";
import type { Schedule } from "../train/adamw.ts";
import { train, type Training } from "../train/loop.ts";
import { picturesOf } from "../model/backbones.ts";
import { documentBatch, documentGradients, gridCodebook, initVqgan, tinyConfig, vqganGradients } from "./losses.ts";
import { DIFFICULTIES, type EncodedScene, renderScenes, type Scene, type ScenePool } from "../world/mod.ts";
import type { alikeScenes } from "../world/documents.ts";

/** Groups of two scenes or more, those that begin with fewest objects first. */
export function makeGroups({ pretrain, seed }: Config, make: typeof alikeScenes): Scene[][] {
  const world = DIFFICULTIES[pretrain.difficulty];
  const groups = Array.from({ length: pretrain.groups }, (_, i) => make(randomStream("pretrain", seed, i), world, 3));
  return groups.filter(({ length }) => length > 1).sort(([a], [b]) => a!.objects.length - b!.objects.length);
}

/** Pictures of groups of scenes. */
export async function drawGroups(groups: readonly (readonly Scene[])[]): Promise<RgbImage[][]> {
  return grouped(groups, await renderScenes(groups.flat()));
}

/** Scenes with their image codes, in groups; with their pictures for a model that sees them otherwise. */
export function encodeGroups(
  vqgan: Vqgan,
  groups: readonly (readonly Scene[])[],
  pictures: readonly (readonly RgbImage[])[],
  areSeen = false,
): EncodedScene[][] {
  const all = pictures.flat();
  const codes = encodePictures(vqgan, all);
  return grouped(groups, groups.flat().map((scene, i) => ({ scene, codes: codes[i]!, ...(areSeen && { picture: all[i]! }) })));
}

/** What was made of all scenes in turn, in their groups again. */
function grouped<T>(groups: readonly (readonly Scene[])[], items: readonly T[]): T[][] {
  let start = 0;
  return groups.map(({ length }) => items.slice(start, start += length));
}

/** First on single pictures; then on pairs of a group, so that a token depends on its own place and little else. */
export async function trainVqgan(run: Run, config: Config, groups: readonly (readonly RgbImage[])[]): Promise<Vqgan> {
  const { pretrain, seed } = config;
  const first = initVqgan(seed, pretrain.backbone);
  const names = [...first.keys()];
  const pictures = groups.flat();
  const single = (random: Random) => [pick(random, pictures)];
  const pair = (random: Random) => {
    const group = pick(random, groups);
    return permutation(random, group.length).slice(0, 2).map((i) => group[i]!);
  };
  const whole = await trainVqStage(run, config, { name: "vqgan", steps: pretrain.vqSteps, lr: pretrain.vqLr, draw: single, names }, () => [
    ...first.values(),
  ]);
  const local = await trainVqStage(
    run,
    config,
    { name: "vqgan-local", steps: pretrain.vqLocalSteps, lr: pretrain.vqLr / 2, draw: pair, names },
    () => [...whole],
  );
  const weights = Object.fromEntries(names.map((name, i) => [name, rounded(local[i]!)]));
  return picturesOf(tinyConfig(0, pretrain.backbone), { ...weights, "quantize.embedding.weight": rounded(gridCodebook()) });
}

interface VqStage {
  readonly name: string;
  readonly steps: number;
  readonly lr: number;
  readonly draw: (random: Random) => readonly RgbImage[];
  readonly names: readonly string[];
}

async function trainVqStage(
  run: Run,
  { pretrain, seed }: Config,
  { name, steps, lr, draw, names }: VqStage,
  initial: () => Tensor[],
): Promise<readonly Tensor[]> {
  return await trainStage(run, { name, schedule: { lr, warmup: 100, steps, final: 0.05 }, unit: "images", digits: 4 }, pretrain, {
    initial,
    batch: (step) => {
      const random = randomStream(name, seed, step);
      const chosen: RgbImage[] = [];
      while (chosen.length < pretrain.vqBatch) chosen.push(...draw(random));
      const tensors = { images: imagesToTensor(chosen), exchanges: seedTensor(name, seed, step) };
      return Promise.resolve({ tensors, size: chosen.length, samples: [] });
    },
    gradients: (params, { images, exchanges }) =>
      vqganGradients(names, params, images, exchanges, name === "vqgan-local", pretrain.backbone),
  });
}

/** Filters are stored in bfloat16; the codes must be those of what is stored. */
function rounded(tensor: Tensor): Tensor {
  return tensor.rank < 2 ? tensor : tidy(() => toPrecision(toPrecision(tensor, "bfloat16"), "float32"));
}

/** A stage of the transformer's training. */
export interface TransformerStage {
  /** Names its folder. */
  readonly name: "transformer" | "transformer-near";
  /** Names the random stream of its documents. */
  readonly documents: string;
  /** Steps. */
  readonly steps: number;
  /** Highest learning rate. */
  readonly lr: number;
  /** Scenes that documents are made of. */
  readonly pool: ScenePool;
  /** Names of the parameters. */
  readonly names: readonly string[];
  /** The vocabulary. */
  readonly vocabulary: Vocabulary;
  /** The transformer's shape. */
  readonly shape: ChameleonConfig;
}

/**
 * Trains the transformer: in the stage "transformer" a curriculum on groups of alike scenes; in "transformer-near" all kinds of
 * documents on scenes that are nearly the same.
 *
 * @param run the run
 * @param config the configuration
 * @param stage what is trained on what
 * @param initial parameters before the first step
 * @returns parameters after the last
 */
export async function trainTransformer(
  run: Run,
  { pretrain, seed, model }: Config,
  { name, documents, steps, lr, pool, names, vocabulary, shape }: TransformerStage,
  initial: () => Tensor[],
): Promise<readonly Tensor[]> {
  const schedule = { lr, warmup: pretrain.warmup, steps, final: 0.02 };
  return await trainStage(run, { name, schedule, unit: "tokens", digits: 3 }, pretrain, {
    initial,
    batch: (step) => {
      const done = name === "transformer" ? step / steps : 1;
      return Promise.resolve(documentBatch(randomStream(documents, seed, step), pool, vocabulary, pretrain.batch, done));
    },
    gradients: (params, batch) => documentGradients(names, params, shape, batch, model.precision),
  });
}

/** What one stage is called, its learning rate, and how its progress is said. */
interface Stage {
  readonly name: string;
  readonly schedule: Schedule;
  readonly unit: "images" | "tokens";
  readonly digits: number;
}

/** Trains one stage in a folder of its own, and gives the parameters alone. */
async function trainStage<T>(
  run: Run,
  { name, schedule, unit, digits }: Stage,
  pretrain: Config["pretrain"],
  stage: Pick<Training<T>, "initial" | "batch" | "gradients">,
): Promise<readonly Tensor[]> {
  const progress = showProgress(name, schedule.steps);
  const place = { folder: `${run.folder}/${name}`, digest: run.digest };
  let trained: readonly Tensor[] = [];
  for await (
    const { step, loss, speed, params } of train({ ...stage, ...place, schedule, adamw: pretrain, saveEvery: pretrain.saveEvery })
  ) {
    trained = params;
    progress.update(step, `loss ${loss.toFixed(digits)}, ${speed.toFixed(0)} ${unit}/s`);
  }
  progress.stop();
  return trained;
}
