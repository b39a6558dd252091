/**
 * Measurements behind the tiny world's gates.
 *
 * @module
 */
export * from "./measures.ts";
