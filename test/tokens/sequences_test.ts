import { createHash } from "node:crypto";
import sharp from "sharp";
import { decodeImage, dumpSequence, dynamicsSequence, encodePng, loadVocabulary, squareCrop, worldSequence } from "../../lib/tokens/mod.ts";
import { imagesToTensor, tensorToImages } from "../../lib/tokens/images.ts";
import { codesToIds, idsToCodes, padBatch } from "../../lib/tokens/sequences.ts";
import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { randomInt, randomStream } from "../../lib/engine/random.ts";
import { assert, assertEquals, assertRejects, assertThrows, engine, UserError, withFolder } from "../support.ts";

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

Deno.test("decodeImage() lays transparency on white and refuses what is not an image", async () => {
  const rgba = { create: { width: 2, height: 1, channels: 4 as const, background: { r: 255, g: 0, b: 0, alpha: 0.5 } } };
  const png = new Uint8Array(await sharp(rgba).png().toBuffer());
  const { data } = await decodeImage(png, "half.png");
  assertEquals([...data.slice(0, 3)], [255, 127, 127]); // (1 − 128/255) · 255
  await assertRejects(() => decodeImage(new TextEncoder().encode("hello"), "x.png"), Error, "Cannot read x.png as an image: ");
  await assertRejects(() => decodeImage(new Uint8Array(), "y.png"), Error, "Cannot read y.png as an image: it is empty");
});

Deno.test("squareCrop() keeps the middle, and pixels survive the way to a tensor and back", async () => {
  const [width, height] = [96, 64];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 7 % 256);
  const square = squareCrop({ width, height, data }, 64);
  assertEquals([square.width, square.height, ...square.data.slice(0, 3)], [64, 64, ...data.slice(16 * 3, 16 * 3 + 3)]);
  const tensor = imagesToTensor([square]);
  const [back] = tensorToImages(tensor);
  tensor.dispose();
  const largest = Math.max(...square.data.map((x, i) => Math.abs(x - back!.data[i]!)));
  assert(largest <= 1, `pixels differ by ${largest}`); // truncation may take one
  const again = await decodeImage(await encodePng(square), "again.png");
  const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  assertEquals(digest(again.data), digest(square.data));
});
