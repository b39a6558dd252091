/**
 * Metrics of predicted actions and images, and their statistics.
 *
 * @module
 */
export * from "./actions.ts";
export * from "./bert_score.ts";
export * from "./image_encoder.ts";
export * from "./images.ts";
export * from "./onnx.ts";
export * from "./statistics.ts";
export * from "./text.ts";
