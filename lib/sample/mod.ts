/**
 * Drawing from models, and asking them how likely something is.
 *
 * @module
 */
export {
  disposeSampler,
  type Guidance,
  type HeadRows,
  imageSampler,
  type Progress,
  type Sampler,
  type SamplingOptions,
  textSampler,
} from "./sampler.ts";
export { generate } from "./generate.ts";
export { generateInPasses } from "./jacobi.ts";
export { type Candidate, codesOf, type Imagination, imagineAll, type ImagineQuery, unfinished } from "./imagine.ts";
export { type Likelihood, type LikelihoodKind, logLikelihoods, scoreOf } from "./likelihood.ts";
export { type Look, lookAt, lookAtTrajectories, picturePairs, type Reader, type View } from "./look.ts";
export { type ImagePair, predictActions } from "./predict_actions.ts";
export { drawObservations, type ObservationOptions, type ObservationQuery, type OnRow } from "./predict_images.ts";
export { rollOut, type RolloutStart } from "./rollout.ts";
export { type Imagined, type ImagineOptions, open, type OpenOptions, type Source, type World } from "./world.ts";
export { expectedBestOf, rewardCandidates } from "./verify.ts";
