/**
 * Questions to language models behind an OpenAI-compatible endpoint.
 *
 * @module
 */
export * from "./answer.ts";
export * from "./batch_api.ts";
export * from "./chat.ts";
export * from "./price.ts";
