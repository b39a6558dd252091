import { dumpSequence, dynamicsPrompt, dynamicsSequence, loadVocabulary, worldPrompt, worldSequence } from "../../lib/tokens/mod.ts";
import { codesToIds, idsToCodes, padBatch, pictureCodes, pictureLength } from "../../lib/tokens/sequences.ts";
import { vocabularyOf } from "../../lib/tokens/vocabulary.ts";
import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { assert, assertEquals, assertThrows, engine, UserError, withFolder } from "../support.ts";

await engine();
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

Deno.test("worldSequence() learns the target's image tokens and nothing else", () =>
  withVocabulary((folder) => {
    const vocabulary = loadVocabulary(folder, CODES);
    const { prompt, completion } = worldSequence(vocabulary, [1, 2], "remove the red circle", [3, 4]);
    assertEquals(completion, [7, 8]);
    const { bos, beginImage, endImage, turn: { after: [endOfTurn] } } = vocabulary;
    assertEquals(prompt, [bos, beginImage, 5, 6, endImage, ...vocabulary.encode("remove the red circle"), endOfTurn!, beginImage]);
    assert(!completion.includes(endOfTurn! + 1), "no <image> placeholder is ever a label");
    assert(dumpSequence(vocabulary, { prompt, completion }).includes("\x1b[32m#3"), "the learnt part is green");
    assertEquals(dynamicsSequence(vocabulary, [1], [2], "move").completion, [...vocabulary.encode("move"), vocabulary.eos]);
  }));

Deno.test("codesToIds() and idsToCodes() refuse what is not an image token", () =>
  withVocabulary((folder) => {
    const vocabulary = loadVocabulary(folder, CODES);
    assertEquals(idsToCodes(vocabulary, codesToIds(vocabulary, [0, 11])), [0, 11]);
    assertThrows(() => codesToIds(vocabulary, [12]), UserError, "the codebook has 12 codes");
    assertThrows(() => idsToCodes(vocabulary, [2]), UserError, "image token");
  }));

Deno.test("padBatch() pads on the left and never cuts", () => {
  const batch = padBatch([{ prompt: [5, 6], completion: [7, 8] }, { prompt: [5], completion: [9] }], 1, 100, 4);
  assertEquals([...batch.tokens], [1, 5, 6, 7, 1, 1, 1, 5]);
  assertEquals([...batch.isToken], [0, 1, 1, 1, 0, 0, 0, 1]);
  assertEquals([...batch.labels], [7, 8, -1, 9]);
  assertThrows(
    () => padBatch([{ prompt: [1, 2, 3], completion: [4] }], 1, 2),
    UserError,
    "Cannot fit a sequence of 3 tokens into a context of 2",
  );
});

Deno.test("an Emu3 picture says its size and ends its rows; its codes come back", () => {
  const vocabulary = loadVocabulary(new URL("../parity/reference/emu3", import.meta.url).pathname, 64);
  const { bos, turn, rows, beginImage, endImage } = vocabulary;
  const [source, target] = [[1, 2, 3, 4], [5, 6, 7, 8]];
  const { prompt, completion } = worldSequence(vocabulary, source, "go", target);
  const opening = [beginImage, ...vocabulary.encode("2*2"), rows!.afterSize];
  const laid = [...opening, 265, 266, rows!.endOfRow, 267, 268, rows!.endOfRow, rows!.endOfPicture, endImage];
  assertEquals(prompt, [bos, ...turn.before, ...laid, ...vocabulary.encode("go"), ...turn.after, ...opening]);
  assertEquals(completion, [269, 270, rows!.endOfRow, 271, 272, rows!.endOfRow]);
  assertEquals([pictureLength(vocabulary, 4), pictureCodes(vocabulary, completion)], [6, target]);
});

Deno.test("worldPrompt() and dynamicsPrompt() lay Janus's marks and turns as transformers' JanusProcessor does, codes for placeholders", () => {
  const tokenizer = JSON.parse(tinyTokenizer(1000, "janus").files["tokenizer.json"]!);
  const vocabulary = vocabularyOf(tokenizer, "t", 1000, 600);
  assertEquals([vocabulary.firstImage, vocabulary.size, vocabulary.codesApart], [600, 1600, true]);
  const recorded = JSON.parse(Deno.readTextFileSync(new URL("../parity/reference/janus/prompts.json", import.meta.url)));
  const seen = (ids: readonly number[]) => ids.map((id) => id >= 600 ? recorded.placeholder : id);
  const codes = Array.from({ length: 64 }, (_, i) => i);
  assertEquals(seen(worldPrompt(vocabulary, codes, "open the door")), recorded.world);
  assertEquals(seen(dynamicsPrompt(vocabulary, codes, codes)), recorded.dynamics);
  assertThrows(() => vocabularyOf(tokenizer, "t", 1000, 500), UserError, "its config.json a vocab_size of 500");
});
