/**
 * Synthetic trajectories: data sets of videos, annotation, the filter.
 *
 * @module
 */
export * from "./annotate.ts";
export * from "./filter.ts";
export * from "./videos.ts";
