/** The step on wasm draws what one operation after the other does, and a seed gives the same tokens twice. */
import { PROJECTIONS } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { generate } from "../../lib/sample/mod.ts";
import { dispose, openBackend } from "../../lib/engine/mod.ts";
import { assertEquals, randomAdapter, randomChameleon, withoutLeaks } from "../support.ts";

await openBackend("wasm");
const prompts = [[70, 71, 72, 73, 74], [80, 81], [70, 71, 72, 73, 74], [80, 81]];
const shapes = [
  { heads: 4, keyHeads: 4, swinNorm: false, count: 140 }, // in two sections
  { heads: 4, keyHeads: 2, swinNorm: false, count: 20 },
  { heads: 4, keyHeads: 1, swinNorm: true, count: 20 },
  { heads: 4, keyHeads: 2, swinNorm: false, qkNorm: false, count: 20 },
  { heads: 32, keyHeads: 32, swinNorm: false, count: 20 }, // heads of two: the loops take four at once, so these are drawn one by one
];

for (const { count, ...shape } of shapes) {
  Deno.test(`decodeOnHeap() draws the tokens of one operation after the other, the same ones again: ${JSON.stringify(shape)}`, () =>
    withoutLeaks(() => {
      const model = randomChameleon({ hiddenSize: 64, intermediateSize: 96, layers: 2, ...shape }, "float32");
      const adapter = randomAdapter(model.config, { rank: 2, alpha: 2, dropout: 0, targets: PROJECTIONS }, 3);
      const head = freezeHead(model, { firstImage: 4, codes: 64 });
      for (const limits of [{}, { topK: 9, topP: 0.8 }]) {
        const options = { temperature: 1, seed: 5, ...limits };
        const sampler = { model, head, firstId: 4, pad: 1, adapter };
        const drawn = generate(sampler, prompts, count, options);
        assertEquals(generate(sampler, prompts, count, { ...options, onStep: () => {} }), drawn);
        assertEquals(generate(sampler, prompts, count, options), drawn);
      }
      disposeAdapter(adapter);
      dispose([model, head]);
    }));
}
