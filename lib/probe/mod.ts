/**
 * The preference probe: manipulated trajectories, and how likely a model finds them.
 *
 * @module
 */
export * from "./contradict.ts";
export * from "./counterfactuals.ts";
export * from "./negatives.ts";
export * from "./probe.ts";
