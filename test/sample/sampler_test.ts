import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeSampler, generate, imageSampler, type Likelihood, logLikelihoods, scoreOf, textSampler } from "../../lib/sample/mod.ts";
import { isFrozen } from "../../lib/engine/compile.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, assertThrows, engine, UserError, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const PROMPTS = [[0, 20, 30], [0, 40]];
const HOT = { temperature: 100, seed: 1 }; // close to any token alike

Deno.test("imageSampler() draws image tokens alone, textSampler() none of them and no mark but the end", () =>
  withoutLeaks(() => {
    const { chameleon, ...rest } = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const { firstImage, codes, bos, pad, beginImage, endImage, turn } = vocabulary;
    const isImage = (id: number) => id >= firstImage && id < firstImage + codes;
    const [text, image] = [textSampler(chameleon, vocabulary), imageSampler(chameleon, vocabulary)];
    const pictures = generate(image, PROMPTS, 40, HOT).flat();
    assert(pictures.every(isImage) && new Set(pictures).size > 60);
    const words = generate(text, PROMPTS, 40, HOT).flat();
    assert(words.every((id) => !isImage(id) && ![bos, pad, beginImage, endImage, ...turn.after].includes(id)));
    assert(generate({ ...text, rule: undefined }, PROMPTS, 40, HOT).flat().some(isImage), "the rule makes no difference");
    disposeSampler(text);
    disposeSampler(image);
    assert(!chameleon.head.isDisposed && isFrozen(image.head));
    disposeModel({ chameleon, ...rest });
  }));

Deno.test("logLikelihoods() know no rule: images are as likely to a sampler of text as without one", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const text = textSampler(model.chameleon, vocabulary);
    const families = [[{ prompt: PROMPTS[0]!, completion: [vocabulary.firstImage + 3, vocabulary.bos, vocabulary.eos] }]];
    const ruled = logLikelihoods(text, families)[0]![0]!;
    const free = logLikelihoods({ ...text, rule: undefined }, families)[0]![0]!;
    assertEquals(ruled.tokens, free.tokens);
    assert(ruled.sum > -1000);
    disposeSampler(text);
    disposeModel(model);
  }));

Deno.test("textSampler() and imageSampler() refuse a tokenizer that is larger than the model", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = { ...loadVocabulary(TINY, 1000), size: 1e6 };
    for (const make of [textSampler, imageSampler]) {
      assertThrows(() => make(model.chameleon, vocabulary), UserError, "Cannot use a tokenizer of 1000000 ids");
    }
    disposeModel(model);
  }));

Deno.test("imageSampler() over all rows draws image tokens alone, and scores them over the whole vocabulary", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const { firstImage, codes } = vocabulary;
    const [all, image] = ["all" as const, "image" as const].map((rows) => imageSampler(model.chameleon, vocabulary, undefined, rows));
    const pictures = generate(all!, PROMPTS, 40, HOT).flat();
    assert(pictures.every((id) => id >= firstImage && id < firstImage + codes) && new Set(pictures).size > 60);
    const families = [[{ prompt: PROMPTS[0]!, completion: [firstImage + 3, firstImage + 8] }]];
    const [wide, narrow] = [all!, image!].map((sampler) => logLikelihoods(sampler, families)[0]![0]!) as [Likelihood, Likelihood];
    const masked = { ...all!, head: image!.head, firstId: firstImage };
    assertEquals(logLikelihoods(masked, families)[0]![0]!.tokens, narrow.tokens);
    assert(wide.tokens.every((log, i) => log < narrow.tokens[i]!), "a softmax over more rows gives no more to each");
    assertEquals([scoreOf(wide, "sum"), scoreOf(wide, "mean")], [wide.sum, wide.sum / 2]);
    for (const sampler of [all!, image!]) disposeSampler(sampler);
    assert(!model.chameleon.head.isDisposed);
    disposeModel(model);
  }));

Deno.test('generate() with "top-1" to the letter takes the likeliest token, whatever the seed', () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const image = imageSampler(model.chameleon, vocabulary);
    const greedy = generate(image, PROMPTS, 8, { temperature: 0, seed: 1 });
    for (const seed of [1, 2]) assertEquals(generate(image, PROMPTS, 8, { temperature: 1, topK: 1, seed }), greedy);
    assert(generate(image, PROMPTS, 8, { temperature: 1, seed: 1 }).join() !== greedy.join(), "temperature 1 with top-p 1 draws");
    disposeSampler(image);
    disposeModel(model);
  }));
