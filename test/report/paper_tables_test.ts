import type { Candidate } from "../../lib/judge/mod.ts";
import { exists } from "../../lib/files.ts";
import { paperTables, type Published } from "../../lib/report/paper_tables.ts";
import { assert, assertClose, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";
import { finishRun, judgement, scoreOf } from "./runs.ts";

const none = { actions: [], judge: [], metrics: [], videos: [], criteria: [], ablations: [], people: [] };
const PUBLISHED: Published = {
  ...{ ...none, source: "the paper" },
  actions: [{ model: "CDM", bleu: 0.17 }],
  judge: [{ system: "CWM", all: 3.67 }],
};
const ACTIONS = { kind: "actions", dynamics: {}, signatures: {} } as const;
const vega = { sanitizeOps: false, sanitizeResources: false }; // it keeps a timer

Deno.test("paperTables() puts the paper's rows under ours, marks both, and leaves no column out", () =>
  withFolder(async (folder) => {
    finishRun(`${folder}/evaluate`, ACTIONS, { "table.json": JSON.stringify([{ model: "mine", meaning: 0.5 }]) });
    const [table] = await paperTables(`${folder}/evaluate`, "evaluate", PUBLISHED, folder);
    assertEquals(table!.rows, [
      { source: "measured", model: "mine", meaning: 0.5, bleu: null },
      { source: "published", model: "CDM", meaning: null, bleu: 0.17 },
    ]);
    assertEquals([table!.name, table!.text], ["evaluate", undefined]);
  }));

Deno.test("paperTables() says of every table that its bench was trained on", () =>
  withFolder(async (folder) => {
    finishRun(`${folder}/evaluate`, ACTIONS, { "table.json": "[]" }, 4);
    const tables = await paperTables(`${folder}/evaluate`, "evaluate", PUBLISHED, folder);
    assert(tables.length > 0 && tables.every(({ text }) => text?.includes("pictures of the bench were trained on (4")));
  }));

Deno.test("paperTables() refuses a folder without a finished run", () =>
  withFolder(async (folder) => {
    await assertRejects(() => paperTables(`${folder}/none`, "none", PUBLISHED, folder), UserError, "it holds no finished run");
  }));

Deno.test({
  ...vega,
  name: "paperTables() joins the shards of a verification to one curve, in its picture too",
  fn: () =>
    withFolder(async (folder) => {
      const pool = (id: string, scores: number[]): Candidate[] =>
        scores.map((score, index) => ({
          ...{ id, subset: "a", repeat: 0, index, seed: 1, image: "", logLikelihood: index - 2, chosen: index === 1 },
          ...{ scores: { world: score }, right: null },
        }));
      for (const [i, scores] of [[0, 4], [0, 8]].entries()) {
        const result = { kind: "verification" as const, pools: 1, skipped: 0, scored: "x", curves: [] };
        finishRun(`${folder}/verify-${i}-of-2`, result, { "candidates.jsonl": pool(`${i}`, scores) });
      }
      const [table] = await paperTables(`${folder}/verify`, "verify", PUBLISHED, folder);
      const points = table!.rows.filter(({ chooser }) => chooser === "dynamics model");
      assertClose(points.map(({ score }) => Number(score)), [3, 6], 1e-9); // means of (0, 4) and (0, 8), then of 4 and 8
      assertEquals(table!.pictures, [`${folder}/verify-curves.png`]);
      assert(exists(table!.pictures![0]!));
    }),
});

Deno.test({
  ...vega,
  name: "paperTables() of a judge: a row a system with a column a subset, differences on shared items, corrections counted",
  fn: () =>
    withFolder(async (folder) => {
      const scores = [
        ...[2, 4, 6].map((score, i) => scoreOf("CWM", `${i}`, score, 10, { subset: i < 2 ? "edit" : "people" })),
        ...[1, 2].map((score, i) => scoreOf("copy", `${i}`, 10, score)),
      ];
      const correction = { system: "copy", id: "1", success: 0, minimal: 0, reason: "wrong", correctedBy: "me" };
      finishRun(`${folder}/judge`, judgement(["CWM", "copy"]), { "scores.jsonl": scores });
      Deno.writeTextFileSync(`${folder}/judge/corrections.jsonl`, JSON.stringify(correction) + "\n");
      const tables = await paperTables(`${folder}/judge`, "judge", PUBLISHED, folder);
      const named = (name: string) => tables.find((table) => table.name === name)!;
      assert(
        named("judge").text!.startsWith("Judge world, 2026-01-02, prompt none, framing paper, 1 scores changed by hand."),
        named("judge").text,
      );
      assertEquals(named("judge").rows.map(({ source, system, all, edit, people }) => [source, system, all, edit, people]), [
        ["measured", "CWM", 4, 3, 6],
        ["measured", "copy", 0.5, 0.5, null],
        ["published", "CWM", 3.67, null, null],
      ]);
      const [pair] = named("judge-differences").rows;
      const sign = pair!["system"] === "CWM" ? 1 : -1;
      assertEquals([pair!["n"], pair!["difference"]], [2, sign * 2.5]); // of the items 0 and 1: 3 against 0.5
    }),
});
