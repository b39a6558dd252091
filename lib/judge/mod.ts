/**
 * Judging predictions.
 *
 * @module
 */
export * from "./llm_judge.ts";
export * from "./picture_score.ts";
export * from "./scores_file.ts";
export * from "./systems.ts";
