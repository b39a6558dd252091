/**
 * Videos: reading, optical flow, motion, key-frames, writing.
 *
 * @module
 */
export * from "./decode.ts";
export * from "./flow.ts";
export * from "./frames.ts";
export * from "./key_frames.ts";
export * from "./motion.ts";
export * from "./pool.ts";
export * from "./write.ts";
