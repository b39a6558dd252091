import { randomStream } from "../../lib/engine/random.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { applyAction, DIFFICULTIES, FAMILIES, PHRASINGS, randomAction } from "../../lib/world/mod.ts";
import { fullCaption, placesApart } from "../../lib/world/captions.ts";
import { alikeScenes, nearScenes, randomDocuments } from "../../lib/world/documents.ts";
import { assert, assertEquals } from "../support.ts";

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

Deno.test("randomDocuments() show a scene's picture where words about it are learnt, and its codes where it is drawn", () => {
  const world = DIFFICULTIES.default;
  const vocabulary = loadVocabulary("data/tiny", 1000); // its text stands behind its codes, Janus's before them
  const apart = { ...vocabulary, firstImage: vocabulary.size, size: vocabulary.size + 1000 };
  const picture = { width: 1, height: 1, data: new Uint8Array(3) };
  const groups = Array.from(
    { length: 30 },
    (_, i) => alikeScenes(randomStream("pool", i), world, 3).map((scene) => ({ scene, codes: new Uint16Array(64), picture })),
  );
  const counts = [0, 0, 0];
  for (let step = 0; step < 60; step++) {
    const progress = Math.min(1, step / 50);
    for (const { ids, weights, pictures } of randomDocuments(randomStream("documents", step), { world, groups }, 16, progress, apart)) {
      const places = ids.filter((id) => id >= apart.size);
      assertEquals(places, Array.from({ length: 64 * pictures.length }, (_, place) => apart.size + place));
      assert(ids.every((id, i) => id < apart.size || weights[i] === 0));
      const isDrawn = ids.some((id, i) => id >= apart.firstImage && id < apart.size && weights[i] === 1);
      assert(!isDrawn || pictures.length === 0);
      counts[pictures.length]!++;
    }
  }
  assert(counts.every((count) => count > 20), `${counts}`);
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
