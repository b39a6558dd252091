import { resolveConfig } from "../../lib/experiment/config.ts";
import { keyFramePairs, type MotionSample } from "../../lib/video/mod.ts";
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals } from "../support.ts";

const PAPER = resolveConfig(new URL("../../data/configs/paper.yaml", import.meta.url).pathname, []).annotate;

/** Moments of a clip, twelve a second, with a random motion above 0. */
function randomClip(seconds: number, seed: number): MotionSample[] {
  const random = randomStream("clip", seed);
  return Array.from({ length: Math.floor(12 * seconds) + 1 }, (_, index) => ({
    ...{ index, time: index / 12, motion: (1 + randomInt(random, 1000)) / 1e5, isCut: false, isBlank: false },
  }));
}

Deno.test("with paper.yaml's choices key-frames are the 3 moments with most motion, an interval apart, and neighbours are paired", () => {
  for (let seed = 0; seed < 10; seed++) {
    const samples = randomClip(7.24, seed);
    const pairs = keyFramePairs(samples, PAPER);
    assertEquals(pairs.length, 2); // Table 4, UCF-101: 3.00 observations and 2.00 actions a video
    assertEquals(pairs[0]!.target, pairs[1]!.source);
    const chosen = [pairs[0]!.source, pairs[0]!.target, pairs[1]!.target];
    assert(chosen.slice(1).every(({ time }, i) => time - chosen[i]!.time >= PAPER.interval - 1e-9));
    let most = 0; // of all triples that are far enough apart
    for (const a of samples) {
      for (const b of samples.filter(({ time }) => time >= a.time + PAPER.interval - 1e-9)) {
        for (const c of samples.filter(({ time }) => time >= b.time + PAPER.interval - 1e-9)) {
          most = Math.max(most, a.motion + b.motion + c.motion);
        }
      }
    }
    assertClose([chosen.reduce((sum, { motion }) => sum + motion, 0)], [most], 1e-9);
  }
});

Deno.test("with paper.yaml's choices a clip of three seconds has two key-frames and one pair, however weak the motion", () => {
  const clip = randomClip(2.9, 1);
  assertEquals(keyFramePairs(clip, PAPER).length, 1);
  assertEquals(keyFramePairs(clip.map((one) => ({ ...one, motion: one.motion / 1000 })), PAPER).length, 1);
  const byDefault = resolveConfig(undefined, []).annotate;
  assertEquals(keyFramePairs(clip.map((one) => ({ ...one, motion: one.motion / 1000 })), byDefault).length, 0); // below `least`
});
