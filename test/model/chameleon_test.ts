import { continueFrom, decodeStep, hiddenStates, loadModel, prefill, PROJECTIONS } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { dispose, randomInt, randomStream, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, randomAdapter, take, withoutLeaks } from "../support.ts";

const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
await engine();

Deno.test("decodeStep() on a cache equals the full forward pass at every position", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const random = randomStream("decode");
    const ids = Array.from({ length: 12 }, () => randomInt(random, 95));
    const full = tidy(() => hiddenStates(model.chameleon, tf.tensor2d([ids], [1, 12], "int32")));
    const expected = take(full);
    let { hidden, cache: prompt, own } = tidy(() => {
      const start = prefill(model.chameleon, tf.tensor2d([ids.slice(0, 5)], [1, 5], "int32"));
      const slots = () => tf.zeros([1, 2, 7, 16]) as Tensor;
      return { ...start, own: start.cache.map(() => ({ k: slots(), v: slots() })) };
    });
    for (let position = 4; position < 12; position++) {
      assertClose(take(hidden), expected.slice(position * 64, (position + 1) * 64), 1e-4, `position ${position}`);
      if (position === 11) break;
      const next = tidy(() =>
        decodeStep(model.chameleon, tf.tensor1d([ids[position + 1]!], "int32"), tf.scalar(position - 4, "int32"), { prompt, own })
      );
      dispose(own);
      ({ hidden, own } = next);
    }
    dispose([prompt, own]);
    disposeModel(model);
  }));

/** Random tokens, [1, count]. */
function randomTokens(count: number): Tensor {
  const random = randomStream("tokens");
  return tf.tensor2d([Array.from({ length: count }, () => randomInt(random, 95))], undefined, "int32");
}

Deno.test("continueFrom() a prefix gives the full forward pass's hidden states, with an adapter too", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const adapter = randomAdapter(model.chameleon.config, { rank: 2, alpha: 4, dropout: 0, targets: PROJECTIONS }, 1);
    const tokens = randomTokens(12);
    const [full, continued] = tidy(() => {
      const [prefix, rest] = [tf.slice(tokens, [0, 0], [1, 5]), tf.slice(tokens, [0, 5], [1, 7])];
      const { cache } = prefill(model.chameleon, prefix, { adapter });
      const full = hiddenStates(model.chameleon, tokens, { adapter });
      return [tf.slice(full, [0, 5, 0], [1, 7, -1]), continueFrom(model.chameleon, rest, cache, { adapter })];
    }) as [Tensor, Tensor];
    assertClose(take(continued), take(full), 1e-4);
    tokens.dispose();
    disposeAdapter(adapter);
    disposeModel(model);
  }));

Deno.test("hiddenStates() with last gives the last positions of the whole, with checkpointing too", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const tokens = randomTokens(9);
    const [whole, last, checkpointed] = tidy(() => [
      hiddenStates(model.chameleon, tokens),
      hiddenStates(model.chameleon, tokens, { last: 3 }),
      hiddenStates(model.chameleon, tokens, { last: 3, checkpoint: true }),
    ]) as [Tensor, Tensor, Tensor];
    assertEquals(last.shape, [1, 3, 64]);
    const expected = take(whole).slice(6 * 64);
    assert(expected.some((x) => Math.abs(x) > 0.1));
    assertClose(take(last), expected, 1e-4, "last");
    assertClose(take(checkpointed), expected, 1e-4, "checkpointed");
    tokens.dispose();
    disposeModel(model);
  }));
