/**
 * Training: losses, AdamW, checkpoints, the loop.
 *
 * @module
 */
export * from "./adamw.ts";
export * from "./checkpoints.ts";
export * from "./loop.ts";
export * from "./completion_loss.ts";
