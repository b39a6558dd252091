import { createAdapter, hiddenStates, loadModel, logitsOf, PROJECTIONS } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { logLikelihoods } from "../../lib/sample/likelihood.ts";
import { dispose, randomInt, randomStream, tf, tidy } from "../../lib/engine/mod.ts";
import { crossEntropy } from "../../lib/nn/mod.ts";
import type { Sequence } from "../../lib/tokens/mod.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, openReference, take, UserError, withoutLeaks } from "../support.ts";

await engine();
const FOLDER = new URL("../parity/reference", import.meta.url).pathname;

/** Families of three: prompts that share a part, completions of several lengths. */
function randomFamilies(count: number, firstId: number, ids: number): Sequence[][] {
  const random = randomStream("score", count);
  const draw = (n: number) => Array.from({ length: n }, () => firstId + randomInt(random, ids));
  return Array.from({ length: count }, () => {
    const shared = draw(3 + randomInt(random, 20));
    return [0, 1, 2].map((i) => ({ prompt: [...shared, ...draw(i === 2 ? 5 : 1)], completion: draw(1 + randomInt(random, 9)) }));
  });
}

for (const [name, firstId, rows] of [["all tokens", 0, 96], ["image tokens", 4, 64]] as const) {
  Deno.test(`logLikelihoods() over ${name} equal the plain forward pass, adapter included`, () =>
    withoutLeaks(() => {
      const model = loadModel(FOLDER, "float32");
      const adapter = createAdapter(model.chameleon.config, { rank: 2, alpha: 8, dropout: 0, targets: PROJECTIONS }, 3);
      const head = freezeHead(model.chameleon, { firstImage: firstId, codes: rows });
      const sampler = { model: model.chameleon, adapter, head, firstId, pad: 1 };
      const families = randomFamilies(5, firstId, rows);
      const scored = logLikelihoods(sampler, families);
      assertEquals(scored.map(({ length }) => length), families.map(({ length }) => length));
      families.flat().forEach(({ prompt, completion }, i) => {
        const ids = [...prompt, ...completion.slice(0, -1)];
        const plain = take(tidy(() => {
          const hidden = hiddenStates(model.chameleon, tf.tensor2d([ids], undefined, "int32"), { adapter, last: completion.length });
          const logits = tf.reshape(logitsOf(hidden, head), [completion.length, -1]);
          return crossEntropy(logits, tf.tensor1d(completion.map((id) => id - firstId), "int32"));
        }));
        const { tokens, sum, mean } = scored.flat()[i]!;
        assertClose(tokens, plain.map((loss) => -loss), 1e-5, `sequence ${i}`);
        assertClose([sum, mean * completion.length], [-plain.reduce((a, b) => a + b, 0), sum], 1e-4, `sums of ${i}`);
      });
      assert(scored.flat().every(({ sum }) => sum < 0));
      dispose(head);
      disposeAdapter(adapter);
      disposeModel(model);
    }));
}

Deno.test("logLikelihoods() of text equal those that transformers gives", () =>
  withoutLeaks(() => {
    const reference = openReference(`${FOLDER}/reference.safetensors`);
    const [tokens, expected] = [reference.values("tokens"), reference.values("text_likelihoods")];
    const model = loadModel(FOLDER, "float32");
    const sampler = { model: model.chameleon, head: model.chameleon.head, firstId: 0, pad: 1 };
    const [count, length] = reference.shape("tokens") as [number, number];
    const families = Array.from({ length: count }, (_, row) => {
      const ids = [...tokens.subarray(row * length, (row + 1) * length)];
      return [1, 9, length - 1].map((start) => ({ prompt: ids.slice(0, start), completion: ids.slice(start) }));
    });
    logLikelihoods(sampler, families).forEach((family, row) => {
      for (const { tokens } of family) {
        assertClose(tokens, expected.subarray((row + 1) * (length - 1) - tokens.length, (row + 1) * (length - 1)), 1e-4);
      }
    });
    disposeModel(model);
  }));

Deno.test("logLikelihoods() refuses a completion without a token", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const sampler = { model: model.chameleon, head: model.chameleon.head, firstId: 0, pad: 1 };
    assertThrows(() => logLikelihoods(sampler, [[{ prompt: [0, 5], completion: [] }]]), UserError, "without a token");
    disposeModel(model);
  }));
