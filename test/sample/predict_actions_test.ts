import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeSampler, predictActions, textSampler } from "../../lib/sample/mod.ts";
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;

Deno.test("predictActions() samples a pair's action from its own stream: alone, elsewhere in the batch, or in the next batch", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const text = textSampler(model.chameleon, vocabulary);
    const random = randomStream("pairs");
    const codes = () => Array.from({ length: 64 }, () => randomInt(random, 1000));
    const pairs = Array.from({ length: 53 }, () => ({ source: codes(), target: codes() })); // more than are drawn together
    const names = pairs.map((_, i) => `video.mp4#${i}`);
    const sample = (places: readonly number[], seed = 7) =>
      predictActions(text, vocabulary, places.map((i) => pairs[i]!), { temperature: 1, seed, streams: places.map((i) => names[i]!) });
    const all = sample([...pairs.keys()]);
    assertEquals(sample([52, 0, 51]), [all[52]!, all[0]!, all[51]!]);
    assertEquals(sample([51]), [all[51]!]);
    assert(sample([0, 1, 2], 8).join() !== all.slice(0, 3).join(), "the seed makes no difference");
    const twice = { temperature: 1, seed: 7, streams: ["a", "b"] };
    const [one, other] = predictActions(text, vocabulary, [pairs[0]!, pairs[0]!], twice);
    assert(one !== other, "one pair in two streams gives one action");
    disposeSampler(text);
    disposeModel(model);
  }));
