import { freeMemory, peakMemory } from "../../lib/experiment/memory.ts";
import { assert } from "../support.ts";

Deno.test("peakMemory() is no less than what is held, and does not fall when it is let go", () => {
  const before = peakMemory();
  const held = Deno.memoryUsage().rss;
  assert(before >= 0.9 * held, `a peak of ${before} below the ${held} that are held`);
  const size = 128 * 2 ** 20;
  let block: Uint8Array | undefined = new Uint8Array(size).fill(1);
  const during = peakMemory();
  const now = Deno.memoryUsage().rss; // less than before and the block, where an earlier test's memory was given back meanwhile
  assert(now >= size * Number(block[7]) && during >= 0.9 * now, `a peak of ${during} below the ${now} that are held, ${size} of them new`);
  block = undefined;
  assert(peakMemory() >= during);
});

Deno.test("freeMemory() is some of the machine's memory, in bytes", () => {
  const { total } = Deno.systemMemoryInfo();
  assert(freeMemory() > 2 ** 20 && freeMemory() <= total, `${freeMemory()} of ${total}`);
});
