/**
 * Trajectories: the record, readers, encoding, batches.
 *
 * @module
 */
export * from "./aurora.ts";
export * from "./batch.ts";
export * from "./encode.ts";
export * from "./negatives.ts";
export * from "./trajectory.ts";
