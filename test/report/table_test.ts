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
