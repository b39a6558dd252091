/**
 * Videos.
 *
 * @module
 */
export * from "./write.ts";
