import { compile, dispose, type Tensor, tf, tidy, toPrecision, valueAndGradients, whileLoop } from "../../lib/engine/mod.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { fromStoredBits, product, productOfFewRows, storedBits, updateSlice } from "../../lib/engine/xla.ts";
import { assertClose, assertEquals, assertThrows, engine, take, withoutLeaks } from "../support.ts";

await engine();
const graphs = { ignore: activeBinding() === undefined }; // on wasm loops are JavaScript's

/** Powers of a matrix until the first entry is above a limit. */
interface Powers {
  readonly power: Tensor;
  readonly rounds: Tensor;
}

const loop = {
  test: ({ power }: Powers, { limit }: { readonly limit: Tensor }) => tf.less(tf.sum(tf.slice(power, [0, 0], [1, 1])), limit),
  step: ({ power, rounds }: Powers, { matrix }: { readonly matrix: Tensor }): Powers => ({
    power: tf.matMul(power, matrix),
    rounds: tf.add(rounds, tf.scalar(1, "int32")),
  }),
};

Deno.test("whileLoop() gives inside a compiled function what JavaScript's loop gives, no round at all included", () =>
  withoutLeaks(() => {
    const matrix = tf.tensor2d([[1.5, 0.5], [0.25, 1]]);
    const inGraph = compile((state: Powers, constants: { limit: Tensor; matrix: Tensor }) => whileLoop(loop, state, constants), {
      xla: true,
    });
    for (const [top, rounds] of [[40, 8], [0.5, 0]] as const) {
      const start = { power: tf.eye(2), rounds: tf.scalar(0, "int32") };
      const constants = { limit: tf.scalar(top), matrix };
      const [plain, compiled] = [whileLoop(loop, start, constants), inGraph(start, constants)];
      assertEquals([take(plain.rounds)[0], take(compiled.rounds)[0]], [rounds, rounds]);
      assertClose(take(compiled.power), take(plain.power), 1e-5);
      dispose([start, constants.limit]);
    }
    matrix.dispose();
  }));

Deno.test("whileLoop() refuses a step that changes a shape, and a tensor that it was not given", graphs, () =>
  withoutLeaks(() => {
    const x = tf.ones([2]);
    const test = (y: Tensor) => tf.less(tf.sum(y), tf.scalar(9));
    const growing = compile((x: Tensor) => whileLoop({ test, step: (y) => tf.concat([y, y]) }, x, []), { xla: true });
    assertThrows(() => growing(x), TypeError, "changes its state's form: element type 1 of [2] became 1 of [4]");
    const big = tf.ones([100]);
    const reading = compile((x: Tensor) => whileLoop({ test, step: (y) => tf.add(y, tf.sum(big)) }, x, []), { xla: true });
    assertThrows(() => reading(x), TypeError, "pass it in among the constants");
    dispose([x, big]);
  }));

Deno.test("whileLoop() has no gradient inside a compiled function, and says so", graphs, () => {
  const test = (y: Tensor) => tf.less(tf.sum(y), tf.scalar(9));
  const doubled = compile((x: Tensor) => whileLoop({ test, step: (y: Tensor) => tf.mul(y, 2) as Tensor }, x, []), { xla: true });
  const x = tf.ones([2]);
  assertThrows(() => tidy(() => valueAndGradients(([x]) => tf.sum(doubled(x!)) as Tensor, [x])), Error, "gradient");
  x.dispose();
});

Deno.test("product() gives x · y by matrix of a batch, productOfFewRows() x · wᵀ, summed in float32", graphs, () =>
  withoutLeaks(() => {
    const [products, few] = [compile(product, { xla: true }), compile((x: Tensor, w: Tensor) => productOfFewRows(x, w), { xla: true })];
    for (const precision of ["float32", "bfloat16"] as const) {
      const random = (seed: number, ...shape: number[]) =>
        tidy(() => toPrecision(tf.randomNormal(shape, 0, 1, "float32", seed), precision));
      const [x, y, flat, w] = [random(1, 2, 3, 4, 40), random(2, 2, 3, 40, 5), random(3, 7, 40), random(4, 5, 40)];
      const wide = (tensor: Tensor) => toPrecision(tensor, "float32");
      assertClose(take(products(x, y)), take(tidy(() => tf.matMul(wide(x), wide(y)))), 1e-4);
      assertClose(take(few(flat, w)), take(tidy(() => tf.matMul(wide(flat), wide(w), false, true))), 1e-4);
      dispose([x, y, flat, w]);
    }
  }));

Deno.test(
  "productOfFewRows() of a large matrix, where AMX's tiles are used, is that of its parts, and of any number of rows",
  graphs,
  () =>
    withoutLeaks(() => {
      const few = compile((x: Tensor, ws: readonly Tensor[]) => productOfFewRows(x, ...ws), { xla: true });
      const random = (seed: number, ...shape: number[]) =>
        tidy(() => toPrecision(tf.randomNormal(shape, 0, 1, "float32", seed), "bfloat16"));
      const [large, odd] = [random(1, 1024, 256), random(2, 1025, 256)]; // 2^18 elements and more
      const parts = tf.split(large, 8, 0);
      for (const rows of [1, 3, 33]) {
        const x = random(3, rows, 256);
        const expected = take(few(x, parts)); // [rows, 1024]
        assertClose(take(few(x, [large])), expected, 1e-3);
        const wide = take(few(x, [large, odd])); // [rows, 1024 + 1025]
        assertClose(wide.slice(0, 1024), expected.slice(0, 1024), 1e-3);
        const other = tidy(() => tf.matMul(toPrecision(x, "float32"), toPrecision(odd, "float32"), false, true)); // [rows, 1025]
        assertClose(wide.slice(1024, 2049), take(other).slice(0, 1025), 1e-3);
        x.dispose();
      }
      dispose([large, odd, parts]);
    }),
);

Deno.test("updateSlice() writes into a buffer of stored bits, which come back as they went in", graphs, () =>
  withoutLeaks(() => {
    for (const precision of ["float32", "bfloat16"] as const) {
      const write = compile((buffer: Tensor, part: Tensor, at: Tensor) => {
        const bits = updateSlice(storedBits(toPrecision(buffer, precision)), storedBits(toPrecision(part, precision)), at);
        return toPrecision(fromStoredBits(bits), "float32");
      }, { xla: true });
      const args = [tf.tensor2d([[1, 2, 3], [4, 5, 6]]), tf.tensor2d([[7], [-0.5]]), tf.tensor1d([0, 1], "int32")] as const;
      assertEquals([...take(write(...args))], [1, 7, 3, 4, -0.5, 6]);
      dispose(args);
    }
  }));
