/**
 * Which of the paper's rows a report fills, and what the others need.
 *
 * @module
 */
import type { Why } from "./claims.ts";
import type { PaperTable, Published, PublishedTable } from "./paper_tables.ts";
import type { TableRow } from "./table.ts";

const TITLES: Readonly<Record<PublishedTable, string>> = {
  ...{ actions: "Table 1", judge: "Table 2", metrics: "Table 3", videos: "Table 4", criteria: "Table 5" },
  ...{ ablations: "Table 7, ablations", people: "Table 7, people" },
};

/** Our names of what the paper names otherwise. */
const OURS: Readonly<Record<string, string>> = {
  ...{ "Copy": "copy", "Chameleon zero-shot": "C-ZS", "CDM, Kubric downsampled": "CDM + DS", "VILA-U fine-tuned": "VILA-U" },
  ...{ "MIT": "moments-in-time", "Kinetics700": "kinetics-700" },
};

/** The stage without which a row of ours is empty. */
const STAGES: Readonly<Record<string, string>> = {
  ...{ "C-ZS": "sample-c-zs", "C-FT": "sample-c-ft", "CWM": "sample-cwm", "CWM without weights": "sample-cwm-without-weights" },
  ...{ "without weights, difference": "sample-cwm-without-weights", "without synthesis, difference": "sample-cwm-without-synthesis" },
  ...{ "C-FT best-of-3": "verify-c-ft", "CWM best-of-3": "verify-cwm", "CDM": "train-cdm", "CDM + DS": "train-cdm" },
};

/** The stage that measures the rows of a table. */
const MEASURES: Readonly<Partial<Record<PublishedTable, string>>> = {
  ...{ actions: "actions", judge: "judge", metrics: "pictures", criteria: "judge", ablations: "judge", videos: "filter" },
};

/** What gives a column that is empty. */
const COLUMNS: Readonly<Record<string, string>> = {
  ...{ bert_score: "--evaluate.bertModel=DIR", clip_i: "--evaluate.clip=DIR", dino: "--evaluate.dino=DIR" },
  clip_t: "--evaluate.clip=DIR and --evaluate.captions=FILE",
};

/** A row of the paper in a report. */
export interface CoveredRow extends TableRow {
  /** Which table. */
  readonly table: string;
  /** Which row. */
  readonly row: string;
  /** Whether ours stands beside it. */
  readonly filled: "yes" | "in part" | "no";
  /** What would fill it; "" where it is filled. */
  readonly needs: string;
}

/**
 * Every row of the paper's Tables 1 to 5 and 7: whether the report has one of ours beside it, and if not, what it needs.
 *
 * @param published the paper's rows
 * @param tables the report's
 * @param why what a stage lacks
 * @returns a row for each of the paper's
 */
export function coverage(published: Published, tables: readonly PaperTable[], why: Why): CoveredRow[] {
  return (Object.keys(TITLES) as PublishedTable[]).flatMap((of) => {
    const measured = tables.filter((table) => table.of === of).flatMap(({ rows }) => rows)
      .filter(({ source }) => source !== "published");
    return published[of].map((row): CoveredRow => {
      const name = `${row["system"] ?? row["dataset"]}`;
      const ours = measured.find((one) => isSame(one, row));
      const empty = of === "videos" ? [] : Object.keys(row).filter((column) => typeof row[column] === "number" && isEmpty(ours, column));
      const filled = !ours ? "no" : empty.length === 0 ? "yes" : "in part";
      const subset = row["subset"] === undefined ? "" : `, ${row["subset"]}`;
      const needs = filled === "yes" ? "" : !ours ? needsOf(of, row, why) : columnsNeed(empty);
      return { table: TITLES[of], row: `${name}${subset}`, filled, needs };
    });
  });
}

function isEmpty(row: TableRow | undefined, column: string): boolean {
  return row?.[column] === undefined || row[column] === null;
}

/** How many rows of each table are filled, in words. */
export function coverageText(rows: readonly CoveredRow[]): string {
  const count = (own: readonly CoveredRow[]) => {
    const part = own.filter(({ filled }) => filled === "in part").length;
    return `${own.filter(({ filled }) => filled === "yes").length}${part > 0 ? ` and ${part} in part` : ""} of ${own.length}`;
  };
  const parts = [...Map.groupBy(rows, ({ table }) => table)].map(([table, own]) => `${table}: ${count(own)}`);
  return `Rows of the paper with one of ours beside them: ${count(rows)} (${parts.join("; ")}).`;
}

/** Whether a measured row is of the same system and subset as a published one. */
function isSame(ours: TableRow, theirs: TableRow): boolean {
  const name = `${theirs["system"] ?? theirs["dataset"]}`;
  const own = `${ours["system"] ?? ours["data set"] ?? ours[""]}`;
  const subset = theirs["subset"] ?? "all"; // of a table with a row a subset, one without a subset is of all
  return [name, OURS[name]].some((one) => one?.toLowerCase() === own.toLowerCase()) && (ours["subset"] ?? subset) === subset;
}

function needsOf(of: PublishedTable, row: TableRow, why: Why): string {
  const name = `${row["system"] ?? row["dataset"]}`;
  const own = OURS[name] ?? name;
  if (of === "people") return why("people") ?? `${name} among the study's systems (human-eval serve --systems=${name}=DIR,…)`;
  if (of === "videos") return why("filter") ?? `--annotate.videos=DIR of ${name}`;
  if (own === "VILA-U") return "--actions=VILA-U=FILE.jsonl";
  if (own !== "copy" && STAGES[own] === undefined) return `--systems=${name}=DIR`;
  const lacks = why(STAGES[own] ?? "") ?? why(MEASURES[of] ?? "");
  if (lacks !== undefined) return lacks;
  if (own === "CDM + DS") return "--data.downsample.kubric=10000";
  if (name.endsWith("best-of-3")) return "three candidates of each trajectory that the table's own scorer has scored";
  return row["subset"] === undefined
    ? "pictures that were scored: skipped.jsonl says why there are none"
    : columnsNeed([`${row["subset"]}`]);
}

/** What fills empty columns: a model of a metric, or a bench with the subset. */
function columnsNeed(columns: readonly string[]): string {
  const subsets = columns.filter((column) => COLUMNS[column] === undefined);
  const models = columns.flatMap((column) => COLUMNS[column] ?? []);
  return [...(subsets.length > 0 ? [`--bench=LIST with ${subsets.join(", ")}`] : []), ...models].join("; ");
}
