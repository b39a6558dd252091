import { loadModel } from "../../lib/model/mod.ts";
import { drawObservations, imageSampler, logLikelihoods, predictActions, textSampler } from "../../lib/sample/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeSampler } from "../../lib/sample/sampler.ts";
import { dynamicsSequence, loadVocabulary } from "../../lib/tokens/mod.ts";
import { assertClose, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const folder = new URL("../../data/tiny", import.meta.url).pathname;
const codes = (first: number) => Uint16Array.from({ length: 64 }, (_, i) => (first + 7 * i) % 1000);
const LITTLE = 2 ** 21; // bytes: a row or two

Deno.test("a sampler with little memory draws and scores the same, some rows at a time", () =>
  withoutLeaks(() => {
    const { chameleon, vqgan } = loadModel(folder, "float32");
    const vocabulary = loadVocabulary(folder, 1000);
    const [image, text] = [imageSampler(chameleon, vocabulary), textSampler(chameleon, vocabulary)];
    const queries = [3, 40].map((first) => ({ id: `${first}`, source: codes(first), action: "remove the red circle" }));
    const options = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1, seed: 1 };
    const draw = (budget?: number) => drawObservations({ ...image, budget }, vocabulary, queries, 3, options);
    const pairs = [1, 2, 3, 4, 5].map((first) => ({ source: codes(first), target: codes(first + 50) }));
    const say = (budget?: number) => predictActions({ ...text, budget }, vocabulary, pairs);
    const families = pairs.map(({ source }) => [9, 8, 7].map((first) => dynamicsSequence(vocabulary, source, codes(first), "push it")));
    const score = (budget?: number) => logLikelihoods({ ...text, budget }, families).flat().map(({ mean }) => mean);
    for (const budget of [LITTLE, 2 ** 40]) {
      assertEquals(draw(budget), draw());
      assertEquals(say(budget), say());
    }
    assertEquals(score(2 ** 40), score());
    assertClose(score(LITTLE), score(), 1e-4);
    [image, text].forEach(disposeSampler);
    disposeModel({ folder, chameleon, vqgan });
  }));
