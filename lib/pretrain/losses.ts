/**
 * Training a tiny model from nothing: first its picture tokenizer on pictures, then its transformer on documents.
 *
 * Shapes: B batch, images [B, h, w, 3], features [B, g, g, E]; T positions, D width, V vocabulary.
 *
 * @module
 */
import { type Chameleon, type ChameleonConfig, encodeFeatures, hiddenStates, logitsOf, type VqConfig, type Weights } from "../model/mod.ts";
import { pictureShapes, picturesOf } from "../model/backbones.ts";
import type { Backbone } from "../model/config.ts";
import { withCodes } from "../model/janus.ts";
import { withOwnSeen } from "../model/seen.ts";
import { seePictures } from "../model/siglip.ts";
import { modulesOf, transformerOf, weightShapes } from "../model/checkpoint.ts";
import { decodeVectors } from "../model/vqgan.ts";
import {
  compile,
  normal,
  type Precision,
  type Random,
  seedTensor,
  type Tensor,
  tf,
  tidy,
  toPrecision,
  uniform,
  valueAndGradients,
  withGradient,
} from "../engine/mod.ts";
import { crossEntropy, upsample2 } from "../nn/mod.ts";
import type { RgbImage, Vocabulary } from "../tokens/mod.ts";
import { imagesToTensor } from "../tokens/images.ts";
import type { ScenePool } from "../world/mod.ts";
import { type Document, randomDocuments } from "../world/documents.ts";
import type { TrainingBatch } from "../train/loop.ts";

/** Levels of the codebook's axes: a fixed grid, as in finite scalar quantization (Mentzer et al. 2023), never collapses. */
export const CODE_LEVELS = [8, 5, 5, 5] as const;

/** The tiny model's shape; Emu3's has one key head for all query heads; it and Janus's have no QK-norm. */
export function tinyConfig(vocabSize: number, backbone: Backbone = "chameleon"): ChameleonConfig {
  const shape = {
    vocabSize,
    ...{ hiddenSize: 192, intermediateSize: 512, layers: 4, heads: 3, keyHeads: 3 },
    ...{ maxPositions: 1024, ropeTheta: 10000, rmsEpsilon: 1e-5, swinNorm: false },
    vq: TINY_VQ,
  };
  if (backbone === "chameleon") return shape;
  if (backbone === "janus") return { ...shape, backbone, prefix: "model.language_model", qkNorm: false, ...TINY_JANUS };
  return { ...shape, backbone, prefix: "model.text_model", qkNorm: false, keyHeads: 1, vq: TINY_EMU3_VQ };
}

/**
 * The tiny VQGAN's shape: 64 × 64 pixels become 8 × 8 tokens. 64 channels throughout, as GroupNorm has 32 groups: with one
 * channel a group a picture loses its brightness before the last filter, and one wrong token disturbs all of it. No blocks
 * between the encoder's strides: what a token sees is then its own surroundings, 17 pixels, until the middle.
 */
export const TINY_VQ: VqConfig = {
  embedDim: CODE_LEVELS.length,
  codes: CODE_LEVELS.reduce<number>((a, b) => a * b, 1),
  latentChannels: 64,
  resolution: 64,
  baseChannels: 64,
  channelMultiplier: [1, 1, 1, 1],
  resBlocks: 0,
  midAttention: false,
};

/**
 * The tiny Emu3's: half the channels, as its decoder's norms take gain and bias from the codes, so that brightness is not lost; four
 * frames, as in the published one.
 */
export const TINY_EMU3_VQ: VqConfig = {
  ...TINY_VQ,
  ...{ latentChannels: CODE_LEVELS.length, baseChannels: 32, midAttention: true },
  video: { frames: 4, attendedLevels: [], heads: 1 },
};

/** The tiny Janus's picture tokenizer, its networks for codes and its encoder of what is seen: 8 × 8 places of 8 × 8 pixels. */
export const TINY_JANUS: Pick<ChameleonConfig, "vq" | "drawing" | "seeing"> = {
  vq: { ...TINY_VQ, midAttention: true },
  drawing: { width: 192, depth: 2 },
  seeing: { width: 64, inner: 128, layers: 2, heads: 2, side: 64, patch: 8, epsilon: 1e-6, depth: 2 },
};

/** The codebook: all points of the grid in −1 … 1, [K, E]. */
export function gridCodebook(): Tensor {
  const rows = Array.from({ length: TINY_VQ.codes }, (_, code) => {
    let rest = code;
    return CODE_LEVELS.map((levels) => {
      const level = rest % levels;
      rest = Math.floor(rest / levels);
      return 2 * level / (levels - 1) - 1;
    });
  });
  return tf.tensor2d(rows); // [K, E]
}

/** First weights of the picture tokenizer, without its codebook, which is fixed; by name. */
export function initVqgan(seed: number, backbone: Backbone = "chameleon"): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of pictureShapes(tinyConfig(0, backbone))) {
    if (name === "quantize.embedding.weight") continue;
    weights.set(name, initial(name, ourAxes(shape), seed));
  }
  return weights;
}

/**
 * Loss of the VQGAN and its gradients: absolute and squared error of the picture, weighted towards what stands out from the
 * background, and the features' distance from their codes. Gradients pass the quantisation as if it were not there. A few
 * codes are exchanged at random and their places left out of the loss, so that a wrong code spoils its own place alone. With pairs
 * of pictures their features are also drawn together where the pictures are the same.
 */
export const vqganGradients: (
  names: readonly string[],
  params: readonly Tensor[],
  images: Tensor,
  seed: Tensor,
  inPairs: boolean,
  backbone?: Backbone,
) => { value: Tensor; grads: Tensor[] } = compile(
  (names: readonly string[], params: readonly Tensor[], images: Tensor, seed: Tensor, inPairs: boolean, backbone?: Backbone) =>
    valueAndGradients((weights) => {
      const vq = picturesOf(tinyConfig(0, backbone), Object.fromEntries(names.map((name, i) => [name, weights[i]!])));
      const features = encodeFeatures(vq, images); // [B, g, g, E]
      const { codes, isExchanged } = exchangeSome(tf.add(features, quantisationOffset(features)), seed);
      const error = tf.sub(decodeVectors(vq, codes), images); // [B, h, w, 3]
      const contrast = tf.mean(tf.abs(tf.sub(images, tf.mean(images, [1, 2], true))), 3, true); // [B, h, w, 1]
      const kept = enlarge(tf.sub(1, isExchanged), images.shape[1]! / features.shape[1]!); // [B, h, w, 1]
      const weight = tf.mul(tf.add(tf.mul(contrast, 3), 0.5), kept); // [B, h, w, 1]
      const commitment = tf.mean(tf.square(tf.sub(features, stopped(tf.add(features, quantisationOffset(features)))))); // a scalar
      const picture = tf.mean(tf.mul(weight, tf.add(tf.abs(error), tf.mul(2, tf.square(error))))); // a scalar
      const loss = tf.add(picture, tf.mul(0.25, commitment));
      return inPairs ? tf.add(loss, tf.mul(LOCALITY, unequalFeatures(images, features))) : loss;
    }, params),
);

const LOCALITY = 4; // weight of the features' difference where pictures are the same

/**
 * How much features differ at places where two pictures are the same: what happens elsewhere in a picture should leave a
 * token alone. Pictures come in pairs. images: [2N, h, w, 3], features: [2N, g, g, E] → a scalar
 */
function unequalFeatures(images: Tensor, features: Tensor): Tensor {
  const [count, side] = features.shape as [number, number];
  const patch = images.shape[1]! / side;
  const apart = (t: Tensor) => tf.sub(...tf.unstack(tf.reshape(t, [count / 2, 2, -1]), 1) as [Tensor, Tensor]); // [N, rest]
  const pixels = tf.mean(tf.reshape(tf.abs(apart(images)), [count / 2 * side, patch, images.shape[2]! * 3]), 1); // [N·g, w·3], over the rows of a place
  const places = tf.mean(tf.reshape(pixels, [count / 2 * side * side, patch * 3]), 1, true); // [N·g·g, 1]
  const isSame = tf.cast(tf.less(places, 1e-4), "float32"); // [N·g·g, 1]
  const differences = tf.reshape(apart(features), [count / 2 * side * side, -1]); // [N·g·g, E]
  return tf.mean(tf.mul(isSame, tf.square(differences))); // a scalar
}

const EXCHANGED = 0.04; // share of the codes

/** Code vectors of which some are exchanged for random ones. [B, g, g, E] → the same, and [B, g, g, 1] with 1 at exchanged */
function exchangeSome(codes: Tensor, seed: Tensor): { codes: Tensor; isExchanged: Tensor } {
  const [batch, height, width, dim] = codes.shape as [number, number, number, number];
  const chance = uniform([batch, height, width, dim + 1], seed); // [B, g, g, E + 1]
  const isExchanged = tf.cast(tf.less(tf.slice(chance, [0, 0, 0, dim], [-1, -1, -1, 1]), EXCHANGED), "float32"); // [B, g, g, 1]
  const random = tf.sub(tf.mul(tf.slice(chance, [0, 0, 0, 0], [-1, -1, -1, dim]), 2), 1); // [B, g, g, E]
  const others = tf.add(random, quantisationOffset(random));
  return { codes: tf.add(tf.mul(codes, tf.sub(1, isExchanged)), tf.mul(others, isExchanged)), isExchanged };
}

/** Repeats every place `times` × `times`. [B, g, g, 1] → [B, h, w, 1] */
function enlarge(x: Tensor, times: number): Tensor {
  return times === 1 ? x : enlarge(upsample2(x), times / 2);
}

/** First weights of the transformer, by name: normal with deviation 0.02, output projections less. */
export function initTransformer(config: ChameleonConfig, seed: number): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(config)) {
    if (!name.startsWith("model.vqmodel.")) weights.set(name, initial(name, ourAxes(shape), seed));
  }
  return weights;
}

/** A filter's shape in this engine's layout, of that on disk. */
function ourAxes(shape: readonly number[]): readonly number[] {
  return shape.length >= 4 ? [...shape.slice(2), shape[1]!, shape[0]!] : shape;
}

/** A batch of documents on arrays. */
export interface DocumentBatch {
  /** Ids, [B, T]. */
  readonly tokens: Tensor;
  /** Next ids, [B, T]. */
  readonly labels: Tensor;
  /** Weights of the labels; 0 at padding, [B, T]. */
  readonly weights: Tensor;
  /** Pictures that are seen, m a document, black where it has fewer, [B · m, h, w, 3]; absent: none ever is. */
  readonly images?: Tensor;
}

/**
 * A batch of documents, padded on the right: causal attention never looks there.
 *
 * @param random the stream to draw from
 * @param pool scenes
 * @param vocabulary the tiny vocabulary
 * @param count documents
 * @param progress share of the training that is done
 */
export function documentBatch(
  random: Random,
  pool: ScenePool,
  vocabulary: Vocabulary,
  count: number,
  progress: number,
): TrainingBatch<DocumentBatch> {
  const documents = randomDocuments(random, pool, count, progress, vocabulary);
  const longest = Math.max(...documents.map(({ ids }) => ids.length)) - 1;
  const length = Math.ceil(longest / 32) * 32; // few lengths, so that few shapes are compiled
  const tokens = new Int32Array(count * length).fill(vocabulary.pad);
  const labels = new Int32Array(count * length);
  const weights = new Float32Array(count * length);
  documents.forEach(({ ids, weights: costs }, row) => {
    tokens.set(ids.slice(0, -1), row * length);
    labels.set(ids.slice(1), row * length);
    weights.set(costs.slice(1), row * length);
  });
  const shape: [number, number] = [count, length];
  return {
    tensors: {
      tokens: tf.tensor2d(tokens, shape, "int32"), // [B, T]
      labels: tf.tensor2d(labels, shape, "int32"), // [B, T]
      weights: tf.tensor2d(weights, shape), // [B, T]
      ...seenIn(documents, pool),
    },
    size: documents.reduce((sum, { ids }) => sum + ids.length, 0),
    samples: [],
  };
}

/** The pictures of documents, as many a document as one has at most, and one at least. */
function seenIn(documents: readonly Document[], { groups }: ScenePool): Pick<DocumentBatch, "images"> {
  const any = groups[0]![0]!.picture;
  if (!any) return {};
  const most = Math.max(1, ...documents.map(({ pictures }) => pictures.length));
  const black = { ...any, data: new Uint8Array(any.data.length) };
  const filled = documents.flatMap(({ pictures }) => [...pictures, ...Array<RgbImage>(most - pictures.length).fill(black)]);
  return { images: imagesToTensor(filled) };
}

/** Loss of the transformer on documents, and its gradients; products run in `precision` on float32 weights. */
export const documentGradients: (
  names: readonly string[],
  params: readonly Tensor[],
  config: ChameleonConfig,
  batch: DocumentBatch,
  precision: Precision,
) => { value: Tensor; grads: Tensor[] } = compile(
  (names: readonly string[], params: readonly Tensor[], config: ChameleonConfig, batch: DocumentBatch, precision: Precision) =>
    valueAndGradients((weights) => {
      const isMatrix = (name: string) => !/norm|embed|vision_model|model\.aligner/.test(name);
      const byName = new Map(names.map((name, i) => [name, isMatrix(name) ? toPrecision(weights[i]!, precision) : weights[i]!]));
      const text = transformerOf(config, (name) => byName.get(name));
      // One softmax over text and codes: what it learns holds for each of the two alone, which is how Janus is asked afterwards
      const modules = modulesOf(config, (name) => byName.get(name));
      const chameleon = config.backbone === "janus" ? withCodes(text, modules) : text;
      const own = looking(chameleon, modules, batch);
      const hidden = hiddenStates(own.model, own.tokens); // [B, T, D]
      const logits = tf.reshape(logitsOf(hidden, chameleon.head), [-1, chameleon.head.shape[0]!]); // [B·T, V]
      const losses = crossEntropy(logits, tf.reshape(batch.labels, [-1])); // [B·T]
      const flat = tf.reshape(batch.weights, [-1]); // [B·T]
      return tf.div(tf.sum(tf.mul(losses, flat)), tf.sum(flat)); // a scalar
    }, params),
);

/** The transformer with a batch's pictures before its eyes, where it has any. */
function looking(model: Chameleon, modules: Weights, { tokens, images }: DocumentBatch): { model: Chameleon; tokens: Tensor } {
  if (!images) return { model, tokens };
  const seen = seePictures(model.config.seeing!, modules, images); // [B·m, n, D]
  return withOwnSeen(model, tokens, tf.reshape(seen, [tokens.shape[0]!, -1, seen.shape[2]!]));
}

function initial(name: string, shape: readonly number[], seed: number): Tensor {
  if (/norm\w*(\.\d+)?\.weight$/.test(name) || name.endsWith("conv_y.bias")) return tf.ones([...shape]);
  if (name.endsWith(".bias")) return tf.zeros([...shape]);
  const isFilter = shape.length >= 4;
  const fanIn = isFilter ? shape.slice(0, -1).reduce((a, b) => a * b) : shape[1]!;
  const isOutput = name.includes("o_proj") || name.includes("down_proj");
  // Janus makes a code's embedding of few numbers: small ones through small layers would be none
  const isOfCode = name.endsWith("generation_embeddings.weight") || name.endsWith("generation_aligner.fc1.weight");
  const deviation = isFilter ? Math.sqrt(1 / fanIn) : isOutput ? 0.007 : isOfCode ? 0.5 : 0.02;
  return tidy(() => tf.mul(normal(shape, seedTensor(seed, name)), deviation));
}

/** What to add to features to be at their nearest codes, found axis by axis; no gradient passes. [B, g, g, E] */
function quantisationOffset(features: Tensor): Tensor {
  return withGradient([features], () => {
    const levels = tf.tensor1d(CODE_LEVELS.map((n) => (n - 1) / 2)); // [E]
    const nearest = tf.sub(tf.div(tf.round(tf.mul(tf.add(tf.clipByValue(features, -1, 1), 1), levels)), levels), 1);
    return tf.sub(nearest, features);
  }, (dy) => [tf.zerosLike(dy)]);
}

/** The same values; no gradient passes. */
function stopped(x: Tensor): Tensor {
  return withGradient([x], () => tf.clone(x), (dy) => [tf.zerosLike(dy)]);
}
