/**
 * One self-contained HTML page: tables, pictures, and a gallery that can be searched. It opens from disk and asks no network.
 *
 * @module
 */
import { encodeBase64, exists } from "../files.ts";
import { escapeHtml } from "./gallery.ts";
import type { TableRow } from "./table.ts";

/** A part of a page. */
export interface PageSection {
  /** Its heading. */
  readonly title: string;
  /** What is said before. */
  readonly text?: string;
  /** A table. */
  readonly rows?: readonly TableRow[];
  /** Picture files; what is not there is left out. */
  readonly pictures?: readonly string[];
}

/** A trajectory in the gallery. */
export interface GalleryItem {
  /** What was asked. */
  readonly action: string;
  /** Where it is from. */
  readonly subset: string;
  /** Pictures as PNG with what they are: source, target, every system with its score and the judge's reason. */
  readonly pictures: readonly { readonly title: string; readonly note?: string; readonly png: Uint8Array }[];
}

/** The page's HTML. */
export function reportHtml(title: string, sections: readonly PageSection[], gallery: readonly GalleryItem[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${
    escapeHtml(title)
  }</title>
<style>${STYLE}</style>
<h1>${escapeHtml(title)}</h1>
${sections.map(sectionHtml).join("\n")}
<h2 id="gallery">Gallery</h2>
<label>Search <input id="search" type="search" placeholder="an action, a subset, a reason"></label> <output id="count">${gallery.length} shown</output>
${gallery.map(itemHtml).join("\n")}
<script>${SCRIPT}</script>
</html>
`;
}

const STYLE = `body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-size:.9rem;margin:.6rem 0}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:left}
img{max-width:100%}.item{border-top:1px solid #ddd;padding:.6rem 0}.row{display:flex;flex-wrap:wrap;gap:.8rem}
figure{margin:0;width:8.5rem}figure img{width:8.5rem;height:8.5rem;object-fit:contain;background:#f4f4f4}figcaption{font-size:.8rem}`;

const SCRIPT = `const field=document.getElementById("search"),items=[...document.querySelectorAll(".item")];
field.addEventListener("input",()=>{const words=field.value.toLowerCase().split(/\\s+/).filter(Boolean);let shown=0;
for(const item of items){const fits=words.every((word)=>item.textContent.toLowerCase().includes(word));item.hidden=!fits;shown+=fits}
document.getElementById("count").value=shown+" shown"});`;

function sectionHtml({ title, text, rows, pictures = [] }: PageSection): string {
  const shown = pictures.filter(exists).map((path) => `<img alt="${escapeHtml(title)}" src="${dataUri(Deno.readFileSync(path))}">`);
  return `<h2>${escapeHtml(title)}</h2>${text ? `<p>${escapeHtml(text)}</p>` : ""}${rows ? tableHtml(rows) : ""}${shown.join("\n")}`;
}

function tableHtml(rows: readonly TableRow[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value: string | number | null | undefined) =>
    value === null || value === undefined
      ? "–"
      : typeof value === "number" && !Number.isInteger(value)
      ? value.toPrecision(3)
      : escapeHtml(`${value}`);
  const body = rows.map((row) => `<tr>${columns.map((column) => `<td>${cell(row[column])}</td>`).join("")}</tr>`);
  const table = `<table><tr>${columns.map((column) => `<th>${escapeHtml(column)}</th>`).join("")}</tr>${body.join("\n")}</table>`;
  return rows.length <= LONG_TABLE ? table : `<details><summary>${rows.length} rows</summary>${table}</details>`;
}

/** Tables with more rows are folded. */
const LONG_TABLE = 16;

function itemHtml({ action, subset, pictures }: GalleryItem): string {
  const figures = pictures.map(({ title, note, png }) =>
    `<figure><img alt="${escapeHtml(title)}" src="${dataUri(png)}"><figcaption><b>${escapeHtml(title)}</b>${
      note ? `<br>${escapeHtml(note)}` : ""
    }</figcaption></figure>`
  );
  return `<div class="item"><b>${escapeHtml(action)}</b> · ${escapeHtml(subset)}<div class="row">${figures.join("")}</div></div>`;
}

function dataUri(png: Uint8Array): string {
  return `data:image/png;base64,${encodeBase64(png)}`;
}
