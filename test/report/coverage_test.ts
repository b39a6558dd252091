import { coverage, coverageText } from "../../lib/report/coverage.ts";
import type { PaperTable } from "../../lib/report/paper_tables.ts";
import { readPublished } from "../../lib/report/report.ts";
import { assertEquals } from "../support.ts";

const SUBSETS = { all: 1, magicbrush: 1, ag: 1, something: 1, whatsup: 1, kubric: 1 };
const table = (of: NonNullable<PaperTable["of"]>, ...rows: PaperTable["rows"]): PaperTable => ({
  ...{ name: of, of, title: of, rows: rows.map((row) => ({ source: "measured", ...row })) },
});

Deno.test("coverage() finds our rows by the paper's names, and says of each empty one what it needs", () => {
  const tables = [
    table(
      "actions",
      { system: "C-ZS", subset: "all", bert_score: null, rouge1: 0, rouge2: 0, rougeL: 0, bleu: 0 },
      { system: "CDM", subset: "ag", bert_score: 0, rouge1: 0, rouge2: 0, rougeL: 0, bleu: 0 },
    ),
    table("judge", { system: "copy", ...SUBSETS }, { system: "GoT", ...SUBSETS, kubric: null }),
    table("metrics", { system: "C-FT", subset: "ag", l1_paper: 1, clip_i: 1, clip_t: 1, dino: 1 }),
    table("videos", { "data set": "ucf-101", samples: 3 }),
    table("people", { system: "CWM", ...SUBSETS }),
  ];
  const lacks: Record<string, string> = { "sample-cwm": "--annotate.videos=DIR", people: "--votes=DIR" };
  const rows = coverage(readPublished(), tables, (folder) => lacks[folder]);
  const of = (name: string, row: string) => {
    const { filled, needs } = rows.find((one) => one.table === name && one.row === row)!;
    return needs === "" ? filled : `${filled}: ${needs}`;
  };
  assertEquals(of("Table 1", "Chameleon zero-shot"), "in part: --evaluate.bertModel=DIR");
  assertEquals(of("Table 1", "VILA-U fine-tuned"), "no: --actions=VILA-U=FILE.jsonl");
  assertEquals(of("Table 1", "CDM, Kubric downsampled"), "no: --data.downsample.kubric=10000");
  assertEquals(of("Table 2", "Copy"), "yes");
  assertEquals(of("Table 2", "GoT"), "in part: --bench=LIST with kubric");
  assertEquals(of("Table 2", "SmartEdit"), "no: --systems=SmartEdit=DIR");
  assertEquals(of("Table 2", "CWM"), "no: --annotate.videos=DIR");
  assertEquals(of("Table 3", "C-FT, ag"), "yes");
  assertEquals(of("Table 3", "C-FT, kubric"), "no: --bench=LIST with kubric");
  assertEquals([of("Table 4", "UCF-101"), of("Table 4", "MIT")], ["yes", "no: --annotate.videos=DIR of MIT"]);
  assertEquals([of("Table 7, people", "CWM"), of("Table 7, people", "GoT")], ["yes", "no: --votes=DIR"]);
  assertEquals(rows.length, 80);
  assertEquals(coverageText(rows).split(" (")[0], "Rows of the paper with one of ours beside them: 4 and 2 in part of 80");
});
