/**
 * From text and images to token sequences and back.
 *
 * @module
 */
export * from "./image_codes.ts";
export * from "./images.ts";
export * from "./resize.ts";
export * from "./sequences.ts";
export * from "./vocabulary.ts";
