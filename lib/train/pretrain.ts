/**
 * Training a tiny Chameleon from nothing: first its VQGAN on pictures, then its transformer on documents.
 *
 * @module
 */
import {
  type ChameleonConfig,
  decodeVectors,
  encodeFeatures,
  hiddenStates,
  logitsOf,
  modelOf,
  type VqConfig,
  type Vqgan,
  vqShapes,
  weightShapes,
} from "../model/mod.ts";
import {
  compile,
  crossEntropy,
  normal,
  type Precision,
  seedTensor,
  type Tensor,
  tf,
  tidy,
  toPrecision,
  valueAndGradients,
} from "../tensor/mod.ts";

/** Levels of the codebook's axes: a fixed grid, as in finite scalar quantization (Mentzer et al. 2023), never collapses. */
export const CODE_LEVELS = [8, 5, 5, 5] as const;

/** The tiny model's shape. */
export function tinyConfig(vocabSize: number): ChameleonConfig {
  return {
    vocabSize,
    ...{ hiddenSize: 192, intermediateSize: 512, layers: 4, heads: 3, keyHeads: 3 },
    ...{ maxPositions: 1024, ropeTheta: 10000, rmsEpsilon: 1e-5, swinNorm: false },
    vq: TINY_VQ,
  };
}

/** The tiny VQGAN's shape: 64 × 64 pixels become 8 × 8 tokens. */
export const TINY_VQ: VqConfig = {
  embedDim: CODE_LEVELS.length,
  codes: CODE_LEVELS.reduce<number>((a, b) => a * b, 1),
  latentChannels: 64,
  resolution: 64,
  baseChannels: 32,
  channelMultiplier: [1, 1, 2, 2],
  resBlocks: 1,
  midAttention: false,
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
  return tf.tensor2d(rows);
}

/** First weights of the VQGAN, without its codebook, which is fixed; by name. */
export function initVqgan(seed: number): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of vqShapes(TINY_VQ)) {
    if (name === "quantize.embedding.weight") continue;
    weights.set(name, initial(name, shape.length === 4 ? [shape[2]!, shape[3]!, shape[1]!, shape[0]!] : shape, seed));
  }
  return weights;
}

/**
 * Loss of the VQGAN and its gradients: absolute and squared error of the picture, and the features' distance from
 * their codes. Gradients pass the quantisation as if it were not there.
 */
export const vqganGradients: (
  names: readonly string[],
  params: readonly Tensor[],
  images: Tensor,
) => { value: Tensor; grads: Tensor[] } = compile(
  (names: readonly string[], params: readonly Tensor[], images: Tensor) =>
    valueAndGradients((weights) => {
      const vq: Vqgan = { config: TINY_VQ, weights: Object.fromEntries(names.map((name, i) => [name, weights[i]!])) };
      const features = encodeFeatures(vq, images); // [B, g, g, E]
      const offset = quantisationOffset(features);
      const pictures = decodeVectors(vq, tf.add(features, offset));
      const error = tf.sub(pictures, images);
      const commitment = tf.mean(tf.square(tf.sub(features, stopped(tf.add(features, offset)))));
      return tf.add(tf.add(tf.mean(tf.abs(error)), tf.mul(2, tf.mean(tf.square(error)))), tf.mul(0.25, commitment)) as Tensor;
    }, params),
);

/** First weights of the transformer, by name: normal with deviation 0.02, output projections less. */
export function initTransformer(config: ChameleonConfig, seed: number): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(config)) {
    if (!name.startsWith("model.vqmodel.")) weights.set(name, initial(name, shape, seed));
  }
  return weights;
}

/** A batch of documents on arrays. */
export interface DocumentBatch {
  /** Ids, [B, T]. */
  readonly tokens: Tensor;
  /** Next ids, [B, T]. */
  readonly labels: Tensor;
  /** Weights of the labels; 0 at padding, [B, T]. */
  readonly weights: Tensor;
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
      const isMatrix = (name: string) => !name.includes("norm") && !name.includes("embed");
      const byName = new Map(names.map((name, i) => [name, isMatrix(name) ? toPrecision(weights[i]!, precision) : weights[i]!]));
      const { chameleon } = modelOf("", config, (name) => byName.get(name));
      const hidden = hiddenStates(chameleon, batch.tokens); // [B, T, D]
      const logits = tf.reshape(logitsOf(hidden, chameleon.head), [-1, config.vocabSize]); // [B·T, V]
      const losses = crossEntropy(logits, tf.reshape(batch.labels, [-1])); // [B·T]
      const flat = tf.reshape(batch.weights, [-1]);
      return tf.div(tf.sum(tf.mul(losses, flat)), tf.sum(flat)) as Tensor;
    }, params),
);

function initial(name: string, shape: readonly number[], seed: number): Tensor {
  if (/norm\w*(\.\d+)?\.weight$/.test(name)) return tf.ones([...shape]);
  if (name.endsWith(".bias")) return tf.zeros([...shape]);
  const isFilter = shape.length === 4;
  const fanIn = isFilter ? shape[0]! * shape[1]! * shape[2]! : shape[1]!;
  const isOutput = name.includes("o_proj") || name.includes("down_proj");
  const deviation = isFilter ? Math.sqrt(1 / fanIn) : isOutput ? 0.007 : 0.02;
  return tidy(() => tf.mul(normal(shape, seedTensor(seed, name)), deviation) as Tensor);
}

/** What to add to features to be at their nearest codes, found axis by axis; no gradient passes. [B, g, g, E] */
function quantisationOffset(features: Tensor): Tensor {
  const offset = tf.customGrad((x) => {
    const levels = tf.tensor1d(CODE_LEVELS.map((n) => (n - 1) / 2));
    const nearest = tf.sub(tf.div(tf.round(tf.mul(tf.add(tf.clipByValue(x as Tensor, -1, 1), 1), levels)), levels), 1);
    return { value: tf.sub(nearest, x as Tensor), gradFunc: (dy) => tf.zerosLike(dy as Tensor) };
  });
  return offset(features);
}

function stopped(x: Tensor): Tensor {
  return tf.customGrad((y) => ({ value: tf.clone(y as Tensor), gradFunc: (dy) => tf.zerosLike(dy as Tensor) }))(x);
}
