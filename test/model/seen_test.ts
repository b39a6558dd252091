import { withOwnSeen, withSeen } from "../../lib/model/seen.ts";
import { hiddenStates, loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { dispose, seedTensor, tf, tidy, uniform, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const SIZE = 1583; // rows of its table

Deno.test("withSeen() gives what a longer table of embeddings gives, in float32 and bfloat16", async () => {
  for (const precision of ["float32", "bfloat16"] as const) {
    await withoutLeaks(() => {
      const model = loadModel(TINY, precision);
      const ids = [[4, 5, SIZE, SIZE + 3, SIZE + 1, 6], [SIZE + 5, SIZE + 4, 7, 8, 9, 10]];
      const [hidden, expected] = tidy(() => {
        const seen = tf.sub(uniform([3, 2, 192], seedTensor("seen")), 0.5); // [N, n, D]
        const tokens = tf.tensor2d(ids, undefined, "int32");
        const looking = withSeen(model.chameleon, seen);
        const longer = { ...model.chameleon, embed: tf.concat([model.chameleon.embed, looking.seen], 0) };
        return [hiddenStates(looking, tokens), hiddenStates(longer, tokens)];
      });
      assertEquals([...take(hidden!)], [...take(expected!)]);
      disposeModel(model);
    });
  }
});

Deno.test("withOwnSeen() counts places from each row's own first, and what is seen gets a gradient where it is looked at", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const ids = [[4, SIZE, SIZE + 2, 5], [6, SIZE + 1, 7, SIZE]];
    const seen = tidy(() => tf.sub(uniform([2, 3, 192], seedTensor("seen")), 0.5)); // [B, m, D]
    const together = tidy(() => {
      const own = withOwnSeen(model.chameleon, tf.tensor2d(ids, undefined, "int32"), seen);
      return hiddenStates(own.model, own.tokens);
    });
    const alone = ids.map((row, i) =>
      take(
        tidy(() => hiddenStates(withSeen(model.chameleon, tf.slice(seen, [i, 0, 0], [1, -1, -1])), tf.tensor2d([row], undefined, "int32"))),
      )
    );
    assertClose(take(together), [...alone[0]!, ...alone[1]!], 1e-4, "hidden states");
    const { value, grads: [grad] } = valueAndGradients(([vectors]) => {
      const own = withOwnSeen(model.chameleon, tf.tensor2d(ids, undefined, "int32"), vectors!);
      return tf.sum(tf.square(hiddenStates(own.model, own.tokens)));
    }, [seen]);
    const slopes = take(tidy(() => tf.sum(tf.abs(grad!), 2))); // [B, m]
    assert([0, 2, 3, 4].every((place) => slopes[place]! > 0) && slopes[1] === 0 && slopes[5] === 0, `${slopes}`);
    dispose([seen, value, grad!]);
    disposeModel(model);
  }));
