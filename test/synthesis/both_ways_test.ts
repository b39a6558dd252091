import { annotatePairs } from "../../lib/synthesis/annotate.ts";
import { likeliestOf, saidActions, scoreBothWays } from "../../lib/synthesis/both_ways.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeSampler, imageSampler, logLikelihoods, predictActions, textSampler } from "../../lib/sample/mod.ts";
import { dynamicsSequence, encodePictures, loadVocabulary, worldSequence } from "../../lib/tokens/mod.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;

/** The tiny base with some pairs of the tiny world. */
async function withPairs(check: (of: Awaited<ReturnType<typeof open>>) => void): Promise<void> {
  await withoutLeaks(async () => {
    const of = await open();
    check(of);
    disposeSampler(of.text);
    disposeSampler(of.image);
    disposeModel(of.model);
  });
}

async function open() {
  const model = loadModel(TINY, "float32");
  const vocabulary = loadVocabulary(TINY, 1000);
  const images = await renderScenes(worldTrajectories("default", 4, "bench", 3).flatMap(({ before, after }) => [before, after]));
  const codes = encodePictures(model.vqgan, images);
  const pairs = [0, 2, 4].map((i) => ({ source: codes[i]!, target: codes[i + 1]! }));
  const [text, image] = [textSampler(model.chameleon, vocabulary), imageSampler(model.chameleon, vocabulary)];
  return { model, vocabulary, images, pairs, text, image };
}

Deno.test("saidActions() says the likeliest action first and none twice, whatever pairs stand beside it", () =>
  withPairs(({ text, vocabulary, pairs }) => {
    const greedy = { temperature: 0, seed: 3, streams: ["a", "b", "c"] };
    const said = saidActions(text, vocabulary, pairs, greedy, 4);
    assertEquals(said.map(([first]) => first!), predictActions(text, vocabulary, pairs, greedy));
    for (const own of said) assertEquals(new Set(own).size, own.length);
    assert(said.some(({ length }) => length > 1), "a draw at temperature 1 says something else");
    assertEquals(saidActions(text, vocabulary, pairs.slice(1, 2), { ...greedy, streams: ["b"] }, 4), [said[1]!]);
    assertEquals(saidActions(text, vocabulary, pairs, greedy, 1), said.map(([first]) => [first!]));
  }));

Deno.test("scoreBothWays() gives the action's likelihood, and the target's times its weight", () =>
  withPairs(({ text, image, vocabulary, pairs }) => {
    const actions = [["open it", "push the red circle"], ["close it"], ["wait", "go"]];
    const said = scoreBothWays(text, vocabulary, pairs, actions, { sampler: image, weight: 0.5 });
    for (const [i, { source, target }] of pairs.entries()) {
      for (const [k, action] of actions[i]!.entries()) {
        const forward = logLikelihoods(text, [[dynamicsSequence(vocabulary, source, target, action)]])[0]![0]!;
        const back = logLikelihoods(image, [[worldSequence(vocabulary, source, action, target)]])[0]![0]!;
        const one = said[i]![k]!;
        assertEquals(one.action, action);
        assertClose([one.forward.sum, one.back], [forward.sum, 0.5 * back.sum], 1e-3, action);
      }
    }
    assertEquals(scoreBothWays(text, vocabulary, pairs, actions).flat().map(({ back }) => back), [0, 0, 0, 0, 0]);
  }));

Deno.test("likeliestOf() adds both directions; its confidence is free of what any action gives the target", () => {
  const one = (action: string, sum: number, back: number) => ({ action, forward: { mean: sum / 2, sum }, back });
  assertEquals(likeliestOf([one("a", -1, 0), one("b", -2, 0)]).joint, -1);
  assertEquals(likeliestOf([one("a", -3, -40)]).joint, -3);
  const said = [one("a", -1, -9), one("b", -1.5, -4), one("c", -8, -5)];
  const { action, joint } = likeliestOf(said);
  assertEquals(action, "b");
  const noisier = likeliestOf(said.map(({ back, ...rest }) => ({ ...rest, back: back - 700 })));
  assertClose([noisier.joint], [joint], 1e-9, "700 nats more for every action");
  assertClose([joint], [-1.5 - 4 - Math.log((Math.exp(-9) + Math.exp(-4) + Math.exp(-5)) / 3)], 1e-9, "written out");
});

Deno.test("annotatePairs() takes of several actions the one that both directions find likeliest", () =>
  withPairs(({ text, image, vocabulary, images, pairs, model }) => {
    const otherWay = { sampler: image, weight: 0.2 };
    const annotator = { sampler: text, vqgan: model.vqgan, vocabulary, cdm: "x", candidates: 3, otherWay };
    const options = { temperature: 0, seed: 3, streams: ["a", "b", "c"] };
    const annotated = annotatePairs(annotator, [0, 2, 4].map((i) => [images[i]!, images[i + 1]!] as const), options);
    const said = scoreBothWays(text, vocabulary, pairs, saidActions(text, vocabulary, pairs, options, 3), otherWay);
    for (const [i, { action, score, sum, joint }] of annotated.entries()) {
      const sums = said[i]!.map(({ forward, back }) => forward.sum + back);
      const best = said[i]![sums.indexOf(Math.max(...sums))]!;
      assertEquals([action, score, sum, joint], [best.action, best.forward.mean, best.forward.sum, likeliestOf(said[i]!).joint]);
    }
  }));
