/**
 * What is said of an item: the catalogue as a table, an item before anything is contacted, its files once they are listed.
 *
 * @module
 */
import { CATALOGUE, type Item } from "./catalogue.ts";
import { sizeText } from "./files.ts";
import { lengthOf, type Plan } from "./plan.ts";

/** The catalogue, a line an item. */
export function describeCatalogue(to: string): string {
  const rows = Object.entries(CATALOGUE).map(([name, { licence, folder, size, sources }]) => [
    name,
    `${to}/${folder}`,
    licence,
    sources.length === 0 ? `on request: ${size}` : size,
  ]);
  const all = [["name", "where it goes", "licence", "size"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()).join("\n");
}

/** Size, licence, terms, place, sources and steps of an item, as the catalogue has them. */
export function describeItem(name: string, item: Item, to: string): string {
  const { about, folder, size, licence, terms, accept, sources } = item;
  return [
    `${name}: ${about}`,
    `  size     ${size}`,
    `  licence  ${licence}`,
    `  terms    ${terms}${accept ? " (needs --accept)" : ""}`,
    `  goes to  ${to}/${folder}`,
    ...sources.map((source) => `  from     ${describeSource(source)}`),
    ...(item.steps.length > 0 ? [describeSteps(item)] : []),
  ].join("\n");
}

function describeSource(source: Item["sources"][number]): string {
  if (source.kind === "file" || source.kind === "list") return source.url;
  if (source.kind === "zenodo") return `Zenodo, record ${source.record}: ${Object.keys(source.archives).join(", ")}`;
  return `Hugging Face, ${source.repository}: ${source.files.join(", ")}`;
}

/** What has to be done by hand. */
export function describeSteps({ steps }: Item): string {
  return steps.map((step, i) => `  ${i + 1}. ${step}`).join("\n");
}

/** How many files an item comes to, how long they are, of which commits. */
export function describePlan(name: string, { files, revisions }: Plan): string {
  const total = sizeText(files.reduce((sum, file) => sum + lengthOf(file), 0));
  const unknown = files.filter((file) => lengthOf(file) === 0).length;
  const of = Object.entries(revisions).map(([repository, sha]) => `, ${repository} at ${sha.slice(0, 12)}`).join("");
  return `${name}: ${files.length} files, ${total}${unknown > 0 ? ` and ${unknown} of unknown length` : ""}${of}`;
}
