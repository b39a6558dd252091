import { loadVocabulary, vocabularyMap } from "../../lib/tokens/vocabulary.ts";
import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { randomInt, randomStream } from "../../lib/engine/random.ts";
import { assert, assertEquals, assertThrows, engine, UserError, withFolder } from "../support.ts";

await engine();
const FOLDER = new URL("../../data/tiny", import.meta.url).pathname;
const TOKENIZER = JSON.parse(Deno.readTextFileSync(`${FOLDER}/tokenizer.json`));

/** What is said of a tokenizer that is changed. */
function refusal(folder: string, change: Record<string, unknown>): string {
  Deno.writeTextFileSync(`${folder}/tokenizer.json`, JSON.stringify({ ...TOKENIZER, ...change }));
  const error = assertThrows(() => loadVocabulary(folder, 1000), UserError);
  return error.message;
}

const CODES = 12;

function withVocabulary(
  body: (folder: string, json: { added_tokens: { content: string; id: number }[]; model: { vocab: Record<string, number> } }) => void,
) {
  return withFolder((folder) => {
    const text = tinyTokenizer(CODES).files["tokenizer.json"]!;
    Deno.writeTextFileSync(`${folder}/tokenizer.json`, text);
    body(folder, JSON.parse(text));
  });
}

Deno.test("loadVocabulary() reads text to ids and back", () => {
  const vocabulary = loadVocabulary(FOLDER, 1000);
  assertEquals(vocabulary.decode(vocabulary.encode("remove the red circle")).trim(), "remove the red circle");
  assertEquals(vocabulary.decode([]), ""); // a model that says nothing, drawn at temperature 1
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

Deno.test("loadVocabulary() finds special and image tokens by name, and spells unknown words", () =>
  withVocabulary((folder) => {
    const vocabulary = loadVocabulary(folder, CODES);
    assertEquals([vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.firstImage], [0, 1, 2, 4]);
    assertEquals(vocabulary.encode("move the red circle left").length, 5);
    assertEquals(vocabulary.decode(vocabulary.encode("Zählt 3 Äpfel 🍏")).trim(), "Zählt 3 Äpfel 🍏");
  }));

Deno.test("loadVocabulary() refuses a tokenizer without a special token, or with image tokens out of order", () =>
  withVocabulary((folder, json) => {
    const write = (change: (copy: typeof json) => void) => {
      const copy = structuredClone(json);
      change(copy);
      Deno.writeTextFileSync(`${folder}/tokenizer.json`, JSON.stringify(copy));
    };
    write(({ added_tokens, model }) => {
      added_tokens.splice(0, added_tokens.length, ...added_tokens.filter(({ content }) => content !== "<racm3:break>"));
      delete model.vocab["<racm3:break>"];
    });
    assertThrows(() => loadVocabulary(folder, CODES), UserError, 'it has no token "<racm3:break>", which Chameleon needs');
    write(({ added_tokens, model }) => {
      [model.vocab["IMGIMGAZ"], model.vocab["IMGIMGBZ"]] = [model.vocab["IMGIMGBZ"]!, model.vocab["IMGIMGAZ"]!];
      for (const token of added_tokens) token.id = model.vocab[token.content]!;
    });
    assertThrows(() => loadVocabulary(folder, CODES), UserError, "image code 1 must have id");
  }));

Deno.test("loadVocabulary() reads or refuses 2,000 mutated tokenizers with a sentence", () =>
  withFolder((folder) => {
    const text = tinyTokenizer(4).files["tokenizer.json"]!;
    const random = randomStream("tokenizers");
    for (let i = 0; i < 2000; i++) {
      const at = randomInt(random, i % 2 ? text.length : 1500);
      Deno.writeTextFileSync(
        `${folder}/tokenizer.json`,
        text.slice(0, at) + '01-"{}[],:'[randomInt(random, 10)] + text.slice(at + 1 + randomInt(random, 3)),
      );
      try {
        loadVocabulary(folder, 4);
      } catch (error) {
        assert((error as Error).message.startsWith("Cannot "), String(error));
      }
    }
  }));

const EMU3 = new URL("../parity/reference/emu3", import.meta.url).pathname;

Deno.test("loadVocabulary() reads Emu3's names, and vocabularyMap() gives the table that its config has", () => {
  const vocabulary = loadVocabulary(EMU3, 64);
  const { bos, pad, eos, beginImage, endImage, rows, firstImage, marks } = vocabulary;
  assertEquals([pad, bos, eos, beginImage, endImage, firstImage], [256, 259, 260, 262, 263, 264]);
  assertEquals(rows, { afterSize: 261, endOfRow: 257, endOfPicture: 258 });
  assert(!marks.includes(eos) && marks.includes(257));
  const { vocabulary_map: expected } = JSON.parse(Deno.readTextFileSync(`${EMU3}/config.json`));
  assertEquals(vocabularyMap(vocabulary), expected);
});

Deno.test("loadVocabulary() says which of Emu3's tokens is missing", () =>
  withFolder((folder) => {
    const text = Deno.readTextFileSync(`${EMU3}/tokenizer.json`).replaceAll("<|extra_200|>", "<|another|>");
    Deno.writeTextFileSync(`${folder}/tokenizer.json`, text);
    assertThrows(() => loadVocabulary(folder, 64), UserError, 'it has no token "<|extra_200|>", which Emu3 needs');
  }));
