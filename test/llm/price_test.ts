import { dollarsOf, imageTokens, priceOf, textTokens } from "../../lib/llm/price.ts";
import { assertClose, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

Deno.test("imageTokens() gives OpenAI's own examples, and the base alone at low detail", () => {
  assertEquals(imageTokens([1024, 1024], "high"), 765); // shrunk to 768 × 768: four tiles
  assertEquals(imageTokens([2048, 4096], "high"), 1105); // to 1024 × 2048, then 768 × 1536: six tiles
  assertEquals(imageTokens([4096, 8192], "low"), 85);
  assertEquals(imageTokens([512, 512], "high"), 85 + 170);
  assertEquals(imageTokens([513, 512], "high"), 85 + 2 * 170);
  assertEquals(imageTokens([512, 512], "high", { base: 1, tile: 10 }), 11);
});

Deno.test("textTokens() grows with the text and is nothing for none", () => {
  assertEquals([textTokens(""), textTokens("1234"), textTokens("12345")], [0, 1, 2]);
});

Deno.test("priceOf() gives a model's price, the batch's share of it, and nothing of a model that is not listed", () =>
  withFolder((folder) => {
    const path = `${folder}/prices.json`;
    Deno.writeTextFileSync(
      path,
      JSON.stringify({ models: { a: { prompt: 2, completion: 8, batch: 0.5 }, b: { prompt: 1, completion: 3 } } }),
    );
    assertEquals(priceOf(path, "a", false), { prompt: 2, completion: 8, batch: 0.5 });
    assertEquals(priceOf(path, "a", true), { prompt: 1, completion: 4, batch: 0.5 });
    assertEquals(priceOf(path, "b", true), { prompt: 1, completion: 3 });
    assertEquals(priceOf(path, "c", true), undefined);
    assertThrows(() => priceOf(`${folder}/none.json`, "a", false), UserError, "as it is not there");
  }));

Deno.test("dollarsOf() reckons by the million", () => {
  assertClose([dollarsOf({ prompt: 500_000, completion: 250_000 }, { prompt: 2.5, completion: 10 })], [3.75], 1e-12);
});

Deno.test("data/prices.json prices the judge of the paper", () => {
  const path = new URL("../../data/prices.json", import.meta.url).pathname;
  const [now, batch] = [priceOf(path, "gpt-4o-2024-11-20", false)!, priceOf(path, "gpt-4o-2024-11-20", true)!];
  assertClose([batch.prompt, batch.completion], [now.prompt / 2, now.completion / 2], 1e-12);
});
