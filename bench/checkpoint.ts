/**
 * Random checkpoints for benches, in Hugging Face's layout, so that ours and the peer load the same one.
 *
 * @module
 */
import { saveModel } from "../lib/model/mod.ts";
import { modelOf, weightShapes } from "../lib/model/checkpoint.ts";
import { normal, seedTensor, type Tensor, tf, tidy } from "../lib/engine/mod.ts";

/** Ids, image codes, and the id of code 0. */
export const [VOCABULARY, CODES, FIRST_IMAGE] = [16384, 2048, 4] as const;

/** Writes a checkpoint of a width and depth; the engine must be open. */
export function writeCheckpoint(folder: string, width: number, layers: number): void {
  const config = {
    ...{ vocabSize: VOCABULARY, hiddenSize: width, intermediateSize: Math.floor(width * 11 / 4 / 64) * 64, layers },
    ...{ heads: width / 64, keyHeads: width / 64, maxPositions: 1024, ropeTheta: 10000, rmsEpsilon: 1e-5, swinNorm: false },
    vq: {
      ...{ embedDim: 8, codes: CODES, latentChannels: 8, resolution: 32, baseChannels: 32 },
      ...{ channelMultiplier: [1, 1], resBlocks: 1, midAttention: false },
    },
  };
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(config)) {
    const filter = name.startsWith("model.vqmodel.") && shape.length === 4;
    const own = filter ? [shape[2]!, shape[3]!, shape[1]!, shape[0]!] : shape;
    weights.set(name, /norm\w*\.weight$/.test(name) ? tf.ones(own) : tidy(() => tf.mul(normal(own, seedTensor(name)), 0.02) as Tensor));
  }
  const model = modelOf(folder, config, (name) => weights.get(name));
  saveModel(folder, model, { vocabularyMap: { "IMGIMGAZ": FIRST_IMAGE, "<image>": VOCABULARY - 1 }, tokenizer: {} }, "BF16");
  for (const tensor of weights.values()) tensor.dispose();
}
