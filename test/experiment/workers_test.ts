import { codeDigest, requireSame } from "../../lib/experiment/workers.ts";
import type { Workers } from "../../lib/train/workers.ts";
import { assertEquals, assertRejects, UserError } from "../support.ts";

/** Workers whose tables are known beforehand: adds up what each would give. */
function meeting(digests: readonly Readonly<Record<string, string>>[]): Promise<void>[] {
  const tables: number[][] = [];
  const all = Promise.withResolvers<void>();
  return digests.map((own, rank) => {
    const sumNumbers = async (numbers: readonly number[]) => {
      if (tables.push([...numbers]) === digests.length) all.resolve();
      await all.promise;
      return tables.reduce((sum, table) => sum.map((x, i) => x + table[i]!));
    };
    return requireSame({ rank, count: digests.length, sumNumbers, leave: () => Promise.resolve() } as Workers, own);
  });
}

Deno.test("requireSame() lets equal workers go on, and tells each of them who differs in what", async () => {
  const own = { code: "0123456789abcdef", data: "ffffffffffffffff" };
  await Promise.all(meeting([own, own, own]));
  for (const told of meeting([own, own, { ...own, data: "fffffffffffffffe" }])) {
    await assertRejects(() => told, UserError, "the data of worker 2 differs from that of worker 0");
  }
  for (const told of meeting([{ ...own, code: "1123456789abcdef" }, own])) {
    await assertRejects(() => told, UserError, "the code of worker 1 differs from that of worker 0");
  }
});

Deno.test("codeDigest() is the same each time", () => {
  assertEquals(codeDigest(), codeDigest());
  assertEquals(codeDigest().length, 16);
});
