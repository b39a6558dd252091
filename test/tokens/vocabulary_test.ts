import { loadVocabulary } from "../../lib/tokens/vocabulary.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const FOLDER = new URL("../../data/tiny", import.meta.url).pathname;
const TOKENIZER = JSON.parse(Deno.readTextFileSync(`${FOLDER}/tokenizer.json`));

/** What is said of a tokenizer that is changed. */
function refusal(folder: string, change: Record<string, unknown>): string {
  Deno.writeTextFileSync(`${folder}/tokenizer.json`, JSON.stringify({ ...TOKENIZER, ...change }));
  const error = assertThrows(() => loadVocabulary(folder, 1000), UserError);
  return error.message;
}

Deno.test("loadVocabulary() reads text to ids and back", () => {
  const vocabulary = loadVocabulary(FOLDER, 1000);
  assertEquals(vocabulary.decode(vocabulary.encode("remove the red circle")).trim(), "remove the red circle");
  assertEquals(vocabulary.size, 1583);
});

Deno.test("loadVocabulary() refuses tokenizers of other kinds and shapes in our own words", () =>
  withFolder((folder) => {
    const { model } = TOKENIZER;
    const cases: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ model: { ...model, type: "Unigram" } }, '"model.type"'],
      [{ model: { ...model, merges: "a b" } }, '"model.merges"'],
      [{ model: { ...model, merges: [1] } }, '"model.merges.0"'],
      [{ model: { ...model, vocab: [] } }, "maps tokens to ids"],
      [{ pre_tokenizer: { type: "Sequence", pretokenizers: 3 } }, '"pre_tokenizer.pretokenizers"'],
      [{ normalizer: { type: "Sequence", normalizers: {} } }, '"normalizer.normalizers"'],
      [{ decoder: { type: "Nonsense" } }, "of a kind that is not supported"],
    ];
    for (const [change, said] of cases) {
      const message = refusal(folder, change);
      assert(message.includes(said) && !/is not a function|undefined/.test(message), message);
    }
  }));

Deno.test("loadVocabulary() reads a tokenizer of 300,000 tokens", () =>
  withFolder((folder) => {
    const more = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`extra${i}`, 2000 + i]));
    const { model } = TOKENIZER;
    Deno.writeTextFileSync(
      `${folder}/tokenizer.json`,
      JSON.stringify({ ...TOKENIZER, model: { ...model, vocab: { ...model.vocab, ...more } } }),
    );
    assertEquals(loadVocabulary(folder, 1000).size, 302_000);
  }));

Deno.test("loadVocabulary() refuses a pattern that takes exponential time, and shows it", () =>
  withFolder((folder) => {
    const slow = { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false };
    const message = refusal(folder, { pre_tokenizer: { type: "Sequence", pretokenizers: [slow, TOKENIZER.pre_tokenizer] } });
    assert(/takes more than 250 ms for \d+ repetitions of "a"/.test(message) && message.includes("(a+)+$"), message);
  }));
