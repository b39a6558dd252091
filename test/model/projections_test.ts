import { project } from "../../lib/model/projections.ts";
import { type BlockAdapter, disposeAdapter } from "../../lib/model/lora.ts";
import { prefill, type Projection, PROJECTIONS } from "../../lib/model/mod.ts";
import { dispose, normal, seedTensor, type Tensor, tf, tidy, toPrecision, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, randomAdapter, randomChameleon, take, withoutLeaks } from "../support.ts";

await engine();
const [ROWS, WIDTH] = [60, 32];
const OUTS = { q_proj: 32, k_proj: 16, v_proj: 16, o_proj: 32, gate_proj: 24, up_proj: 24, down_proj: 32 };
const [BESIDE, MERGED] = [1, 12]; // ranks with which it takes fewer multiplications to keep updates beside the weights, and to merge them

function random(shape: readonly number[], name: string): Tensor {
  return tidy(() => normal(shape, seedTensor(name)));
}

/** Weights of all projections, and factors of some. */
function randomParts(adapted: readonly Projection[], rank = BESIDE) {
  const names = Object.keys(OUTS) as Projection[];
  const weights = Object.fromEntries(names.map((name) => [name, random([OUTS[name], WIDTH], name)])) as Record<Projection, Tensor>;
  const factors = adapted.flatMap((name) => [random([rank, WIDTH], `a ${name}`), random([OUTS[name], rank], `b ${name}`)]);
  const adapter = (tensors: readonly Tensor[], dropout = 0, seed: Tensor | null = null): BlockAdapter => ({
    factors: Object.fromEntries(adapted.map((name, i) => [name, { a: tensors[2 * i]!, b: tensors[2 * i + 1]! }])),
    ...{ scale: 0.5, dropout, seed, training: true },
  });
  return { weights, factors, adapter };
}

const ADAPTED = [["q_proj", "k_proj", "v_proj"], ["k_proj"], ["q_proj", "v_proj"]] as const;
for (const [adapted, rank] of ADAPTED.flatMap((adapted) => [[adapted, BESIDE], [adapted, MERGED]] as const)) {
  Deno.test(`project() gives many rows in one product what it gives few rows one by one, with gradients: rank ${rank}, ${adapted.join(", ")}`, () =>
    withoutLeaks(() => {
      const { weights, factors, adapter } = randomParts(adapted, rank);
      const x = random([1, ROWS, WIDTH], "x");
      const squares = (x: Tensor, tensors: readonly Tensor[]) => {
        const y = tf.concat(project(x, weights, ["q_proj", "k_proj", "v_proj"], adapter(tensors), 0), 2); // [1, T, Σ out]
        return tf.sum(tf.square(tf.add(y, 1))) as Tensor;
      };
      const half = (x: Tensor, i: number) => tf.slice(x, [0, i * ROWS / 2, 0], [1, ROWS / 2, WIDTH]);
      const run = (fn: (tensors: Tensor[]) => Tensor) => tidy(() => valueAndGradients(fn, [x, ...factors]));
      const many = run(([x, ...tensors]) => squares(x!, tensors));
      const few = run(([x, ...tensors]) => tf.add(squares(half(x!, 0), tensors), squares(half(x!, 1), tensors)));
      assertClose([take(many.value)[0]! / take(few.value)[0]!], [1], 1e-5, "value");
      many.grads.forEach((grad, i) => assertClose(take(grad), take(few.grads[i]!), 2e-3, `gradient ${i}`));
      dispose([x, weights, factors]);
    }));
}

Deno.test("project() drops in the gradient what it drops in the value", () =>
  withoutLeaks(() => {
    const { weights, factors, adapter } = randomParts(["o_proj"]);
    const [x, seed] = [random([1, ROWS, WIDTH], "x"), seedTensor("drop")];
    const shift = random([1, ROWS, WIDTH], "shift");
    const value = (x: Tensor) => tf.sum(project(x, weights, ["o_proj"], adapter(factors, 0.5, seed), 1)[0]!) as Tensor;
    const slope = take(tidy(() => tf.sum(tf.mul(valueAndGradients(([x]) => value(x!), [x]).grads[0]!, shift))))[0]!;
    const moved = take(tidy(() => tf.sub(value(tf.add(x, shift)), value(x))))[0]!; // linear in x as long as the same is dropped
    assertClose([moved / slope], [1], 1e-4);
    const undropped = take(tidy(() => tf.sum(project(x, weights, ["o_proj"], adapter(factors), 1)[0]!)))[0]!;
    assert(Math.abs(undropped - take(tidy(() => value(x)))[0]!) > 1e-3, "nothing is dropped");
    dispose([x, seed, shift, weights, factors]);
  }));

Deno.test("project() without factors gives one tensor for each projection", () =>
  withoutLeaks(() => {
    const { weights, factors, adapter } = randomParts([]);
    const x = random([2, ROWS, WIDTH], "x");
    tidy(() =>
      assertEquals(project(x, weights, ["q_proj", "k_proj", "v_proj"], adapter(factors), 0).map(({ shape }) => shape), [
        [2, ROWS, 32],
        [2, ROWS, 16],
        [2, ROWS, 16],
      ])
    );
    dispose([x, weights]);
  }));

Deno.test("prefill() gives a prompt the same bits alone and among others, however many rows there are, with an adapter in bfloat16", () =>
  withoutLeaks(() => {
    const model = randomChameleon({ hiddenSize: 64, intermediateSize: 96, layers: 2, heads: 4, keyHeads: 4, swinNorm: false }, "bfloat16");
    const adapter = randomAdapter(model.config, { rank: 2, alpha: 2, dropout: 0, targets: PROJECTIONS }, 1);
    const ids = Int32Array.from({ length: 4 * 40 }, (_, i) => 70 + i * 7 % 20);
    const last = (prompts: number) =>
      take(tidy(() => {
        const { hidden } = prefill(model, tf.tensor2d(ids.slice(0, 40 * prompts), [prompts, 40], "int32"), { adapter });
        return toPrecision(tf.slice(hidden, [0, 0, 0], [1, -1, -1]), "float32") as Tensor; // [1, 1, D]
      }));
    assertEquals(last(1), last(4)); // 40 rows are fewer than the model is wide, 160 are more
    disposeAdapter(adapter);
    dispose(model);
  }));
