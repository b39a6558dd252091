import { decodeStep, disposeModel, freezeHead, hiddenStates, loadModel, prefill } from "../../lib/model/mod.ts";
import { generate } from "../../lib/sample/generate.ts";
import { dispose, randomInt, randomStream, type Tensor, tf, tidy } from "../../lib/tensor/mod.ts";
import { assertClose, assertEquals, assertThrows, engine, take, withoutLeaks } from "../support.ts";

const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
await engine();

Deno.test("decodeStep() on a cache equals the full forward pass at every position", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const random = randomStream("decode");
    const ids = Array.from({ length: 12 }, () => randomInt(random, 95));
    const full = tidy(() => hiddenStates(model.chameleon, tf.tensor2d([ids], [1, 12], "int32")));
    const expected = take(full);
    let { hidden, cache } = tidy(() => {
      const start = prefill(model.chameleon, tf.tensor2d([ids.slice(0, 5)], [1, 5], "int32"));
      const widen = (t: Tensor) => tf.pad(t, [[0, 0], [0, 0], [0, 7], [0, 0]]);
      return { ...start, cache: start.cache.map(({ k, v }) => ({ k: widen(k), v: widen(v) })) };
    });
    for (let position = 4; position < 12; position++) {
      assertClose(take(hidden), expected.slice(position * 64, (position + 1) * 64), 1e-4, `position ${position}`);
      if (position === 11) break;
      const next = tidy(() =>
        decodeStep(model.chameleon, tf.tensor1d([ids[position + 1]!], "int32"), tf.scalar(position + 1, "int32"), cache)
      );
      dispose(cache);
      ({ hidden, cache } = next);
    }
    dispose(cache);
    disposeModel(model);
  }));

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
    assertThrows(() => generate(sampler, [short], 9, { temperature: -1, seed: 1 }), RangeError, "it must be 0 or above");
    dispose(imageHead);
    disposeModel(model);
  }));
