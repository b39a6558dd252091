import { dollarsOf, expectedTokens, priceOf } from "../../lib/llm/price.ts";
import { assertClose, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

Deno.test("expectedTokens() counts 85 a picture and 170 a tile of 512 pixels, and a quarter of the letters", () => {
  assertEquals(expectedTokens("", []).prompt, 0);
  assertEquals(expectedTokens("12345", []).prompt, 2);
  assertEquals(expectedTokens("", [[512, 512]]).prompt, 255); // OpenAI's own example: 85 + 170
  assertEquals(expectedTokens("", [[513, 512]]).prompt, 85 + 2 * 170);
  assertEquals(expectedTokens("", [[9999, 9999]]).prompt, 85 + 16 * 170); // nothing is sent larger than 2048
  assertEquals(expectedTokens("", [[256, 256], [1024, 1024]]).prompt, 255 + 85 + 4 * 170);
});

Deno.test("priceOf() gives a model's price, the batch's share of it, and nothing of a model that is not listed", () =>
  withFolder((folder) => {
    const path = `${folder}/prices.json`;
    Deno.writeTextFileSync(
      path,
      JSON.stringify({ models: { a: { prompt: 2, completion: 8, batch: 0.5 }, b: { prompt: 1, completion: 3 } } }),
    );
    assertEquals(priceOf(path, "a", false), { prompt: 2, completion: 8 });
    assertEquals(priceOf(path, "a", true), { prompt: 1, completion: 4 });
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
