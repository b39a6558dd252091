import {
  causalAttention,
  joinHeads,
  maskedSoftmax,
  normaliseAndRotate,
  repeatHeads,
  ropeTables,
  sharedPromptAttention,
  splitHeads,
} from "../../lib/nn/mod.ts";
import { dispose, normal, seedTensor, type Tensor, tf, tidy, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();

function random(shape: readonly number[], name: string): Tensor {
  return tidy(() => normal(shape, seedTensor(name)));
}

/** Attention as it is written in papers: one softmax over all keys, with a mask. */
function plainAttention(q: Tensor, k: Tensor, v: Tensor, padding: Tensor): Tensor {
  const [queries, keys] = [q.shape[2]!, k.shape[2]!];
  const seen = tf.linalg.bandPart(tf.ones([queries, keys]), -1, keys - queries); // [Q, T]
  const scores = tf.add(tf.add(tf.matMul(q, k, false, true), tf.mul(tf.sub(1, seen), -1e9)), padding);
  return tf.matMul(tf.softmax(scores), v);
}

for (
  const [queries, keys, what] of [[5, 5, "one chunk"], [330, 350, "several chunks"], [1, 9, "one query"]] as const
) {
  Deno.test(`causalAttention() equals attention written out, gradients and padding included: ${what}`, () =>
    withoutLeaks(() => {
      const [batch, heads, dim] = [2, 2, 8];
      const q = random([batch, heads, queries, dim], "q");
      const [k, v] = [random([batch, heads, keys, dim], "k"), random([batch, heads, keys, dim], "v")];
      const hidden = Array.from({ length: batch * keys }, (_, i) => i % keys < Math.floor(i / keys) * 3 ? -1e9 : 0); // 3 in row 1
      const padding = tf.tensor4d(hidden, [batch, 1, 1, keys]);
      const run = (attend: typeof plainAttention) =>
        tidy(() => valueAndGradients(([q, k, v]) => tf.sum(tf.square(attend(q!, k!, v!, padding))), [q, k, v]));
      const [fast, slow] = [run(causalAttention), run(plainAttention)];
      assertClose([take(fast.value)[0]! / take(slow.value)[0]!], [1], 1e-5, "value");
      fast.grads.forEach((grad, i) => assertClose(take(grad), take(slow.grads[i]!), 1e-3, `gradient ${i}`));
      dispose([q, k, v, padding]);
    }));
}

Deno.test("sharedPromptAttention() equals attention of each sequence over its prompt and its own slots", () =>
  withoutLeaks(() => {
    const [prompts, each, heads, length, slots, dim] = [2, 3, 2, 4, 5, 8];
    const batch = prompts * each;
    const q = random([batch, heads, 1, dim], "query");
    const prompt = { k: random([prompts, heads, length, dim], "a"), v: random([prompts, heads, length, dim], "b") };
    const own = { k: random([batch, heads, slots, dim], "c"), v: random([batch, heads, slots, dim], "d") };
    const filled = 2; // of the slots
    const mask = tf.tensor4d(
      Array.from({ length: batch * (length + slots) }, (_, i) => i % (length + slots) < length + filled ? 0 : -1e9),
      [batch, 1, 1, length + slots],
    );
    const shared = tidy(() => sharedPromptAttention(q, prompt, own, mask));
    const alone = tidy(() => {
      const withPrompt = (ofPrompt: Tensor, ofOwn: Tensor) => {
        const rows = tf.gather(ofPrompt, tf.tensor1d([0, 0, 0, 1, 1, 1], "int32"));
        return tf.concat([rows, tf.slice(ofOwn, [0, 0, 0, 0], [-1, -1, filled, -1])], 2);
      };
      const none = tf.zeros([1, 1, 1, length + filled]);
      return plainAttention(q, withPrompt(prompt.k, own.k), withPrompt(prompt.v, own.v), none);
    });
    assertClose(take(shared), take(alone), 1e-5);
    dispose([q, prompt, own, mask]);
  }));

Deno.test("maskedSoftmax() gives hidden keys nothing, and shares 1 among the others", () =>
  withoutLeaks(() => {
    const [scores, padding] = [tf.zeros([1, 1, 2, 4]), tf.tensor4d([-1e9, 0, 0, 0], [1, 1, 1, 4])];
    assertClose(take(maskedSoftmax(scores, padding, 2, "float32")), [0, 0.5, 0.5, 0, 0, 1 / 3, 1 / 3, 1 / 3], 1e-6);
    dispose([scores, padding]);
  }));

Deno.test("normaliseAndRotate() makes scores depend on how far apart positions are, and on nothing else", () =>
  withoutLeaks(() => {
    const [positions, heads, dim] = [12, 2, 8];
    const gain = random([heads, dim], "gain");
    const bias = random([heads, dim], "bias");
    const one = random([1, 1, heads * dim], "one");
    const scores = tidy(() => {
      const everywhere = tf.tile(one, [1, positions, 1]); // the same vector at each position
      const turned = normaliseAndRotate(everywhere, { gain, bias }, ropeTables(positions, dim, 10000), 1, "float32");
      return tf.matMul(turned, turned, false, true); // [1, H, T, T]
    });
    const values = take(scores);
    const at = (head: number, i: number, j: number) => values[(head * positions + i) * positions + j]!;
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i + 3 < positions; i++) assertClose([at(head, i, i + 3)], [at(head, 0, 3)], 1e-3, `position ${i}`);
      assert(Math.abs(at(head, 0, 3) - at(head, 0, 0)) > 1e-2, "positions make no difference");
    }
    dispose([gain, bias, one]);
  }));

Deno.test("splitHeads() and joinHeads() undo each other; repeatHeads() puts the copies of a head side by side", () =>
  withoutLeaks(() => {
    const x = tf.tensor3d(Array.from({ length: 24 }, (_, i) => i), [1, 3, 8]);
    const split = tidy(() => splitHeads(x, 2));
    assertEquals([split.shape, [...take(tf.slice(split, [0, 1, 2, 0], [1, 1, 1, 4]))]], [[1, 2, 3, 4], [20, 21, 22, 23]]);
    tidy(() => {
      assertEquals([...joinHeads(split).dataSync()], [...x.dataSync()]);
      const repeated = repeatHeads(split, 2);
      const heads = tf.unstack(repeated, 1).map((head) => head.dataSync().join());
      assertEquals([repeated.shape, heads[0] === heads[1], heads[1] === heads[2]], [[1, 4, 3, 4], true, false]);
    });
    dispose([x, split]);
  }));
