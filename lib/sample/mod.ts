/**
 * Drawing from models, and asking them how likely something is.
 *
 * @module
 */
export * from "./actions.ts";
export * from "./generate.ts";
export * from "./jacobi.ts";
export * from "./observations.ts";
export * from "./rollout.ts";
export * from "./score.ts";
export * from "./verify.ts";
