/**
 * Judging predictions.
 *
 * @module
 */
export * from "./preference.ts";
export * from "./text_metrics.ts";
export * from "./tiny_world.ts";
