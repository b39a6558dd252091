/**
 * Drawing from models, and asking them how likely something is.
 *
 * @module
 */
export * from "./sampler.ts";
export { generate } from "./generate.ts";
export * from "./jacobi.ts";
export * from "./likelihood.ts";
export * from "./predict_actions.ts";
export * from "./predict_images.ts";
export * from "./rollout.ts";
export * from "./verify.ts";
