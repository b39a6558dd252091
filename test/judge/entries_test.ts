import { distinctEntries, nameOf, readEntries, type Shown } from "../../lib/judge/entries.ts";
import type { Candidate } from "../../lib/judge/mod.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { assertEquals, assertRejects } from "../support.ts";

const flat = (value: number, width = 16, height = 16): RgbImage => ({
  ...{ width, height, data: new Uint8Array(3 * width * height).fill(value) },
});
const observation = (picture: RgbImage) => ({ name: "", key: () => Promise.resolve(""), load: () => Promise.resolve(picture) });
const shown = (system: string, id: string, load: Shown["load"], index?: number): Shown => ({
  ...{ system, load, trajectory: { id, subset: "ag", action: "go", source: observation(flat(1, 32)), target: observation(flat(2)) } },
  ...(index !== undefined && {
    candidate: {
      id,
      subset: "ag",
      repeat: 1,
      index,
      seed: 1,
      image: "",
      logLikelihood: -1,
      chosen: false,
      scores: {},
      right: null,
    } as Candidate,
  }),
});

Deno.test("readEntries() says in a sentence what cannot be judged, and goes on", async () => {
  const { entries, unread } = await readEntries([
    shown("a", "1", () => Promise.resolve(flat(3))),
    shown("a", "2", () => Promise.resolve(undefined)),
    shown("a", "3", () => Promise.reject(new Error("the PNG file is damaged"))),
    shown("a", "4", () => Promise.resolve(flat(3, 1, 900))),
    shown("a", "5", () => Promise.resolve(flat(3, 900, 20))), // a system may keep its source's shape
  ]);
  assertEquals(entries.map(({ trajectory, size, sourceSize }) => [trajectory.id, size, sourceSize]), [
    ["1", [16, 16], [32, 16]],
    ["5", [900, 20], [32, 16]],
  ]);
  assertEquals(unread.map((one) => `${nameOf(one.shown)}: ${one.reason}`), [
    "a: 2: it has no prediction",
    "a: 3: the PNG file is damaged",
    "a: 4: it has 1 × 900 pixels",
  ]);
});

Deno.test("readEntries() leaves out no picture for a disk that fails, as it would stay unread", async () => {
  const failing = shown("a", "1", () => Promise.reject(new Error("Cannot read a.png: Input/output error (os error 5)")));
  await assertRejects(() => readEntries([failing]), Error, "os error 5");
});

Deno.test("readEntries() leaves out a source that cannot be read, with all its pictures", async () => {
  const broken = shown("a", "1", () => Promise.resolve(flat(3)));
  const source = { ...observation(flat(0)), load: () => Promise.reject(new Error("Cannot read x.png as it is not there")) };
  const { entries, unread } = await readEntries([0, 1].map(() => ({ ...broken, trajectory: { ...broken.trajectory, source } })));
  assertEquals([entries.length, unread.map(({ reason }) => reason)], [0, Array(2).fill("Cannot read x.png as it is not there")]);
});

Deno.test("readEntries() leaves out a candidate of another size than its system's others, whichever comes first", async () => {
  const sizes = [24, 16, 16, 16];
  const { entries, unread } = await readEntries(sizes.map((side, i) => shown("a", "1", () => Promise.resolve(flat(i, side, side)), i)));
  assertEquals(entries.map(({ candidate }) => candidate!.index), [1, 2, 3]);
  assertEquals(unread.map((one) => `${nameOf(one.shown)}: ${one.reason}`), [
    "a: 1, repeat 1, candidate 0: it has 24 × 24 pixels, the system's other candidates 16 × 16",
  ]);
});

Deno.test("distinctEntries() knows a picture by its pixels, source and action, whoever made it", async () => {
  const other = shown("b", "2", () => Promise.resolve(flat(3)));
  const { entries } = await readEntries([
    shown("a", "1", () => Promise.resolve(flat(3))),
    shown("b", "1", () => Promise.resolve(flat(3))),
    shown("b", "1", () => Promise.resolve(flat(4))),
    { ...other, trajectory: { ...other.trajectory, action: "stop" } },
    shown("c", "1", () => Promise.resolve(flat(3, 8, 32))), // as many bytes, another shape
  ]);
  const { distinct, places } = distinctEntries(entries);
  assertEquals([places, distinct.length], [[0, 0, 1, 2, 3], 4]);
});
