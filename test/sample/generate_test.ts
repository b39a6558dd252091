import { hiddenStates, loadModel, logitsOf, prefill } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import {
  disposeSampler,
  generate,
  generateInPasses,
  imageSampler,
  type Likelihood,
  logLikelihoods,
  type Sampler,
} from "../../lib/sample/mod.ts";
import { loadVocabulary, worldPrompt, worldSequence } from "../../lib/tokens/mod.ts";
import { pictureCodes, pictureIds } from "../../lib/tokens/sequences.ts";
import { dispose, tf, tidy, valuesOf } from "../../lib/engine/mod.ts";
import { assert, assertEquals, assertThrows, engine, openReference, take, UserError, withoutLeaks } from "../support.ts";

const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
await engine();

Deno.test("generate() gives a prompt the same image alone and in a batch, left padding included", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const imageHead = freezeHead(model.chameleon, { firstImage: 4, codes: 64 });
    const sampler = { model: model.chameleon, head: imageHead, firstId: 4, pad: 1 };
    const [long, short] = [Array.from({ length: 14 }, (_, i) => 70 + i), [80, 81, 82]];
    const batch = generate(sampler, [long, short], 9, { temperature: 1, seed: 5 });
    assertEquals(generate(sampler, [long], 9, { temperature: 1, seed: 5 }), [batch[0]!]);
    const greedy = generate(sampler, [short], 9, { temperature: 0, seed: 1 });
    assertEquals(greedy, generate(sampler, [short], 9, { temperature: 0, seed: 2 }));
    assertThrows(() => generate(sampler, [short], 9, { temperature: -1, seed: 1 }), UserError, "it must be 0 or above");
    dispose(imageHead);
    disposeModel(model);
  }));

const REFERENCE = openReference(`${FOLDER}/reference.safetensors`);

/** A sampler over image tokens, or over all. */
function withSampler(ofImages: boolean, body: (sampler: Sampler) => void): Promise<void> {
  return withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const head = freezeHead(model.chameleon, ofImages ? { firstImage: 4, codes: 64 } : { firstImage: 0, codes: 96 });
    body({ model: model.chameleon, head, firstId: ofImages ? 4 : 0, pad: 1 });
    dispose(head);
    disposeModel(model);
  });
}

Deno.test("generate() with top-k 1 draws the tokens that transformers' greedy decoding draws", async () => {
  const ids = REFERENCE.values("tokens");
  const prompts = [ids.subarray(0, 8), ids.subarray(24, 32)].map((row) => [...row]);
  const rows = (name: string) => [0, 1].map((row) => [...REFERENCE.values(name).subarray(12 * row, 12 * row + 12)]);
  await withSampler(true, (sampler) => {
    assertEquals(generate(sampler, prompts, 12, { temperature: 1, seed: 3, topK: 1 }), rows("greedy_images"));
    assertEquals(generate(sampler, prompts, 12, { temperature: 0, seed: 3 }), rows("greedy_images"));
  });
  await withSampler(false, (sampler) => { // transformers hides image tokens
    const rule = tf.tensor1d(Array.from({ length: 96 }, (_, id) => id >= 4 && id < 68 ? -1e9 : 0));
    assertEquals(generate({ ...sampler, rule }, prompts, 12, { temperature: 1, seed: 3, topK: 1 }), rows("greedy_text"));
    rule.dispose();
  });
});

Deno.test("generate() gives candidates that share a prompt what they get alone, by the names of their streams", () =>
  withSampler(true, (sampler) => {
    const [a, b] = [[80, 81, 82, 90], [70, 71]];
    const streams = ["a/0", "a/1", "b/0", "b/1", "a/2", "b/2"];
    const batch = generate(sampler, [a, a, b, b, a, b], 7, { temperature: 1, seed: 2, streams });
    assertEquals(new Set(batch.map((ids) => ids.join())).size, 6);
    [a, a, b, b, a, b].forEach((prompt, i) => {
      assertEquals(generate(sampler, [prompt], 7, { temperature: 1, seed: 2, streams: [streams[i]!] }), [batch[i]!]);
    });
    assertEquals(generate(sampler, [b, a, a], 7, { temperature: 1, seed: 2, streams: ["b/1", "a/0", "a/2"] }), [
      batch[3]!,
      batch[0]!,
      batch[4]!,
    ]);
  }));

Deno.test("generate() draws from the model's own distribution: chi-square at temperature 1, and cut by top-k and top-p", () =>
  withSampler(true, (sampler) => {
    const prompt = [70, 80, 90];
    const scores = take(tidy(() => {
      const hidden = hiddenStates(sampler.model, tf.tensor2d([prompt], undefined, "int32"), { last: 1 });
      return tf.softmax(tf.reshape(logitsOf(hidden, sampler.head), [64]));
    }));
    const draws = 4000;
    const count = (more: object) => {
      const counts = new Float64Array(64);
      const prompts = Array.from({ length: draws }, () => prompt);
      for (const [id] of generate(sampler, prompts, 1, { temperature: 1, seed: 1, ...more })) counts[id! - 4]!++;
      return counts;
    };
    const chiSquare = count({}).reduce((sum, seen, i) => sum + (seen - draws * scores[i]!) ** 2 / (draws * scores[i]!), 0);
    assert(chiSquare < 103.4, `chi-square ${chiSquare} of 63 degrees: p < 0.001`);
    const order = [...scores.keys()].toSorted((i, j) => scores[j]! - scores[i]!);
    const drawn = (counts: Float64Array) => [...counts.keys()].filter((i) => counts[i]! > 0).toSorted((i, j) => i - j);
    assertEquals(drawn(count({ topK: 5 })), order.slice(0, 5).toSorted((i, j) => i - j));
    let [sum, kept] = [0, 0];
    while (sum < 0.5) sum += scores[order[kept++]!]!;
    assertEquals(drawn(count({ topP: 0.5 })), order.slice(0, kept).toSorted((i, j) => i - j));
  }));

Deno.test("generate() guided adds up scores as the paper's generator does, and reads no prompt whose factor is 0", () =>
  withSampler(true, (sampler) => {
    const [prompts, withoutAction, withoutAll] = [[[80, 81, 82]], [[80]], [[90]]];
    const scoresOf = (prompt: number[]) =>
      tidy(() => {
        const { hidden } = prefill(sampler.model, tf.tensor2d([prompt], undefined, "int32"));
        return [...valuesOf(logitsOf(hidden, sampler.head))];
      });
    const [all, action, none] = [prompts[0]!, withoutAction[0]!, withoutAll[0]!].map(scoresOf) as [number[], number[], number[]];
    for (const { text, image } of [{ text: 2, image: 1.5 }, { text: 2, image: 1 }, { text: 3, image: 3 }]) {
      const [[first]] = generate(sampler, prompts, 1, {
        temperature: 0,
        seed: 1,
        guidance: { withoutAction, withoutAll, text, image },
      }) as [[number]];
      const sums = all.map((score, k) => none[k]! + image * (action[k]! - none[k]!) + text * (score - action[k]!));
      assertEquals(first - sampler.firstId, sums.indexOf(Math.max(...sums)), `text ${text}, image ${image}`);
    }
    const drawn = (lists: object, text: number, image: number) =>
      generate(sampler, prompts, 4, { temperature: 1, seed: 1, guidance: { withoutAction, withoutAll, ...lists, text, image } });
    assertEquals(drawn({ withoutAll: [[91, 92]] }, 2, 1), drawn({}, 2, 1)); // the action alone
    assertEquals(drawn({ withoutAction: [[91, 92]] }, 3, 3), drawn({}, 3, 3)); // action and source alike
  }));

Deno.test("generate() guided by scales of 1 is not guided; each step is told; what cannot be is refused", () =>
  withSampler(true, (sampler) => {
    const prompts = [[80, 81, 82], [83, 84, 85]];
    const lists = { withoutAction: [[80], [83]], withoutAll: [[90], [90]] };
    const plain = generate(sampler, prompts, 6, { temperature: 0, seed: 1 });
    const seen: number[] = [];
    const onStep = (drawn: readonly (readonly number[])[]) => void seen.push(drawn[0]!.length);
    assertEquals(generate(sampler, prompts, 6, { temperature: 0, seed: 1, onStep, guidance: { ...lists, image: 1, text: 1 } }), plain);
    assertEquals(seen, [1, 2, 3, 4, 5, 6]);
    const alone = generate(sampler, lists.withoutAction, 6, { temperature: 0, seed: 1 });
    assertEquals(
      generate(sampler, prompts, 1, { temperature: 0, seed: 1, guidance: { ...lists, image: 1, text: 0 } }),
      alone.map(([id]) => [id!]),
    );
    assertEquals(generate(sampler, [], 6, { temperature: 0, seed: 1 }), []);
    for (
      const wrong of [{ topK: 0 }, { topK: 65 }, { topP: 0 }, { topP: 1.1 }, { guidance: { ...lists, withoutAll: [], image: 1, text: 1 } }]
    ) {
      assertThrows(() => generate(sampler, prompts, 2, { temperature: 1, seed: 1, ...wrong }), UserError, "Cannot");
    }
  }));

const EMU3 = new URL("../parity/reference/emu3", import.meta.url).pathname;

Deno.test("generate() gives a mark after each row of an Emu3 picture, in the loop, one by one, and in passes", () =>
  withoutLeaks(() => {
    const model = loadModel(EMU3, "float32");
    const vocabulary = loadVocabulary(EMU3, 64);
    const prompts = [worldPrompt(vocabulary, Array<number>(9).fill(7), "go"), worldPrompt(vocabulary, Array<number>(9).fill(3), "open")];
    for (const rows of ["image", "all"] as const) {
      const sampler = imageSampler(model.chameleon, vocabulary, undefined, rows);
      const options = { temperature: 1, seed: 3 };
      const drawn = generate(sampler, prompts, 12, options);
      for (const ids of drawn) {
        const { endOfRow } = vocabulary.rows!;
        assertEquals(ids.map((id) => id === endOfRow), Array.from({ length: 12 }, (_, i) => i % 4 === 3));
        assertEquals(pictureCodes(vocabulary, ids).length, 9);
      }
      assertEquals(generate(sampler, prompts, 12, { ...options, onStep: () => {} }), drawn);
      const drafts = prompts.map(() => pictureIds(vocabulary, Array<number>(9).fill(7)));
      assertEquals(generateInPasses(sampler, prompts, drafts, options).drawn, drawn);
      assertThrows(() => generate(sampler, prompts, 10, options), UserError, "Cannot draw 10 ids as a square picture");
      disposeSampler(sampler);
    }
    disposeModel(model);
  }));

Deno.test("logLikelihoods() of an Emu3 picture leave its marks out", () =>
  withoutLeaks(() => {
    const model = loadModel(EMU3, "float32");
    const vocabulary = loadVocabulary(EMU3, 64);
    const sampler = imageSampler(model.chameleon, vocabulary);
    const sequence = worldSequence(vocabulary, [1, 2, 3, 4], "go", [5, 6, 7, 8]);
    const [[likelihood]] = logLikelihoods(sampler, [[sequence]]) as [[Likelihood]];
    assertEquals([sequence.completion.length, likelihood.tokens.length], [6, 4]);
    assert(Math.abs(likelihood.mean - likelihood.sum / 4) < 1e-9 && likelihood.tokens.every((value) => value < 0));
    disposeSampler(sampler);
    disposeModel(model);
  }));
