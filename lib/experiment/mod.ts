/**
 * Experiments: configuration, command line, runs, data sets.
 *
 * @module
 */
export * from "./cli.ts";
export * from "./config.ts";
export * from "./datasets.ts";
export * from "./fine_tune.ts";
export * from "./run.ts";
