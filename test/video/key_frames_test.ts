import { chooseBursts, type KeyFrameOptions, keyFramePairs, type MotionSample } from "../../lib/video/mod.ts";
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals } from "../support.ts";

const KEYS: KeyFrameOptions = { bursts: 2, interval: 1, least: 0.003, share: 0.7, reach: 1.5, pairs: "calm", steady: 6 };
const sample = (motion: number, i: number, more: Partial<MotionSample> = {}): MotionSample => ({
  ...{ motion, time: i / 12, index: i, isCut: false, isBlank: false },
  ...more,
});

Deno.test("chooseBursts() finds the choice with the most motion, as trying all does", () => {
  const random = randomStream("bursts");
  for (let round = 0; round < 60; round++) {
    const samples = Array.from({ length: 12 }, (_, i) => sample(randomInt(random, 100) / 100, i));
    const options = { bursts: 1 + randomInt(random, 3), interval: (1 + randomInt(random, 5)) / 12, least: 0.05, share: 0.3 };
    const floor = Math.max(0.05, 0.3 * Math.max(...samples.map(({ motion }) => motion)));
    let most = 0;
    for (let set = 0; set < 2 ** 12; set++) {
      const chosen = samples.filter((_, i) => set >> i & 1);
      const fits = chosen.length <= options.bursts &&
        chosen.every((one, i) => one.motion >= floor && (i === 0 || one.time - chosen[i - 1]!.time >= options.interval - 1e-9));
      if (fits) most = Math.max(most, chosen.reduce((sum, { motion }) => sum + motion, 0));
    }
    const chosen = chooseBursts(samples, options);
    assertClose([chosen.reduce((sum, i) => sum + samples[i]!.motion, 0)], [most], 1e-9);
    chosen.forEach((i, k) => assert(k === 0 || samples[i]!.time - samples[chosen[k - 1]!]!.time >= options.interval - 1e-9));
  }
});

Deno.test("keyFramePairs() takes calm moments beside a burst, in its shot, never blank ones", () => {
  const burst = Array.from({ length: 36 }, (_, i) => sample(i >= 14 && i <= 20 ? 0.1 + (i === 17 ? 0.05 : 0) : 0.001, i));
  const [pair] = keyFramePairs(burst, KEYS);
  assertEquals([pair!.source.index, pair!.target.index], [13, 21]);
  const cut = burst.map((one, i) => i === 19 ? { ...one, isCut: true } : one);
  assert(keyFramePairs(cut, KEYS).every(({ target }) => target.index < 19));
  const blank = burst.map((one, i) => i > 17 ? { ...one, isBlank: true } : one);
  assertEquals(keyFramePairs(blank, KEYS), []);
  assertEquals(keyFramePairs(burst.map((one) => ({ ...one, motion: 0 })), KEYS), []);
  assertEquals(keyFramePairs([], KEYS), []);
});

Deno.test("keyFramePairs() offers no source after the burst and no target before it, where all is about as calm", () => {
  const pan = Array.from({ length: 48 }, (_, i) => sample(i === 20 ? 0.03 : 0.02 + 0.001 * (i % 3), i)); // the camera never stands
  const pairs = keyFramePairs(pan, KEYS);
  assert(pairs.length > 0);
  for (const { source, target, sources, targets } of pairs) {
    assert(sources.includes(source) && targets.includes(target));
    assert(Math.max(...sources.map(({ index }) => index)) < Math.min(...targets.map(({ index }) => index)));
  }
});
