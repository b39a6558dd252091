import { reportHtml } from "../../lib/report/page.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const table = (rows: readonly Record<string, string | number | null>[]) => reportHtml("t", [{ title: "T", rows }], []);

Deno.test("reportHtml() gives numbers three digits, keeps whole ones whole, and shows what is missing as a dash", () => {
  const html = table([{ a: 0.123456, b: 12345, c: null }, { a: -20.55, b: 0 }]);
  const cells = [...html.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell]) => cell);
  assertEquals(cells, ["0.123", "12345", "–", "-20.6", "0", "–"]);
  assertEquals([...html.matchAll(/<th>(.*?)<\/th>/g)].map(([, cell]) => cell), ["a", "b", "c"]);
});

Deno.test("reportHtml() folds tables of more than sixteen rows", () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ i }));
  assertEquals([table(rows(16)).includes("<details>"), table(rows(17)).includes("<summary>17 rows</summary>")], [false, true]);
});

Deno.test("reportHtml() holds the pictures that are there, leaves out the others, and escapes every text", () =>
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/a.png`, Uint8Array.of(1, 2, 3));
    const sections = [{ title: "<One>", text: "a < b", pictures: [`${folder}/a.png`, `${folder}/none.png`], rows: [{ "<h>": "<c>" }] }];
    const item = {
      action: "<open>",
      subset: "<ag>",
      pictures: [{ title: "<t>", note: "<n>", png: Uint8Array.of(4, 5, 6) }, { title: "bare", png: Uint8Array.of(7) }],
    };
    const html = reportHtml("<title>", sections, [item]);
    assertEquals([...html.matchAll(/src="([^"]*)"/g)].map(([, source]) => source), [
      "data:image/png;base64,AQID",
      "data:image/png;base64,BAUG",
      "data:image/png;base64,Bw==",
    ]);
    for (const text of ["title", "One", "h", "c", "open", "ag", "t", "n"]) assert(html.includes(`&#60;${text}&#62;`), text);
    assert(!/<(One|h|c|open|ag|t|n)>/.test(html), "a text is a tag");
    assert(html.includes("a &#60; b") && html.includes("1 shown"));
  }));
