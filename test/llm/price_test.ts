import { dollarsOf, imageTokens, priceOf, textTokens } from "../../lib/llm/price.ts";
import { assert, assertClose, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const PRICES = new URL("../../data/prices.json", import.meta.url).pathname;

Deno.test("imageTokens() counts OpenAI's own examples, and pictures of AURORA's sizes", () => {
  const cases: [width: number, height: number, tokens: number][] = [
    [1024, 1024, 765], // their guide: shrunk to 768 × 768, four tiles
    [2048, 4096, 1105], // their guide: to 1024 × 2048, then 768 × 1536, six tiles
    [4096, 8192, 1105], // their guide at low detail has it cost 85
    [512, 512, 255],
    [513, 512, 425],
    [64, 64, 255], // nothing is enlarged
    [480, 270, 255],
    [427, 240, 255],
    [1280, 960, 765], // 1024 × 768
    [2048, 100, 765],
    [10000, 10, 765],
  ];
  for (const [width, height, tokens] of cases) {
    assertEquals(imageTokens([width, height], "high"), tokens, `${width} × ${height}`);
    assertEquals(imageTokens([height, width], "high"), tokens, `${height} × ${width}`);
    assertEquals(imageTokens([width, height], "low"), 85);
  }
});

Deno.test("imageTokens() takes another model's rule from the file of prices", () => {
  const price = priceOf(PRICES, "gpt-4o-mini", true)!;
  assertEquals([imageTokens([512, 512], "high", price.image), imageTokens([512, 512], "low", price.image)], [8500, 2833]);
  assertClose([dollarsOf({ prompt: 1e6, completion: 1e6 }, price)], [0.375], 1e-12);
  assertEquals(priceOf(PRICES, "nobody's", false), undefined);
});

Deno.test("textTokens() is near gpt-4o's own count of the prompt and of a judge's answer", () => {
  const prompt = Deno.readTextFileSync(new URL("../../data/prompts/judge.md", import.meta.url));
  const answer = "The cup now stands on the shelf as requested. The rest of the scene, including the lighting, looks the same.";
  assert(Math.abs(textTokens(prompt) / 194 - 1) < 0.05, `${textTokens(prompt)}`); // o200k_base, gpt-tokenizer 4.0.0
  assert(Math.abs(textTokens(answer) / 23 - 1) < 0.2, `${textTokens(answer)}`);
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
