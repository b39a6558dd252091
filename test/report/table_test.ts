import { readCsv } from "../../lib/csv.ts";
import { markdownTable, writeTable } from "../../lib/report/table.ts";
import { assertEquals, withFolder } from "../support.ts";

Deno.test("writeTable() writes Markdown, CSV and JSON of the same rows", () =>
  withFolder((folder) => {
    const rows = [{ name: 'a, "b"', share: 0.12345, n: 3, r: null }];
    assertEquals(writeTable(`${folder}/table`, rows), '| name | share | n | r |\n| --- | --- | --- | --- |\n| a, "b" | 0.123 | 3 | – |');
    assertEquals(Deno.readTextFileSync(`${folder}/table.csv`), 'name,share,n,r\n"a, ""b""",0.12345,3,\n');
    assertEquals(JSON.parse(Deno.readTextFileSync(`${folder}/table.json`)), rows);
    assertEquals(markdownTable([]), "|  |\n|  |");
  }));

Deno.test("markdownTable() stays a table whatever its cells hold", () => {
  const table = markdownTable([{ "a|b": "x | y", c: "two\nlines" }, { "a|b": "z", c: 1 }]);
  const lines = table.split("\n");
  assertEquals(lines.length, 4);
  const cells = (line: string) => line.split(/(?<!\\)\|/).length - 2;
  assertEquals(lines.map(cells), [2, 2, 2, 2]);
});

Deno.test("writeTable() writes CSV that reads back to the same cells", () =>
  withFolder((folder) => {
    const rows = [{ name: 'a, "b"\nc', "odd, name": "\nx" }, { name: "", "odd, name": "=1" }];
    writeTable(`${folder}/t`, rows);
    assertEquals(readCsv(`${folder}/t.csv`).map((row) => ({ ...row })), rows);
  }));
