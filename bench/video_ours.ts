/** Our side of `bench video`: key-frame pairs of each clip, prints the time and the memory. */
import { resolveConfig } from "../lib/experiment/config.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { keyFramePairs, openMotionPool } from "../lib/video/mod.ts";

const { annotate } = resolveConfig(undefined, []);
const pool = openMotionPool();
await Promise.all([0, 1, 2, 3].map(() => pool.measure(Deno.args[0]!, annotate))); // each worker loads FFmpeg and OpenCV
const start = performance.now();
const measured = await Promise.all(Deno.args.map((path) => pool.measure(path, annotate)));
for (const samples of measured) keyFramePairs(samples, annotate);
const seconds = (performance.now() - start) / 1000;
const length = measured.reduce((sum, samples) => sum + samples.at(-1)!.time, 0);
pool.close();
console.log(JSON.stringify({ seconds, length, memory: peakMemory() }));
