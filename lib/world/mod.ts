/**
 * The tiny world: scenes, actions, pictures, and what is said of them.
 *
 * @module
 */
export * from "./actions.ts";
export * from "./captions.ts";
export * from "./difficulty.ts";
export * from "./documents.ts";
export * from "./oracle.ts";
export * from "./phrases.ts";
export * from "./read.ts";
export * from "./render.ts";
export * from "./scene.ts";
export * from "./shapes.ts";
export * from "./things.ts";
export * from "./tokenizer.ts";
export * from "./dataset.ts";
export * from "./videos.ts";
