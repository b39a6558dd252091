/**
 * Worldstrap: world models from dynamics models, in multimodal token models of the Chameleon family.
 *
 * ```ts
 * import { loadVocabulary, worldPrompt } from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = loadVocabulary("data/tiny", 1000);
 * const source = new Uint16Array(64); // image codes, row by row
 * const prompt = worldPrompt(vocabulary, source, "remove the red circle");
 * assertEquals(prompt[0], vocabulary.bos);
 * ```
 *
 * @module
 */
export * from "./lib/errors.ts";
export * from "./lib/experiment/mod.ts";
export type { Disk } from "./lib/files.ts";
export * from "./lib/engine/mod.ts";
export * from "./lib/gates/mod.ts";
export * from "./lib/human/mod.ts";
export * from "./lib/judge/mod.ts";
export * from "./lib/llm/mod.ts";
export * from "./lib/metrics/mod.ts";
export * from "./lib/model/mod.ts";
export * from "./lib/nn/mod.ts";
export * from "./lib/pretrain/mod.ts";
export * from "./lib/probe/mod.ts";
export * from "./lib/report/mod.ts";
export * from "./lib/sample/mod.ts";
export * from "./lib/synthesis/mod.ts";
export * from "./lib/tokens/mod.ts";
export * from "./lib/train/mod.ts";
export * from "./lib/trajectories/mod.ts";
export * from "./lib/video/mod.ts";
export * from "./lib/world/mod.ts";
