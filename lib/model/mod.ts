/**
 * Chameleon and the other backbones: transformer, image tokenizer, adapters, and their files.
 *
 * @module
 */
export {
  type Chameleon,
  continueFrom,
  decodeStep,
  type DecodingState,
  type ForwardOptions,
  hiddenStates,
  logitsOf,
  prefill,
} from "./chameleon.ts";
export { type CheckpointPlan, loadModel, type Model, planCheckpoint, saveModel } from "./checkpoint.ts";
export {
  type Backbone,
  type ChameleonConfig,
  imageTokens,
  type Projection,
  PROJECTIONS,
  type SeeingConfig,
  type VideoConfig,
  type VqConfig,
} from "./config.ts";
export {
  type AdaptedPass,
  type Adapter,
  adapterTensors,
  type BlockAdapter,
  createAdapter,
  type LoraAdapter,
  type LoraConfig,
  type LowRank,
  mergeAdapter,
  withAdapterTensors,
} from "./lora.ts";
export {
  drawingBytes,
  type DrawingSize,
  type MemoryPlan,
  planMemory,
  scoringBytes,
  type ScoringSize,
  type TrainingSize,
} from "./memory.ts";
export type { BlockNorms, Layer, Matrices } from "./layer.ts";
export { loadAdapter, saveAdapter } from "./peft.ts";
export { openEncoder, type PictureEncoder } from "./picture_encoder.ts";
export { type OutgoingTensor, type StoredTensor } from "./safetensors.ts";
export type { Embeddings } from "./seen.ts";
export type { Gathering, ShardedBlock, ShardedBlocks } from "./sharded.ts";
export { decodeCodes, encodeFeatures, nearestCodes, type Vqgan, type Weights } from "./vqgan.ts";
