/**
 * Trajectories: the record, readers, encoding, batches.
 *
 * @module
 */
export * from "./aurora.ts";
export * from "./batch.ts";
export * from "./counterfactuals.ts";
export * from "./encode.ts";
export * from "./epic.ts";
export * from "./mixture.ts";
export * from "./negatives.ts";
export * from "./trajectory.ts";
