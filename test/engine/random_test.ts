import {
  compile,
  dispose,
  normal,
  permutation,
  randomInt,
  randomStream,
  seedTensor,
  type Tensor,
  tf,
  tidy,
  uniform,
} from "../../lib/engine/mod.ts";
import { pick, uniformRows } from "../../lib/engine/random.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, take, UserError, withoutLeaks } from "../support.ts";

await engine();
const KNOWN_STREAM = [0.4171460105571896, 0.7539750901050866, 0.46110693155787885];
const KNOWN_SEED = [1328524120, -709697233];

Deno.test("randomStream() gives a seed the same numbers, today and in a year; other seeds give others", () => {
  const draw = (...seed: (string | number)[]) => {
    const stream = randomStream(...seed);
    return [stream(), stream(), stream()];
  };
  assertEquals(draw(1, "scene"), KNOWN_STREAM);
  assertEquals(draw(1, "scene"), draw(1, "scene"));
  assert(new Set([draw(1, "scene"), draw(2, "scene"), draw(1, "scenes"), draw("1scene")].map(String)).size === 4);
});

Deno.test("seedTensor() gives a name the same two whole numbers, today and in a year", () => {
  assertEquals([...take(seedTensor(1, "dropout", 7))], KNOWN_SEED);
});

Deno.test("uniform() gives a seed the same numbers on every backend", () =>
  withoutLeaks(() => {
    const seed = tf.tensor1d([5, -77], "int32");
    assertClose(take(tidy(() => uniform([3], seed))), [0.524666965007782, 0.7399277687072754, 0.37627655267715454], 0); // as in backend_test.ts
    seed.dispose();
  }));

Deno.test("uniform() gives the same numbers for a seed, inside compiled functions too, evenly spread", () =>
  withoutLeaks(() => {
    const [seed, other] = [seedTensor(1, "test"), seedTensor(2, "test")] as const;
    const draw = (seed: Tensor) => tidy(() => uniform([1000], seed));
    const values = take(draw(seed));
    assertEquals(take(tidy(() => compile(draw, { xla: true })(seed))), values);
    assert(take(draw(other))[0] !== values[0]);
    const bins = new Array(10).fill(0);
    for (const value of values) bins[Math.floor(value * 10)]++;
    const chiSquare = bins.reduce((sum, n) => sum + (n - 100) ** 2 / 100, 0);
    assert(chiSquare < 27.9, `chi-square ${chiSquare} with 9 degrees of freedom`); // p = 0.001
    dispose([seed, other]);
  }));

Deno.test("uniformRows() draws each row from its own seed, whatever the other rows", () =>
  withoutLeaks(() => {
    const seeds = [seedTensor("a"), seedTensor("b")];
    const stacked = tf.stack(seeds);
    const together = take(tidy(() => uniformRows(50, stacked)));
    seeds.forEach((seed, i) => assertEquals(together.subarray(50 * i, 50 * i + 50), take(tidy(() => uniform([50], seed)))));
    dispose([seeds, stacked]);
  }));

Deno.test("normal() has mean 0 and variance 1", () =>
  withoutLeaks(() => {
    const seed = seedTensor("normal");
    const values = take(normal([20_000], seed));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    assertClose([mean, variance], [0, 1], 0.04); // four standard errors of the variance
    seed.dispose();
  }));

Deno.test("permutation() holds every number once; pick() and randomInt() stay inside", () => {
  const random = randomStream("order");
  assertEquals(permutation(random, 50).toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
  const seen = new Set(Array.from({ length: 500 }, () => randomInt(random, 7)));
  assertEquals([...seen].toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  assertEquals(pick(random, ["only"]), "only");
  assertThrows(() => pick(random, []), UserError, "Cannot pick one of no items");
});
