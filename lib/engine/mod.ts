/**
 * The engine: TensorFlow.js's API and gradients, TensorFlow's kernels, compiled functions, bfloat16, seeded random.
 * No other area imports TensorFlow.js.
 *
 * @module
 */
export * from "./backend.ts";
export * from "./bfloat16.ts";
export { compile, type CompileOptions, freeze, isFrozen } from "./compile.ts";
export * from "./gradients.ts";
export * from "./install.ts";
export * from "./random.ts";
export * from "./scope.ts";
export * from "./storage.ts";
export * from "./tf.ts";
