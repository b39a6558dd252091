import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { EMU3_TOKENS, EMU3_TURN } from "../../lib/tokens/vocabulary.ts";
import { assertEquals, withFolder } from "../support.ts";

Deno.test("tinyTokenizer() gives every token an id of its own", () => {
  const { files, size } = tinyTokenizer(10);
  const { model } = JSON.parse(files["tokenizer.json"]!);
  assertEquals(new Set(Object.values(model.vocab)).size, size);
});

Deno.test("data/tiny has the tokenizer that tinyTokenizer() makes", () => {
  assertEquals(tinyTokenizer(1000).files["tokenizer.json"], Deno.readTextFileSync("data/tiny/tokenizer.json"));
});

Deno.test("tinyTokenizer() of Emu3 keeps its names, and the words around a turn whole", () =>
  withFolder((folder) => {
    const { files, size } = tinyTokenizer(10, "emu3");
    for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${folder}/${name}`, text);
    const vocabulary = loadVocabulary(folder, 10);
    assertEquals([vocabulary.size, vocabulary.firstImage], [size, Object.keys(EMU3_TOKENS).length]);
    assertEquals(vocabulary.decode(vocabulary.turn.before).trim(), EMU3_TURN.before.trim());
    assertEquals([vocabulary.turn.before.length, vocabulary.turn.after.length], [9, 4]);
    assertEquals(JSON.parse(files["tokenizer_config.json"]!).extra_special_tokens.boi_token, EMU3_TOKENS.beginImage);
  }));
