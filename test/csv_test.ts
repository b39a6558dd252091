import { readCsv } from "../lib/csv.ts";
import { assertEquals, assertThrows, UserError, withFolder } from "./support.ts";

Deno.test("readCsv() gives a record for each row; quoted fields may hold commas, quotes and line breaks", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a.csv`, '\ufeffid,said\r\n1,"open, then close"\r\n2,"a ""b""\nc"\r\n3,\r\n');
    assertEquals(readCsv(`${folder}/a.csv`).map((row) => ({ ...row })), [
      { id: "1", said: "open, then close" },
      { id: "2", said: 'a "b"\nc' },
      { id: "3", said: "" },
    ]);
  }));

Deno.test("readCsv() says in our own words what is wrong with a file", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/wide.csv`, "a,b\n1,2,3\n");
    assertThrows(() => readCsv(`${folder}/wide.csv`), UserError, "its rows do not have the columns of its first line");
    assertThrows(() => readCsv(`${folder}/none.csv`), UserError, `Cannot read ${folder}/none.csv as it is not there`);
    assertThrows(() => readCsv(folder), UserError, "as it is a folder");
  }));
