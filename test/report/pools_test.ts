import type { Candidate } from "../../lib/judge/mod.ts";
import { bestOfRows, metricRows, poolCurves, scorersOf, verified, writePools } from "../../lib/report/pools.ts";
import { exists } from "../../lib/files.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

/** Four candidates of each of two trajectories: the dynamics model likes the third, the judge the second. */
function candidatesOf(system: string, scorers: readonly string[], better = 0): Candidate[] {
  return ["ag-0", "kubric-1"].flatMap((id) =>
    [2, 8, 5, 1].map((worth, index): Candidate => ({
      ...{ system, id, subset: id.split("-")[0]!, repeat: 0, index, seed: 1, image: "", right: null },
      ...{ logLikelihood: [-3, -2, -1, -4][index]!, chosen: index === 2 },
      scores: Object.fromEntries(scorers.map((scorer) => [scorer, scorer.startsWith("l1") ? 1 - worth / 10 : worth + better])),
    }))
  );
}

Deno.test("bestOfRows() are Table 2's rows: one, verified, best of three, by subset", () => {
  const rows = bestOfRows(poolCurves([...candidatesOf("C-FT", ["judge"]), ...candidatesOf("CWM", ["judge"], 1)], "judge"));
  assertEquals(rows.map(({ system, all }) => [system, all]), [
    ["C-FT", 4],
    ["C-FT verified, N = 4", 5],
    ["C-FT best-of-3", 7.25], // of the four choices of three, three hold the 8, one has 5 at best
    ["CWM", 5],
    ["CWM verified, N = 4", 6],
    ["CWM best-of-3", 8.25],
  ]);
  assertEquals(Object.keys(rows[0]!), ["system", "all", "ag", "kubric"]);
});

Deno.test("metricRows() takes the nearest of three by L1 and the most alike by CLIP", () => {
  const candidates = candidatesOf("CWM", ["l1_paper", "clip_i"]);
  const rows = metricRows(scorersOf(candidates).flatMap((scorer) => poolCurves(candidates, scorer)));
  const best = rows.find(({ system, subset }) => system === "CWM best-of-3" && subset === "all")!;
  assertEquals([Number((best["l1_paper"] as number).toFixed(6)), best["clip_i"]], [0.275, 7.25]);
});

Deno.test({
  name: "writePools() leaves tables and a picture for each scorer, and counts pools that are not scored whole",
  sanitizeOps: false, // Vega keeps a timer
  sanitizeResources: false,
  fn: () =>
    withFolder(async (folder) => {
      const candidates = candidatesOf("CWM", ["gpt-4o", "other/judge"]);
      const holed = candidates.map((one, i) => i === 0 ? { ...one, scores: {} } : one);
      const { pools, table } = await writePools(folder, holed, "judge", "Trained on the bench.");
      assertEquals(pools, { scored: 1, all: 2 });
      assert(table.includes("all choices of N") && table.endsWith("Trained on the bench."), table);
      for (const file of ["table.md", "curves.csv", "curves-gpt-4o.png", "curves-other_judge.svg"]) {
        assert(exists(`${folder}/${file}`), file);
      }
    }),
});

Deno.test("verified() takes the judge's scores where there are some, and verify's own where there are none", () =>
  withFolder((folder) => {
    const write = (stage: string, candidates: readonly Candidate[]) => {
      Deno.mkdirSync(`${folder}/${stage}`);
      Deno.writeTextFileSync(`${folder}/${stage}/candidates.jsonl`, candidates.map((one) => JSON.stringify(one) + "\n").join(""));
      Deno.writeTextFileSync(`${folder}/${stage}/result.json`, "{}");
    };
    const at = (stage: string) => `${folder}/${stage}`;
    write("verify-cwm", candidatesOf("", ["world"]));
    assertEquals(verified(at, "CWM").scorer, "world");
    write("judge-pools", [...candidatesOf("C-FT", ["gpt-4o"]), ...candidatesOf("CWM", ["gpt-4o"], 1)]);
    const { scorer, curves, pools } = verified(at, "CWM");
    assertEquals([scorer, curves.at(-1)!.score, pools.length], ["gpt-4o", 5, 2]);
  }));
