/**
 * Trajectories: the record, readers, encoding, batches.
 *
 * @module
 */
export { readAurora, usableTrajectories } from "./aurora.ts";
export {
  batchItems,
  type BatchShape,
  type CompletionBatch,
  dynamicsBatch,
  dynamicsSequenceOf,
  longestSequence,
  type SizedBatch,
  worldBatch,
  worldSequenceOf,
} from "./batches.ts";
export { featureDistances } from "./distances.ts";
export { recognitionWeights, type WeightOptions } from "./recognition_weights.ts";
export { type EncodedTrajectory, encodeTrajectories, type Encoding } from "./token_cache.ts";
export { readEpic } from "./epic.ts";
export { seenDynamicsBatch } from "./seen_batches.ts";
export { downsample, holdOut, joinLists } from "./mixture.ts";
export { type Observation, type Problem, type Trajectory, type TrajectoryList } from "./trajectory.ts";
