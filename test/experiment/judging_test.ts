import { judgeAll, type JudgeOf, worldJudge } from "../../lib/experiment/judging.ts";
import { readEntries, shownPredictions } from "../../lib/judge/entries.ts";
import { openSystem } from "../../lib/judge/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { NO_SERVER, withServer } from "../queue/support.ts";
import { assert, assertEquals } from "../support.ts";

const world = worldTrajectories("easy", 1, "bench", 70);
const { entries } = await readEntries(shownPredictions([openSystem("copy")], world), () => {});

/** A judge who scores a picture by its place among those of a batch, and wants two tokens for each. */
const counting: JudgeOf = (some) => {
  const cost = { prompt: 2 * some.length, completion: 0, dollars: 0.5 };
  return Promise.resolve({ verdicts: some.map((_, i) => ({ success: i, minimal: 9, score: i, reason: "" })), spent: cost, cost });
};

Deno.test("worldJudge() gives a copy of the source no success and full minimal editing, at no cost", async () => {
  const { verdicts, spent } = await worldJudge(new Map(world.map((one) => [one.id, one])))(entries);
  assertEquals([verdicts.length, spent.dollars], [70, 0]);
  assert(verdicts.every((verdict) => "score" in verdict && verdict.score === 0 && verdict.minimal === 10));
});

Deno.test("judgeAll() alone judges all pictures at once", async () => {
  const judged = (await judgeAll(entries, counting, "unused", undefined))!;
  assertEquals(judged.verdicts.map((verdict) => "score" in verdict ? verdict.score : -1), [...entries.keys()]);
  assertEquals(judged.spent, { prompt: 140, completion: 0, dollars: 0.5 });
});

Deno.test({
  name: "judgeAll() from a queue judges by batches of 64, in order, and adds up what they cost",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address, folder) => {
      const judged = (await judgeAll(entries, counting, folder, address))!;
      await judged.finish();
      assertEquals(judged.verdicts.map((verdict) => "score" in verdict ? verdict.score : -1), [...entries.keys()].map((i) => i % 64));
      assertEquals([judged.spent, judged.cost], Array(2).fill({ prompt: 140, completion: 0, dollars: 1 }));
    }),
});
