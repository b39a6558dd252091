/**
 * The paper's tables from finished runs, with the rows that the paper published beside ours and marked as such.
 *
 * @module
 */
import { shardFolders } from "../experiment/pipeline.ts";
import { overlapNote } from "../experiment/overlap.ts";
import { readResult, RESULT, type Result } from "../experiment/results.ts";
import { runsOverlap } from "../experiment/systems.ts";
import { exists, readJson } from "../files.ts";
import { agreementText } from "../human/analyse.ts";
import { comparePairs } from "../metrics/mod.ts";
import { type Score, scoreRows, scoresBySystem } from "../judge/mod.ts";
import { readCandidates } from "../judge/candidates.ts";
import { readScores } from "../judge/scores_file.ts";
import { ablationRows } from "./ablations.ts";
import type { PageSection } from "./page.ts";
import { plotDistributions } from "./plot.ts";
import { CURVES_NOTE, plotCurves, scoredPools, verificationCurves } from "./curves.ts";
import { bestOfRows, curvesFile, metricRows, poolCurves, scorersOf } from "./pools.ts";
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

/** The tables that the paper published, by their keys in `data/published.json`. */
export type PublishedTable = Exclude<keyof Published, "source">;

/** A section that has a name for files. */
export interface PaperTable extends PageSection {
  /** The paper's table that it stands beside. */
  readonly of?: PublishedTable;
  /** The file's name. */
  readonly name: string;
  /** The table. */
  readonly rows: readonly TableRow[];
}

/**
 * The tables of a finished run; the shards of a stage are joined. A table whose bench was trained on says so.
 *
 * @param folder the run, or the folder that its shards are named after
 * @param name names its files
 * @param published the paper's rows
 * @param plots where plots go that the run does not have
 * @returns tables with titles, text and pictures
 * @throws UserError when the folder holds no finished run
 */
export async function paperTables(folder: string, name: string, published: Published, plots: string): Promise<PaperTable[]> {
  const folders = shardFolders(folder);
  const result = readResult(folders[0]!, RESULT);
  const note = overlapNote(runsOverlap(folders));
  const tables = result.kind === "judgement"
    ? await judgeTables(folders, name, published, result, `${plots}/${name}`)
    : result.kind === "pools"
    ? await poolTables(folders, name, published, result, `${plots}/${name}`)
    : await runTables(folders, name, published, result, `${plots}/${name}`);
  return note === "" ? tables : tables.map((table) => ({ ...table, text: [table.text, note].filter(Boolean).join(" ") }));
}

async function runTables(
  folders: readonly string[],
  name: string,
  published: Published,
  result: Result,
  plot: string,
): Promise<PaperTable[]> {
  const folder = folders[0]!;
  const pictures = (...names: string[]) => names.map((name) => `${folder}/${name}`);
  switch (result.kind) {
    case "actions":
      return [
        {
          ...{ name, of: "actions" },
          title: "Predicted actions (Table 1)",
          rows: beside(readTable(folder), published.actions),
          pictures: pictures("actions.png"),
        },
      ];
    case "images": {
      const tests = result.tests.length === 0 ? [] : [{ name: `${name}-tests`, title: "Paired tests of the metrics", rows: result.tests }];
      return [{ name, of: "metrics", title: "Automatic metrics (Table 3)", rows: beside(readTable(folder), published.metrics) }, ...tests];
    }
    case "filter": {
      const [title, text] = ["Annotated videos by data set (Table 4, Figure 11)", TABLE_4];
      return [{
        name,
        of: "videos",
        title,
        text,
        rows: beside(readTable(folder), videoRows(published)),
        pictures: pictures("scores.png", "classes.png"),
      }];
    }
    case "people":
      return [{
        name,
        of: "people",
        title: "People (Table 7)",
        text: peopleText(result),
        rows: beside(readTable(folder), published.people),
      }];
    case "probe":
      return [{ name, title: `The probe (Figures 2 and 4): ${name}`, rows: readTable(folder), pictures: pictures("likelihoods.png") }];
    case "verification": {
      const candidates = folders.flatMap(readCandidates);
      const curves = verificationCurves(scoredPools(candidates, scorersOf(candidates)[0] ?? ""));
      const picture = folders.length > 1 ? `${plot}-curves` : `${folder}/curves`; // a shard's own shows a part
      if (folders.length > 1) await plotCurves(picture, curves, result.scored);
      const rows = { rows: curves, text: CURVES_NOTE, pictures: [`${picture}.png`] };
      return [{ name, title: `Verification (Figure 8): ${name}`, ...rows }];
    }
    default:
      return exists(`${folder}/table.json`) ? [{ name, title: `${result.kind}: ${name}`, rows: readTable(folder) }] : [];
  }
}

const TABLE_4 = "The paper's samples seem to be videos: times actions a video they give the 20K, 21K and 46K triplets of its §3.2.";

/** Best-of-N and verification beside Table 2 or 3, and Figure 8 for each scorer. */
async function poolTables(
  folders: readonly string[],
  name: string,
  published: Published,
  { by, signatures }: Extract<Result, { kind: "pools" }>,
  plot: string,
): Promise<PaperTable[]> {
  const candidates = folders.flatMap(readCandidates);
  const text = [CURVES_NOTE, ...Object.entries(signatures).map(([scorer, signature]) => `${scorer}: ${signature}.`)].join(" ");
  const curves = scorersOf(candidates).map((scorer) => [scorer, poolCurves(candidates, scorer)] as const);
  const figures = await Promise.all(curves.map(async ([scorer, points]): Promise<PaperTable> => {
    const path = `${plot}-${curvesFile(scorer)}`;
    await plotCurves(path, points.filter(({ subset }) => subset === "all"), scorer);
    const title = `Verification by ${scorer} (Figure 8)`;
    return { name: `${name}-${curvesFile(scorer)}`, title, rows: points, text: CURVES_NOTE, pictures: [`${path}.png`] };
  }));
  const all = curves.flatMap(([, points]) => points);
  const table = by === "judge"
    ? { of: "judge" as const, title: "Best-of-3 and verification (Table 2)", rows: beside(bestOfRows(all), published.judge) }
    : { of: "metrics" as const, title: "Best-of-3 and verification (Table 3)", rows: beside(metricRows(all), published.metrics) };
  return [{ name, text, ...table }, ...figures];
}

function peopleText({ votes, raters, items, agreement, kappa }: Extract<Result, { kind: "people" }>): string {
  return `${votes} votes of ${raters} raters on ${items} items. Agreement: ${agreementText(agreement, kappa)}.`;
}

/** The paper's rows of Table 4 under our columns. */
function videoRows({ videos }: Published): TableRow[] {
  return videos.map(({ opv = null, apv = null, wpa = null, dataset = "", samples = null, length = null, hours = null }) => ({
    ...{ "data set": dataset, "trajectories": "annotated", "average length, s": length, "total length, h": hours, samples },
    ...{ "observations a video": opv, "actions a video": apv, "words an action": wpa },
  }));
}

/** Tables 2 and 5, the differences between systems, and Figure 12. */
async function judgeTables(
  folders: readonly string[],
  name: string,
  published: Published,
  { judge, date, prompt, framing }: Extract<Result, { kind: "judgement" }>,
  plot: string,
): Promise<PaperTable[]> {
  const scores = folders.flatMap(readScores);
  const rows = scoreRows(scores);
  const corrected = scores.filter(({ correctedBy }) => correctedBy).length;
  const by = `Judge ${judge}, ${date}, prompt ${prompt}, framing ${framing}${
    corrected > 0 ? `, ${corrected} scores changed by hand` : ""
  }. `;
  await plotDistributions(`${plot}-distributions`, distributions(scores), { x: "score", y: "" });
  const pairs = comparePairs(scoresBySystem(scores)).map(({ system, against, difference, p, corrected }) => ({
    ...{ system, against, n: difference.n, difference: difference.mean, from: difference.interval[0], to: difference.interval[1] },
    ...{ p, "p, Holm": corrected },
  }));
  return [
    {
      ...{ name, of: "judge", title: "The judge's scores (Table 2)", text: `${by}Mean of the smaller score.` },
      rows: beside(pivot(rows), published.judge),
    },
    {
      ...{ name: `${name}-criteria`, of: "criteria" },
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
    {
      ...{ name: `${name}-ablations`, of: "ablations", title: "The ablations (Table 7)" },
      text: "The world model's score, and what each ablation differs by on the items that both have.",
      rows: beside(ablationRows(scores), published.ablations),
    },
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

function readTable(folder: string): TableRow[] {
  return readJson(`${folder}/table.json`) as TableRow[];
}
