/**
 * Shapes of published models, for plans before their weights are there.
 *
 * @module
 */
import type { Precision } from "../engine/mod.ts";
import { type CheckpointPlan, weightBytes, weightShapes } from "./checkpoint.ts";
import type { ChameleonConfig } from "./config.ts";

/** Anole-7B, which has Chameleon-7B's shapes (Chameleon Team 2024, Table 1; its VQGAN: appendix of Gafni et al. 2022). */
export const ANOLE_7B: ChameleonConfig = {
  ...{ vocabSize: 65536, hiddenSize: 4096, intermediateSize: 11008, layers: 32, heads: 32, keyHeads: 32 },
  ...{ maxPositions: 4096, ropeTheta: 10000, rmsEpsilon: 1e-5, swinNorm: false },
  vq: {
    ...{ embedDim: 256, codes: 8192, latentChannels: 256, resolution: 512, baseChannels: 128 },
    ...{ channelMultiplier: [1, 1, 2, 2, 4], resBlocks: 2, midAttention: true },
  },
};

/** The plan of a checkpoint that is not there, from its shape alone. */
export function planShape(config: ChameleonConfig, precision: Precision): CheckpointPlan {
  return { config, stored: new Map(), ...weightBytes(weightShapes(config), precision) };
}
