import { createAdapter, loadModel, PROJECTIONS, type Vqgan } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { drawObservations, expectedBestOf, logLikelihoods, rewardCandidates, rollOut, type Sampler } from "../../lib/sample/mod.ts";
import { dispose, randomInt, randomStream } from "../../lib/engine/mod.ts";
import { dynamicsSequence, loadVocabulary, type Vocabulary } from "../../lib/tokens/mod.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, UserError, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const OPTIONS = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1, seed: 4 };

function withTiny(body: (image: Sampler, text: Sampler, vocabulary: Vocabulary, vqgan: Vqgan) => void): Promise<void> {
  return withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const adapter = createAdapter(model.chameleon.config, { rank: 2, alpha: 8, dropout: 0, targets: PROJECTIONS }, 3);
    const head = freezeHead(model.chameleon, vocabulary);
    const text = { model: model.chameleon, adapter, head: model.chameleon.head, firstId: 0, pad: vocabulary.pad };
    body({ ...text, head, firstId: vocabulary.firstImage }, text, vocabulary, model.vqgan);
    dispose(head);
    disposeAdapter(adapter);
    disposeModel(model);
  });
}

const query = (id: string, action: string) => {
  const random = randomStream("query", id);
  return { id, source: Array.from({ length: 64 }, () => randomInt(random, 1000)), action };
};

Deno.test("expectedBestOf() is the mean over all choices of n candidates", () => {
  const random = randomStream("best of");
  for (let round = 0; round < 30; round++) {
    const size = 1 + randomInt(random, 7);
    const rewards = Array.from({ length: size }, () => randomInt(random, 4)); // ties too
    const scores = rewards.map(() => randomInt(random, 100));
    for (let n = 1; n <= size; n++) {
      const best: number[] = [];
      for (let set = 0; set < 2 ** size; set++) {
        const chosen = [...rewards.keys()].filter((i) => set >> i & 1);
        if (chosen.length === n) best.push(scores[chosen.reduce((a, b) => rewards[b]! > rewards[a]! ? b : a)]!);
      }
      assertClose([expectedBestOf(rewards, scores, n)], [best.reduce((a, b) => a + b, 0) / best.length], 1e-9);
    }
  }
  for (const n of [0, 3, 1.5]) assertThrows(() => expectedBestOf([1, 2], [1, 2], n), UserError, "Cannot choose among");
});

Deno.test("drawObservations() gives a query the same candidates alone and with others; what cannot be is refused in a sentence", () =>
  withTiny((image, _, vocabulary) => {
    const [a, b] = [query("a", "remove the red circle"), query("b", "push it")];
    const both = drawObservations(image, vocabulary, [a, b], 3, OPTIONS);
    assertEquals(both.map((own) => own.map(({ length }) => length)), [[64, 64, 64], [64, 64, 64]]);
    assertEquals(drawObservations(image, vocabulary, [b], 3, OPTIONS), [both[1]!]);
    assertEquals(drawObservations(image, vocabulary, [a], 1, OPTIONS), [[both[0]![0]!]]);
    const guided = drawObservations(image, vocabulary, [a], 1, { ...OPTIONS, guidanceText: 3, topK: 50 });
    assert(guided[0]![0]!.length === 64 && guided[0]!.join() !== both[0]![0]!.join());
    assertThrows(() => drawObservations(image, vocabulary, [a], 0, OPTIONS), UserError, "Cannot draw 0 candidates");
    assertThrows(() => drawObservations(image, vocabulary, [a], 1, { ...OPTIONS, temperature: -1 }), UserError, "temperature -1");
    assertThrows(() => drawObservations(image, vocabulary, [query("c", "go ".repeat(4000))], 1, OPTIONS), UserError, 'Cannot predict "c"');
  }));

Deno.test("rewardCandidates() are the likelihoods of the action, candidate by candidate", () =>
  withTiny((_, text, vocabulary, vqgan) => {
    const queries = [query("a", "remove the red circle"), query("b", "push it")];
    const candidates = queries.map(({ id }) => [0, 1, 2].map((j) => query(`${id}${j}`, "").source));
    const rewards = rewardCandidates({ text, vqgan, vocabulary }, queries, candidates);
    queries.forEach(({ source, action }, i) => {
      const alone = candidates[i]!.map((codes) =>
        logLikelihoods(text, [[dynamicsSequence(vocabulary, source, codes, action)]])[0]![0]!.mean
      );
      assertClose(rewards[i]!, alone, 1e-4, action);
    });
  }));

Deno.test("rollOut() does one action after the other, as single predictions do", () =>
  withTiny((image, _, vocabulary) => {
    const [a, b] = [query("a", ""), query("b", "")];
    const starts = [{ ...a, actions: ["push it", "remove it"] }, { ...b, actions: ["add it"] }];
    const rolled = rollOut(image, vocabulary, starts, OPTIONS);
    assertEquals(rolled.map(({ length }) => length), [2, 1]);
    const [[first]] = drawObservations(image, vocabulary, [{ id: "a/0", source: a.source, action: "push it" }], 1, OPTIONS) as [[number[]]];
    assertEquals(rolled[0]![0], first);
    assertEquals(
      [rolled[0]![1]!],
      drawObservations(image, vocabulary, [{ id: "a/1", source: first, action: "remove it" }], 1, OPTIONS)[0]!,
    );
  }));
