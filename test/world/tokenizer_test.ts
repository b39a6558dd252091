import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { assertEquals } from "../support.ts";

Deno.test("tinyTokenizer() gives every token an id of its own", () => {
  const { files, size } = tinyTokenizer(10);
  const { model } = JSON.parse(files["tokenizer.json"]!);
  assertEquals(new Set(Object.values(model.vocab)).size, size);
});

Deno.test("data/tiny has the tokenizer that tinyTokenizer() makes", () => {
  assertEquals(tinyTokenizer(1000).files["tokenizer.json"], Deno.readTextFileSync("data/tiny/tokenizer.json"));
});
