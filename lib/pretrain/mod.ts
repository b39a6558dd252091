/**
 * Training the tiny Chameleon from nothing.
 *
 * @module
 */
export * from "./losses.ts";
export * from "./stages.ts";
