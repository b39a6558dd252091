import { drawRows, inverse, layPrompts, type Limits, limitsOf, seedOf, sharedPrompts } from "../../lib/sample/draw.ts";
import { dispose, permutation, randomStream, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const ALL: Limits = { temperature: 1, topK: 0, topP: 1, text: 1, image: 1 };

/** Draws from rows of logits: with a head of the identity the hidden states are the logits. */
function draw(
  logits: readonly (readonly number[])[],
  limits: Partial<Limits>,
  rows: readonly number[],
  rule?: readonly number[],
): number[] {
  const size = logits[0]!.length;
  const drawn = tidy(() => {
    const hidden = tf.reshape(tf.tensor2d(logits.map((row) => [...row])), [logits.length, 1, size]) as Tensor;
    const seeds = tf.stack(rows.map((row) => seedOf({ temperature: 1, seed: 5 }, row, 0)));
    return drawRows(hidden, tf.eye(size), rule ? tf.tensor1d([...rule]) : null, { ...ALL, ...limits }, seeds);
  });
  return [...take(drawn)];
}

const RUNS = 4000;
const LOGITS = [3, 1, 2, -1, 0].map((value) => value / 1.5);

/** The shares in which tokens are drawn from LOGITS by as many rows, each with a seed of its own. */
function shares(limits: Partial<Limits>): number[] {
  const drawn = draw(Array<number[]>(RUNS).fill(LOGITS), limits, Array.from({ length: RUNS }, (_, i) => i));
  return LOGITS.map((_, token) => drawn.filter((one) => one === token).length / RUNS);
}

/** Softmax at a temperature over some of LOGITS. */
function expected(tokens: readonly number[], temperature = 1): number[] {
  const weights = LOGITS.map((logit, token) => tokens.includes(token) ? Math.exp(logit / temperature) : 0);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

Deno.test("drawRows() draws from the softmax at its temperature, cut by top-k and top-p", () =>
  withoutLeaks(() => {
    const tolerance = 4 * Math.sqrt(0.25 / RUNS);
    assertClose(shares({}), expected([0, 1, 2, 3, 4]), tolerance, "temperature 1");
    assertClose(shares({ temperature: 2 }), expected([0, 1, 2, 3, 4], 2), tolerance, "temperature 2");
    assertClose(shares({ topK: 2 }), expected([0, 2]), tolerance, "top-k 2");
    const [p0, , p2] = expected([0, 1, 2, 3, 4]) as [number, number, number];
    assertClose(shares({ topP: p0 + p2 - 0.01 }), expected([0, 2]), tolerance, "the two that reach top-p");
    assertClose(shares({ topP: p0 + p2 + 0.01 }), expected([0, 1, 2]), tolerance, "a third is needed");
    assertEquals(shares({ topP: 0.001 }), [1, 0, 0, 0, 0]); // the likeliest is always kept
  }));

Deno.test("drawRows() at temperature 0 takes the likeliest, and never what the rule forbids", () =>
  withoutLeaks(() => {
    assertEquals(draw([LOGITS, LOGITS.toReversed()], { temperature: 0 }, [0, 1]), [0, 4]);
    const rule = [-1e9, 0, -1e9, 0, 0];
    assertEquals(draw([LOGITS], { temperature: 0 }, [0], rule), [1]);
    const drawn = draw(Array<number[]>(200).fill(LOGITS), {}, Array.from({ length: 200 }, (_, i) => i), rule);
    assert(drawn.every((token) => token !== 0 && token !== 2));
  }));

Deno.test("drawRows() gives a row its token by its seed alone, wherever it stands", () =>
  withoutLeaks(() => {
    const rows = Array.from({ length: 20 }, (_, i) => i);
    const logits = rows.map((row) => LOGITS.map((value) => value * (row % 3)));
    const order = permutation(randomStream("rows"), 20);
    const together = draw(logits, {}, rows);
    assertEquals(draw(order.map((row) => logits[row]!), {}, order), order.map((row) => together[row]!));
  }));

Deno.test("drawRows() guides by nothing + image · (source − nothing) + text · (all − source)", () =>
  withoutLeaks(() => {
    const [all, source, nothing] = [[1, 0, 0], [0, 1.2, 0], [0, 0, 1.5]] as const;
    const of = (text: number, image: number) => { // rows whose factor is 0 are not laid
      const rows = [all, ...(image === text ? [] : [source]), ...(image === 1 ? [] : [nothing])];
      return draw(rows, { temperature: 0, text, image }, [0])[0];
    };
    for (const [text, image] of [[1, 1], [0, 1], [0, 0], [3, 1], [1, 0.2]] as const) {
      const scores = all.map((value, i) => nothing[i]! + image * (source[i]! - nothing[i]!) + text * (value - source[i]!));
      assertEquals(of(text, image), scores.indexOf(Math.max(...scores)), `text ${text}, image ${image}`);
    }
    assertEquals([of(1, 1), of(0, 1), of(0, 0)], [0, 1, 2]); // the action, the source, nothing decides
  }));

Deno.test("seedOf() goes by the stream's name where there is one, else by the row, and by the step", () =>
  withoutLeaks(() => {
    const of = (row: number, step: number, streams?: string[]) =>
      [...take(seedOf({ temperature: 1, seed: 1, ...(streams && { streams }) }, row, step))].join();
    assertEquals(of(0, 3, ["a", "b"]), of(1, 3, ["b", "a"]));
    assertEquals(new Set([of(0, 0), of(1, 0), of(0, 1), of(0, 0, ["a"]), of(0, 1, ["a"])]).size, 5);
  }));

Deno.test("sharedPrompts() lays each prompt once where all repeat alike, and order finds every row again", () => {
  const [a, b] = [[1, 2], [1, 3]];
  const cases = [[a, b, a, b], [a, a, b, b], [b, a, a, b], [a], [a, b], [a, a, b], [a, a, b, b, a, a], [a, a, a, a, b, b]];
  for (const prompts of cases) {
    const { unique, order, each } = sharedPrompts(prompts);
    assertEquals(unique.length * each, prompts.length);
    const laid = unique.flatMap((prompt) => Array<readonly number[]>(each).fill(prompt));
    assertEquals(order.map((place) => laid[place]!), prompts);
    assertEquals(order.toSorted((x, y) => x - y), [...prompts.keys()]);
  }
  assertEquals([sharedPrompts([a, b, a, b]).each, sharedPrompts([a, a, b]).each], [2, 1]);
  assertEquals(sharedPrompts([a, a, b, b, a, a]).unique, [a, a, b]); // two rows of each, as the rows of b are
});

Deno.test("inverse() undoes a permutation", () => {
  const order = permutation(randomStream("inverse"), 30);
  assertEquals(inverse(order).map((place) => order[place]!), [...order.keys()]);
});

Deno.test("layPrompts() ends prompts together and hides the padding before them", () =>
  withoutLeaks(() => {
    const { tokens, padding } = layPrompts([[7, 8, 9], [5]], 1);
    assertEquals([tokens.shape, padding.shape], [[2, 32], [2, 1, 1, 32]]);
    assertEquals([...tokens.dataSync()], [...Array(29).fill(1), 7, 8, 9, ...Array(31).fill(1), 5]);
    assertEquals([...padding.dataSync()].map((value) => value === 0), [...tokens.dataSync()].map((id) => id !== 1));
    assert([...padding.dataSync()].every((value) => value === 0 || value < -1e8));
    dispose([tokens, padding]);
  }));

Deno.test("limitsOf() limits nothing where nothing is asked", () => {
  assertEquals(limitsOf({ temperature: 0.5, seed: 1, text: 1, image: 1 }), { ...ALL, temperature: 0.5 });
});
