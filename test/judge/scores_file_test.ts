import { scoreRows } from "../../lib/judge/mod.ts";
import { meanScore, readScores } from "../../lib/judge/scores_file.ts";
import { assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const line = (system: string, id: string, success: number, minimal: number) => ({
  ...{ system, id, subset: "ag", action: "open it", success, minimal, score: Math.min(success, minimal) },
});
const LINES = [line("a", "1", 4, 8), line("a", "2", 6, 2), { system: "b", id: "1", subset: "ag", action: "", unscored: "no" }];

function write(folder: string, corrections: readonly object[]): void {
  Deno.writeTextFileSync(`${folder}/scores.jsonl`, LINES.map((one) => JSON.stringify(one) + "\n").join(""));
  Deno.writeTextFileSync(`${folder}/corrections.jsonl`, corrections.map((one) => JSON.stringify(one) + "\n").join(""));
}

Deno.test("readScores() takes a hand's score over the judge's, and leaves the judge's line", () =>
  withFolder((folder) => {
    write(folder, [
      { system: "a", id: "2", success: 6, minimal: 9, reason: "only the lid moved", correctedBy: "reader 1" },
      { system: "b", id: "1", success: 1, minimal: 2, reason: "", correctedBy: "reader 1" },
    ]);
    const scores = readScores(folder);
    assertEquals(scores.map(({ score, correctedBy = "" }) => `${score} ${correctedBy}`), ["4 ", "6 reader 1", "1 reader 1"]);
    assertEquals(Deno.readTextFileSync(`${folder}/scores.jsonl`).includes("only the lid"), false);
    const [all] = scoreRows(scores);
    assertEquals([all!["system"], all!["subset"], all!["score"], all!["editing success"], all!["scored"]], ["a", "all", 5, 5, "2 of 2"]);
  }));

Deno.test("readScores() takes a correction that an editor left without a line feed, and leaves the file to its author", () =>
  withFolder((folder) => {
    write(folder, []);
    const text = JSON.stringify({ system: "a", id: "2", success: 6, minimal: 9, reason: "", correctedBy: "reader 1" });
    Deno.writeTextFileSync(`${folder}/corrections.jsonl`, text);
    assertEquals(readScores(folder)[1]!.score, 6);
    assertEquals(Deno.readTextFileSync(`${folder}/corrections.jsonl`), text);
  }));

Deno.test("readScores() refuses corrections of what was not judged, out of range, or by nobody", () =>
  withFolder((folder) => {
    for (const wrong of [{ id: "9" }, { success: 11 }, { minimal: "9" }, { correctedBy: "" }]) {
      write(folder, [{ system: "a", id: "2", success: 6, minimal: 9, correctedBy: "reader 1", ...wrong }]);
      assertThrows(() => readScores(folder), UserError, "corrections.jsonl");
    }
  }));

Deno.test("meanScore() of nothing scored is nothing, not zero", () => {
  assertEquals(meanScore([{ system: "b", id: "1", subset: "ag", action: "", unscored: "no" }]), undefined);
});
