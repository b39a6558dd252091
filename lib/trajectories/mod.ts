/**
 * Trajectories: the record, readers, encoding, batches.
 *
 * @module
 */
export * from "./aurora.ts";
export * from "./batches.ts";
export * from "./recognition_weights.ts";
export * from "./token_cache.ts";
export * from "./epic.ts";
export * from "./mixture.ts";
export * from "./trajectory.ts";
