/**
 * Judging predictions.
 *
 * @module
 */
export * from "./action_metrics.ts";
export * from "./batch.ts";
export * from "./bert_score.ts";
export * from "./chat.ts";
export * from "./contradict.ts";
export * from "./gpt_judge.ts";
export * from "./image_encoder.ts";
export * from "./image_metrics.ts";
export * from "./onnx.ts";
export * from "./preference.ts";
export * from "./price.ts";
export * from "./score.ts";
export * from "./scores.ts";
export * from "./statistics.ts";
export * from "./systems.ts";
export * from "./text_metrics.ts";
export * from "./tiny_world.ts";
