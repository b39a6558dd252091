/**
 * Worldstrap: world models from dynamics models, in multimodal token models of the Chameleon family.
 *
 * The names that most scripts need stand at the top; everything else is in a namespace for its area, as `ws.metrics.rougeN`. What is not here
 * serves the tasks alone.
 *
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const source = new Uint16Array(64); // image codes, row by row
 * const prompt = ws.tokens.worldPrompt(vocabulary, source, "remove the red circle");
 * assertEquals(prompt[0], vocabulary.bos);
 * ```
 *
 * @module
 */
export { openBackend, type Tensor } from "./lib/engine/mod.ts";
export { printable, quoted, UserError } from "./lib/errors.ts";
export { type Override, resolveConfig } from "./lib/experiment/config.ts";
export type { Config } from "./lib/experiment/schema.ts";
export type { Disk } from "./lib/files.ts";
export type { Answer, Detail, LazyQuestion, MessagePart, Question, Usage } from "./lib/llm/mod.ts";
export type { BesideLayer, HeadNorm, KeysValues } from "./lib/nn/mod.ts";
export { loadAdapter, loadModel } from "./lib/model/mod.ts";
export { show } from "./lib/report/mod.ts";
export { drawObservations, imageSampler, logLikelihoods, open, predictActions, textSampler } from "./lib/sample/mod.ts";
export { loadVocabulary } from "./lib/tokens/mod.ts";
export { encodeTrajectories, readAurora } from "./lib/trajectories/mod.ts";
export { worldTrajectories } from "./lib/world/mod.ts";

export * as engine from "./lib/engine/mod.ts";
export * as judge from "./lib/judge/mod.ts";
export * as metrics from "./lib/metrics/mod.ts";
export * as model from "./lib/model/mod.ts";
export * as probe from "./lib/probe/mod.ts";
export * as provenance from "./lib/provenance/mod.ts";
export * as report from "./lib/report/mod.ts";
export * as sample from "./lib/sample/mod.ts";
export * as synthesis from "./lib/synthesis/mod.ts";
export * as tokens from "./lib/tokens/mod.ts";
export * as train from "./lib/train/mod.ts";
export * as trajectories from "./lib/trajectories/mod.ts";
export * as video from "./lib/video/mod.ts";
export * as world from "./lib/world/mod.ts";
