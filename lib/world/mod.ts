/**
 * The tiny world: scenes, actions, pictures, and what is said of them.
 *
 * @module
 */
export * from "./actions.ts";
export * from "./captions.ts";
export * from "./documents.ts";
export * from "./render.ts";
export * from "./scene.ts";
export * from "./tokenizer.ts";
export * from "./trajectories.ts";
