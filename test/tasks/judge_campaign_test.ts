import counted from "../faults/token_counts.json" with { type: "json" };
import { campaign } from "../faults/judge_campaign.ts";
import { sha256 } from "../../lib/files.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

Deno.test("judge, killed in the middle of a faulty endpoint's answers, loses none, asks none twice that it had, and keeps to the predicted price", () =>
  withFolder(async (folder) => {
    const found = await campaign(folder, 15, 3, 1, { perThousand: 25, timeout: 2, pilot: 5 });
    const { seen, outcome, end, ...more } = found;
    const told = JSON.stringify({ ...more, outcome, end, faults: seen.faults });
    const off = found.predictedAfterPilot / found.once - 1;
    assert(Math.abs(off) < 0.05, `the price is ${(100 * off).toFixed(1)} % off: ${told}`);
    assertEquals([outcome.absent, end.absent, end.unscored, end.scored], [0, 0, 0, 45], told);
    assert(found.paidTwice <= found.inFlight && found.kills === 1, told);
    assertEquals([found.askedAgain, seen.tooSoon], [0, 0], told);
    assert(Object.values(seen.faults).filter((times) => times > 0).length > 2 && outcome.unscored > 0, told);
  }));

Deno.test("the stand-in counts the tokens of today's prompt (test/faults/make_token_counts.ts)", async () => {
  const prompt = Deno.readFileSync(new URL("../../data/prompts/judge.md", import.meta.url));
  assertEquals(counted.promptSha256, await sha256(prompt));
});
