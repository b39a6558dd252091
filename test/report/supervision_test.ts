import { supervisionRows, supervisionSection } from "../../lib/report/supervision.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

/** Scores of one seed: transitions a and b are seen, c and d are not. */
function run(supervised: number, shift: number) {
  const of = (...values: number[]) => new Map(["a", "b", "c", "d"].map((id, i) => [id, values[i]! + shift]));
  const scores = new Map([["C-FT", of(6, 8, 0, 0)], ["CWM", of(5, 7, 2, 4)]]);
  const halves = new Map(["a", "b", "c", "d"].map((id, i) => [id, i < 2 ? "seen" as const : "unseen" as const]));
  return { supervised, scores, halves };
}

Deno.test("supervisionRows() gives means by number, half and system, the fewest first, and what CWM adds", () => {
  const rows = supervisionRows([run(1000, 1), run(250, 0), run(250, 0.5)]);
  const row = (supervised: number, half: string, system: string) =>
    rows.find((one) => one["supervised"] === supervised && one["half"] === half && one["system"] === system)!;
  assertEquals(rows[0]!["supervised"], 250);
  assertEquals([row(250, "seen", "C-FT")["score"], row(250, "seen", "C-FT")["seeds"]], [7.25, 2]);
  assertEquals(row(250, "unseen", "CWM − C-FT")["score"], 3); // the shift of a seed is in both
  assertEquals(row(1000, "all", "CWM − C-FT")["score"], 1);
  assert((row(250, "seen", "C-FT")["from"] as number) < 7.25 && (row(250, "seen", "C-FT")["to"] as number) > 7.25);
  const { "C-FT": _, ...without } = Object.fromEntries(run(250, 9).scores);
  const gain = supervisionRows([run(250, 0), { ...run(250, 9), scores: new Map(Object.entries(without)) }]).find(({ system }) =>
    system === "CWM − C-FT"
  )!;
  assertEquals([gain["score"], gain["seeds"]], [1, 1]); // a seed without C-FT says nothing of the gain
  assert(!rows.some(({ system }) => system === "CWM without weights")); // nobody has judged it
});

Deno.test("supervisionSection() draws a plot for each half", () =>
  withFolder(async (folder) => {
    const { pictures, rows } = await supervisionSection(folder, supervisionRows([run(250, 0), run(1000, 1)]), [1]);
    assertEquals(pictures, ["all", "seen", "unseen"].map((half) => `${folder}/supervision-${half}.png`));
    for (const picture of pictures!) assert(Deno.statSync(picture).size > 1000, picture);
    assertEquals(rows!.length, 18);
  }));
