import { type Chameleon, PROJECTIONS } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { generate, type Sampler, type SamplingOptions } from "../../lib/sample/mod.ts";
import { dispose, tf } from "../../lib/engine/mod.ts";
import { assert, assertEquals, assertThrows, engine, randomAdapter, randomChameleon, withoutLeaks } from "../support.ts";

await engine();
const [long, short, other] = [Array.from({ length: 14 }, (_, i) => 70 + i), [80, 81, 82], [90, 91]];
const onStep = () => {}; // asks for one step after the other

/** Checks that the loop draws what drawing one by one draws. */
function assertSame(
  sampler: Sampler,
  prompts: readonly (readonly number[])[],
  count: number,
  options: SamplingOptions,
  stop?: number,
): number[][] {
  const drawn = generate(sampler, prompts, count, options, stop);
  assertEquals(drawn, generate(sampler, prompts, count, { ...options, onStep }, stop));
  return drawn;
}

function withModel(
  shape: Partial<Parameters<typeof randomChameleon>[0]>,
  body: (model: Chameleon, sampler: Sampler) => void,
): Promise<void> {
  return withoutLeaks(() => {
    const whole = { hiddenSize: 64, intermediateSize: 96, layers: 2, heads: 4, keyHeads: 2, swinNorm: false, ...shape };
    const model = randomChameleon(whole, "float32");
    const head = freezeHead(model, { firstImage: 4, codes: 64 });
    body(model, { model, head, firstId: 4, pad: 1 });
    dispose([model, head]);
  });
}

Deno.test(
  "generate() in the loop draws the tokens of one by one: grouped heads, prompts shared and padded, with an adapter and without",
  () =>
    withModel({}, (model, sampler) => {
      const adapter = randomAdapter(model.config, { rank: 2, alpha: 2, dropout: 0, targets: PROJECTIONS }, 3);
      const prompts = [long, short, long, short, other, other];
      const streams = ["a", "b", "c", "d", "e", "f"];
      const plain = assertSame(sampler, prompts, 130, { temperature: 1, seed: 5, streams }); // in two sections
      const adapted = assertSame({ ...sampler, adapter }, prompts, 130, { temperature: 1, seed: 5, streams });
      assertEquals(new Set([...plain, ...adapted].map((ids) => ids.join())).size, 12);
      disposeAdapter(adapter);
    }),
);

Deno.test(
  "generate() in the loop draws the tokens of one by one: a key head for each head, norms after the layers",
  () =>
    withModel({ keyHeads: 4, swinNorm: true }, (_, sampler) => {
      assertSame(sampler, [long, short, other], 20, { temperature: 0.7, seed: 2, topK: 9, topP: 0.9 });
      assertSame(sampler, [long, short, other], 1, { temperature: 1, seed: 2 });
    }),
);

Deno.test(
  "generate() in the loop draws the tokens of one by one: one key head, guided, the likeliest",
  () =>
    withModel({ keyHeads: 1 }, (_, sampler) => {
      const guidance = { withoutAction: [other, other, short], withoutAll: [[95], [95], [95]], text: 2, image: 1.5 };
      assertSame(sampler, [long, short, long], 12, { temperature: 1, seed: 2, guidance });
      assertSame(sampler, [long, short, long], 12, { temperature: 0, seed: 2 });
    }),
);

Deno.test("generate() tells its progress from the loop as from one by one, draws the same tokens, and ends where the told one throws", () =>
  withModel({}, (_, sampler) => {
    for (const [count, every] of [[20, 6], [130, 16], [5, 5]] as const) {
      const told: (readonly (readonly number[])[])[] = [];
      const progress = { every, tell: (drawn: readonly (readonly number[])[]) => void told.push(drawn.map((ids) => [...ids])) };
      const options = { temperature: 1, seed: 5 };
      const plain = generate(sampler, [long, short, other], count, options);
      assertEquals(generate(sampler, [long, short, other], count, { ...options, progress }), plain);
      const sizes = Array.from({ length: Math.floor(count / every) }, (_, i) => (i + 1) * every);
      assertEquals(told, sizes.map((size) => plain.map((ids) => ids.slice(0, size))));
      generate(sampler, [long, short, other], count, { ...options, progress, onStep });
      assertEquals(told.slice(sizes.length), told.slice(0, sizes.length));
    }
    const stop = () => {
      throw new Error("enough");
    };
    assertThrows(() => generate(sampler, [long], 20, { temperature: 1, seed: 5, progress: { every: 4, tell: stop } }), Error, "enough");
  }));

Deno.test("generate() draws a row by its own seed, whatever the seeds beside it", () =>
  withModel({}, (_, sampler) => {
    const draw = (seeds: number[]) =>
      generate(sampler, seeds.map(() => long), 12, { temperature: 1, seed: 0, seeds, streams: seeds.map(() => "a") });
    const [three, four, again] = draw([3, 4, 3]);
    assertEquals(again, three);
    assert(three!.join() !== four!.join());
    assertEquals(generate(sampler, [long], 12, { temperature: 1, seed: 4, streams: ["a"] }), [four!]);
  }));

Deno.test("generate() in the loop ends a row at its stop, and the drawing with the last row", () =>
  withModel({}, (model) => {
    const rule = tf.tensor1d(Array.from({ length: 96 }, (_, id) => id >= 4 && id < 90 ? -1e9 : 0)); // ten ids are left
    const sampler = { model, head: model.head, firstId: 0, rule, pad: 1 };
    const drawn = assertSame(sampler, [long, short, other, long], 40, { temperature: 3, seed: 4 }, 2);
    assert(new Set(drawn.map(({ length }) => length)).size > 1 && drawn.every((ids) => !ids.includes(2)));
    rule.dispose();
  }));

Deno.test("generate() in the loop gives a row the same tokens in another batch", () =>
  withModel({}, (_, sampler) => {
    const draw = (prompts: readonly (readonly number[])[], streams: string[]) =>
      generate(sampler, prompts, 24, { temperature: 1, seed: 9, streams });
    const batch = draw([long, short, long, other], ["a", "b", "c", "d"]);
    assertEquals(draw([other, long], ["d", "c"]), [batch[3]!, batch[2]!]);
  }));
