/**
 * Videos: reading, optical flow, motion, key-frames, writing.
 *
 * @module
 */
export { readFrames, videoComment, videoLength } from "./decode.ts";
export { type FlowEngine, type GrayImage } from "./flow.ts";
export { type ReadOptions, type VideoFrame } from "./frames.ts";
export { chooseBursts, type KeyFrameOptions, type KeyFramePair, keyFramePairs } from "./key_frames.ts";
export { type MotionOptions, type MotionSample } from "./motion.ts";
export { type MotionPool, openMotionPool } from "./pool.ts";
export { steadyPairs } from "./steady.ts";
export { writeMp4, type WriteOptions } from "./write.ts";
