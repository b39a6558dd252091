/**
 * Tables as Markdown, CSV and JSON.
 *
 * @module
 */
import { writeFile } from "../files.ts";

/** A row: a cell for each column. */
export type TableRow = Readonly<Record<string, string | number | null>>;

/**
 * Writes a table to `PATH.md`, `PATH.csv` and `PATH.json`.
 *
 * @param path the files' path without an ending
 * @param rows rows with the same columns
 * @param note what must be said below it, such as that the bench was trained on; "" for nothing
 * @returns the table in Markdown
 *
 * @example Markdown, CSV and JSON
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = Deno.makeTempDirSync();
 * ws.report.writeTable(`${folder}/table`, [{ name: "a", score: 1.5 }]);
 * assertEquals(Deno.readTextFileSync(`${folder}/table.csv`), "name,score\na,1.5\n");
 * ```
 */
export function writeTable(path: string, rows: readonly TableRow[], note = ""): string {
  const markdown = markdownTable(rows) + (note === "" ? "" : `\n\n${note}`);
  const columns = Object.keys(rows[0] ?? {});
  const csv = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))].map((cells) => cells.map(csvCell).join(",")).join(
    "\n",
  );
  writeFile(`${path}.md`, markdown + "\n");
  writeFile(`${path}.csv`, csv + "\n");
  writeFile(`${path}.json`, JSON.stringify(rows, null, 2) + "\n");
  return markdown;
}

/**
 * A table in Markdown; numbers have three digits, what is missing is a dash.
 *
 * @param rows rows with the same columns
 * @returns the table
 *
 * @example One row
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.report.markdownTable([{ a: 1, b: null }]).split("\n").at(-1), "| 1 | – |");
 * ```
 */
export function markdownTable(rows: readonly TableRow[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value: string | number | null | undefined) =>
    value === null || value === undefined ? "–" : typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(3) : `${value}`;
  const lines = [columns, columns.map(() => "---"), ...rows.map((row) => columns.map((column) => cell(row[column])))];
  return lines.map((cells) => `| ${cells.map(inCell).join(" | ")} |`).join("\n");
}

/** Text that stays in its cell: a bar would end it, a line break the row. */
function inCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s*[\r\n]\s*/g, " ");
}

function csvCell(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
