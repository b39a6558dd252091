/**
 * Drawing from models, and asking them how likely something is.
 *
 * @module
 */
export * from "./predict_actions.ts";
export * from "./generate.ts";
export * from "./jacobi.ts";
export * from "./predict_images.ts";
export * from "./rollout.ts";
export * from "./likelihood.ts";
export * from "./verify.ts";
