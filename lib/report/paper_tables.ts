/**
 * The paper's tables from finished runs, with the rows that the paper published beside ours and marked as such.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists, readJson } from "../files.ts";
import { readScores, type Score, scoreRows, scoresBySystem } from "../judge/mod.ts";
import { comparePairs } from "../metrics/mod.ts";
import type { PageSection } from "./page.ts";
import { plotDistributions } from "./plot.ts";
import type { TableRow } from "./table.ts";

/** The paper's rows, by table: `data/published.json`. */
export interface Published {
  /** The paper's title. */
  readonly source: string;
  /** Table 1. */
  readonly actions: readonly TableRow[];
  /** Table 2. */
  readonly judge: readonly TableRow[];
  /** Table 3. */
  readonly metrics: readonly TableRow[];
  /** Table 4. */
  readonly videos: readonly TableRow[];
  /** Table 5. */
  readonly criteria: readonly TableRow[];
  /** The ablations. */
  readonly ablations: readonly TableRow[];
  /** Table 7. */
  readonly people: readonly TableRow[];
}

/** A section that has a name for files. */
export interface PaperTable extends PageSection {
  /** The file's name. */
  readonly name: string;
  /** The table. */
  readonly rows: readonly TableRow[];
}

/**
 * The tables of a finished run, by the task that made it.
 *
 * @param folder the run
 * @param name names its files
 * @param published the paper's rows
 * @param plots where plots go that the run does not have
 * @throws UserError when the folder holds no finished run
 */
export async function paperTables(folder: string, name: string, published: Published, plots: string): Promise<PaperTable[]> {
  if (!exists(`${folder}/result.json`)) throw new UserError(`Cannot report ${folder}: it holds no finished run (no result.json)`);
  const { task } = readJson(`${folder}/manifest.json`) as { readonly task: string };
  const rows = readTable(`${folder}/table.json`);
  const pictures = (...names: string[]) => names.map((name) => `${folder}/${name}`);
  if (task === "judge") return await judgeTables(folder, name, published, `${plots}/${name}`);
  if (task === "evaluate" && rows[0] && "rouge1" in rows[0]) {
    const title = "Predicted actions (Table 1)";
    return [{ name, title, rows: beside(rows, published.actions), pictures: pictures("actions.png") }];
  }
  if (task === "evaluate") {
    const tests = exists(`${folder}/tests.json`)
      ? [{ name: `${name}-tests`, title: "Paired tests of the metrics", rows: readTable(`${folder}/tests.json`) }]
      : [];
    return [{ name, title: "Automatic metrics (Table 3)", rows: beside(rows, published.metrics) }, ...tests];
  }
  if (task === "filter") {
    const title = "Annotated videos (Table 4, Figure 11)";
    const videos = published.videos.map(({ opv = null, apv = null, wpa = null, dataset = "", samples = null }) => ({
      ...{ "": dataset, samples, "observations a video": opv, "actions a video": apv, "words an action": wpa },
    }));
    return [{ name, title, rows: beside(rows, videos), pictures: pictures("scores.png", "classes.png") }];
  }
  if (task === "human-eval") return [{ name, title: "People (Table 7)", rows: beside(rows, published.people) }];
  const title = { probe: "The probe (Figures 2 and 4)", verify: "Verification (Figure 8)" }[task] ?? task;
  return [{ name, title: `${title}: ${name}`, rows, pictures: pictures("likelihoods.png", "curves.png") }];
}

/** Tables 2 and 5, the differences between systems, and Figure 12. */
async function judgeTables(folder: string, name: string, published: Published, plot: string): Promise<PaperTable[]> {
  const scores = readScores(folder);
  const rows = scoreRows(scores);
  const { judge, date, prompt } = readJson(`${folder}/result.json`) as { judge: string; date: string; prompt: string };
  const corrected = scores.filter(({ correctedBy }) => correctedBy).length;
  const by = `Judge ${judge}, ${date}, prompt ${prompt}${corrected > 0 ? `, ${corrected} scores changed by hand` : ""}. `;
  await plotDistributions(`${plot}-distributions`, distributions(scores), { x: "score", y: "" });
  const pairs = comparePairs(scoresBySystem(scores)).map(({ system, against, difference, p, corrected }) => ({
    ...{ system, against, n: difference.n, difference: difference.mean, from: difference.interval[0], to: difference.interval[1] },
    ...{ p, "p, Holm": corrected },
  }));
  return [
    { name, title: "The judge's scores (Table 2)", text: `${by}Mean of the smaller score.`, rows: beside(pivot(rows), published.judge) },
    {
      name: `${name}-criteria`,
      title: "Editing success and minimal editing (Table 5, Figure 12)",
      rows: beside(rows, published.criteria),
      pictures: [`${plot}-distributions.png`],
    },
    {
      name: `${name}-differences`,
      title: "Differences between systems (the ablations)",
      text: "On the items that both have; permutation test.",
      rows: pairs,
    },
    { name: `${name}-published`, title: "The ablations as the paper published them", rows: published.ablations },
  ];
}

/** A row for each system, a column for each subset. */
function pivot(rows: readonly TableRow[]): TableRow[] {
  return [...Map.groupBy(rows, ({ system }) => system!)].map(([system, own]) => ({
    ...{ system, ...Object.fromEntries(own.map(({ subset, score = null }) => [`${subset}`, score])) },
    "95 %": own[0]!["from"] === null ? null : `${Number(own[0]!["from"]).toFixed(2)} … ${Number(own[0]!["to"]).toFixed(2)}`,
    scored: own[0]!["scored"]!,
  }));
}

function distributions(scores: readonly Score[]) {
  return scores.flatMap(({ system, success, minimal }) =>
    success === undefined || minimal === undefined
      ? []
      : [{ x: success, group: `${system}: editing success` }, { x: minimal, group: `${system}: minimal editing` }]
  );
}

/** Our rows, then the paper's; all columns of both, and where a row is from. */
function beside(ours: readonly TableRow[], theirs: readonly TableRow[]): TableRow[] {
  const columns = [...new Set([...ours, ...theirs].flatMap(Object.keys))];
  const filled = (row: TableRow, source: string) => ({ source, ...Object.fromEntries(columns.map((name) => [name, row[name] ?? null])) });
  return [...ours.map((row) => filled(row, "measured")), ...theirs.map((row) => filled(row, "published"))];
}

function readTable(path: string): TableRow[] {
  return readJson(path) as TableRow[];
}
