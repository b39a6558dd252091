/**
 * The blind evaluation by people.
 *
 * @module
 */
export * from "./analyse.ts";
export * from "./protocol.ts";
export * from "./server.ts";
export * from "./study.ts";
