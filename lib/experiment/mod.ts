/**
 * Experiments: configuration, tasks and their command lines, stages, runs, data sets, results.
 *
 * @module
 */
export * from "./cli.ts";
export * from "./config.ts";
export * from "./datasets.ts";
export * from "./memory.ts";
export * from "./models.ts";
export * from "./overlap.ts";
export * from "./pipeline.ts";
export * from "./pools.ts";
export * from "./progress.ts";
export * from "./results.ts";
export * from "./run.ts";
export * from "./schema.ts";
export * from "./stage.ts";
export * from "./systems.ts";
export * from "./task.ts";
export * from "./training.ts";
