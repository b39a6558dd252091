import { randomStream } from "../../lib/engine/random.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { applyAction, DIFFICULTIES, FAMILIES, PHRASINGS, randomAction, renderScenes, worldVideos } from "../../lib/world/mod.ts";
import { fullCaption, onlyIn, placesApart } from "../../lib/world/captions.ts";
import { alikeScenes, nearScenes, randomDocuments } from "../../lib/world/documents.ts";
import { tinyTokenizer } from "../../lib/world/tokenizer.ts";
import { assert, assertEquals } from "../support.ts";

const object = { shape: "circle", colour: "red", size: "large", turn: 0, row: 2, column: 0, offset: [0, 0] } as const;

Deno.test("fullCaption() reads row by row, onlyIn() says what the other lacks", () => {
  const other = { ...object, colour: "blue", row: 0 } as const;
  const background = { tone: "grey", pattern: "plain" } as const;
  const [both, one] = [[object, other], [other]].map((objects) => ({ background, objects, camera: [0, 0] as const }));
  assertEquals(fullCaption(both!), "blue circle top left, red circle bottom left");
  assertEquals([onlyIn(both!, one!), onlyIn(one!, both!)], ["red circle bottom left", "nothing"]);
});

Deno.test("alikeScenes() and nearScenes() never show an action", () => {
  for (let i = 0; i < 60; i++) {
    const scenes = (i % 2 ? alikeScenes : nearScenes)(randomStream("alike", i), DIFFICULTIES.default, 3);
    for (const before of scenes) {
      const reached = new Set<string>();
      for (let k = 0; k < 40; k++) {
        for (const family of FAMILIES) {
          const action = randomAction(randomStream("try", i, k), before, DIFFICULTIES.default, family);
          if (action) reached.add(JSON.stringify(applyAction(before, action)!.objects));
        }
      }
      assert(scenes.every(({ objects }) => !reached.has(JSON.stringify(objects))));
    }
  }
});

Deno.test("randomDocuments() show no image beside the words of an action", () => {
  const world = DIFFICULTIES.default;
  const vocabulary = loadVocabulary("data/tiny", 1000);
  const groups = Array.from(
    { length: 30 },
    (_, i) => alikeScenes(randomStream("pool", i), world, 3).map((scene) => ({ scene, codes: new Uint16Array(64) })),
  );
  const verbs = ["make", "paint", "remove", "push", "place", "walks", "falls", "rolls", "raises"];
  assert(Object.values(PHRASINGS).flat().some((phrasing) => verbs.some((verb) => phrasing.includes(verb))));
  let sentences = 0;
  for (let step = 0; step < 60; step++) {
    for (
      const { ids, weights } of randomDocuments(randomStream("documents", step), { world, groups }, 16, Math.min(1, step / 50), vocabulary)
    ) {
      assertEquals(ids.length, weights.length);
      assert(ids[0] === vocabulary.bos && ids.at(-1) === vocabulary.eos);
      const saysAction = verbs.some((verb) => vocabulary.decode(ids).includes(` ${verb} `));
      sentences += Number(saysAction);
      assert(!saysAction || !ids.includes(vocabulary.beginImage), vocabulary.decode(ids));
    }
  }
  assert(sentences > 5);
});

Deno.test("tinyTokenizer() gives every token an id of its own", () => {
  const { files, size } = tinyTokenizer(10);
  const { model } = JSON.parse(files["tokenizer.json"]!);
  assertEquals(new Set(Object.values(model.vocab)).size, size);
});

Deno.test("data/tiny has the tokenizer that tinyTokenizer() makes", () => {
  assertEquals(tinyTokenizer(1000).files["tokenizer.json"], Deno.readTextFileSync("data/tiny/tokenizer.json"));
});

Deno.test("nearScenes() differ from each other by more than an action, and share something", () => {
  for (let i = 0; i < 50; i++) {
    const [first, ...others] = nearScenes(randomStream("near", i), DIFFICULTIES.default, 3);
    for (const other of others) {
      const shared = first!.objects.filter((one) => other.objects.includes(one)).length;
      const apart = first!.objects.length + other.objects.length - 2 * shared;
      assert(apart > 2 && apart <= 4, `${fullCaption(first!)} | ${fullCaption(other)}`);
      assert(placesApart(first!, other) !== "nothing" && placesApart(first!, first!) === "nothing");
    }
  }
});

Deno.test("renderScenes() draws the same picture alone and on a sheet", async () => {
  const scenes = alikeScenes(randomStream("draw"), DIFFICULTIES.hard, 20);
  const sheet = await renderScenes(scenes);
  const [alone] = await renderScenes([scenes.at(-1)!]);
  assertEquals(sheet.at(-1), alone);
});

Deno.test("worldVideos() idle, act, idle, and are the same for a seed", () => {
  const videos = worldVideos("default", 1, 60);
  assertEquals(videos, worldVideos("default", 1, 60));
  assertEquals(new Set(videos.map(({ kind }) => kind)).size, 4);
  for (const { kind, frames, truth, label } of videos) {
    assertEquals(truth === undefined, kind === "no action");
    if (!truth) return;
    assertEquals(label, truth.meaning.kind);
    const [first, last] = [frames[truth.first]!, frames[truth.last]!].map(({ objects }) => JSON.stringify(objects));
    if (kind === "action") {
      assertEquals(JSON.stringify(frames[0]!.objects), first);
      assertEquals(JSON.stringify(frames.at(-1)!.objects), last);
    }
    assert(first !== last);
  }
});
