import { batchesOf, collect, doBatch, isDone, ownBatches, setAside, type Work, workThrough } from "../../lib/experiment/batches.ts";
import { assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const LETTERS = [..."abcdefgh"];

Deno.test("batches do not depend on the shards: together they are those of one process", () => {
  const all = batchesOf(LETTERS, 3);
  assertEquals(all.map(({ items }) => items.join("")), ["abc", "def", "gh"]);
  const shards = [0, 1].flatMap((i) => ownBatches(all, `${i}/2`, "sample.batch"));
  assertEquals(shards.toSorted((a, b) => a.index - b.index), all);
  assertEquals(ownBatches(all, undefined, "sample.batch"), all);
  const text = "Cannot split 3 batches into 4 shards: take fewer shards, or a smaller sample.batch";
  assertThrows(() => ownBatches(all, "0/4", "sample.batch"), UserError, text);
});

Deno.test("workThrough() does not do again what is done, and names the items of a batch that was set aside", () =>
  withFolder(async (folder) => {
    const ran: number[] = [];
    const work: Work<string, string> = {
      ...{ name: "test", unit: "letters", folder, batches: batchesOf(LETTERS, 3), idOf: (item) => item },
      run: ({ index, items }) => Promise.resolve((ran.push(index), items.map((item) => item.toUpperCase()))),
    };
    await doBatch(work, work.batches[1]!);
    setAside(folder, 2, "it is poison");
    assertEquals([0, 1, 2].map((index) => isDone(folder, index)), [false, true, true]);
    const reason = "batch 2 was set aside: it is poison";
    const expected = { lines: [..."ABCDEF"], problems: [{ id: "g", reason }, { id: "h", reason }] };
    assertEquals(await workThrough(work), expected);
    assertEquals([ran, collect(work)], [[1, 0], expected]);
  }));
