import { dumpSequence, dynamicsSequence, loadVocabulary, worldSequence } from "../../lib/tokens/mod.ts";
import { codesToIds, idsToCodes, padBatch } from "../../lib/tokens/sequences.ts";
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
    const { bos, beginImage, endImage, endOfTurn } = vocabulary;
    assertEquals(prompt, [bos, beginImage, 5, 6, endImage, ...vocabulary.encode("remove the red circle"), endOfTurn, beginImage]);
    assert(!completion.includes(endOfTurn + 1), "no <image> placeholder is ever a label");
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
