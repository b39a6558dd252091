/** Our own kernels on the wasm backend give what TensorFlow.js' JavaScript does: products in every form, parts, comparisons. */
import { compile, dispose, openBackend, randomInt, randomStream, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { onHeap, UPDATE_SLICE } from "../../lib/engine/wasm.ts";
import { assertClose, assertEquals, take, withoutLeaks } from "../support.ts";

await openBackend("wasm");
const random = randomStream("wasm kernels");
const numbers = (shape: number[]) =>
  tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5), shape);

/** A product by its definition. [N, m, k] and [N or 1, k, n], each read transposed or not */
function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): number[] {
  const [left, right] = [a.dataSync(), b.dataSync()];
  const [[rowsA, columnsA], [rowsB, columnsB]] = [a.shape.slice(-2), b.shape.slice(-2)] as [[number, number], [number, number]];
  const [m, k, n] = [transposeA ? columnsA : rowsA, transposeA ? rowsA : columnsA, transposeB ? rowsB : columnsB];
  const [batchA, batchB] = [a.size / (m * k), b.size / (k * n)];
  return Array.from({ length: Math.max(batchA, batchB) * m * n }, (_, at) => {
    const [batch, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    const [first, second] = [(batchA === 1 ? 0 : batch) * m * k, (batchB === 1 ? 0 : batch) * k * n];
    let sum = 0;
    for (let i = 0; i < k; i++) {
      sum += left[first + (transposeA ? i * m + row : row * k + i)]! * right[second + (transposeB ? column * k + i : i * n + column)]!;
    }
    return sum;
  });
}

for (const [transposeA, transposeB] of [[false, false], [false, true], [true, false], [true, true]] as const) {
  Deno.test(`matMul() on wasm is the product, transposed: ${transposeA}, ${transposeB}`, () =>
    withoutLeaks(() => {
      const forms = [[1, 3, 8, 5], [1, 40, 24, 3], [1, 2, 30, 90], [4, 1, 6, 3], [6, 17, 40, 33]] as const; // both ways, few and many
      for (const [batch, m, k, n] of forms) {
        for (const shared of [batch, 1]) {
          const a = numbers([batch, ...transposeA ? [k, m] : [m, k]]);
          const b = numbers([shared, ...transposeB ? [n, k] : [k, n]]);
          const y = tf.matMul(a, b, transposeA, transposeB);
          assertEquals(y.shape, [batch, m, n]);
          assertClose(y.dataSync(), product(a, b, transposeA, transposeB), 1e-5, `${batch} × [${m}, ${k}] [${k}, ${n}]`);
          dispose([a, b, y]);
        }
      }
    }));
}

Deno.test("matMul() on wasm forgets weights that are gone, and sees a new tensor in their place", () =>
  withoutLeaks(() => {
    const x = tf.ones([2, 16]);
    for (let i = 1; i <= 50; i++) {
      const w = tf.fill([16, 16], i);
      assertEquals(take(tf.matMul(x, w))[0], 16 * i);
      w.dispose();
    }
    x.dispose();
  }));

Deno.test("slice(), split() and updateSlice() on wasm take and write the part", () =>
  withoutLeaks(() => {
    const x = tf.tensor(Int32Array.from({ length: 2 * 3 * 4 * 5 }, (_, i) => i), [2, 3, 4, 5], "int32");
    const cases = [[[0, 0, 0, 0], [2, 3, 4, 5]], [[1, 1, 0, 0], [1, 2, 4, 5]], [[0, 1, 2, 3], [2, 2, 1, 2]], [[1, 2, 3, 4], [1, 1, 1, 1]]];
    for (const [begin, size] of cases as [number[], number[]][]) {
      const [a, b, c, d] = size as [number, number, number, number];
      const expected = [];
      for (let i = 0; i < a; i++) {
        for (let j = 0; j < b; j++) {
          for (let k = 0; k < c; k++) {
            for (let l = 0; l < d; l++) expected.push((((begin[0]! + i) * 3 + begin[1]! + j) * 4 + begin[2]! + k) * 5 + begin[3]! + l);
          }
        }
      }
      const part = tf.slice(x, begin, size);
      assertEquals([...part.dataSync()], expected);
      const written: Tensor = tidy(() =>
        tf.engine().runKernel(UPDATE_SLICE, { buffer: tf.zerosLike(x), part, start: tf.tensor1d(begin, "int32") })
      );
      const back = tf.slice(written, begin, size);
      assertEquals([...back.dataSync()], expected);
      assertEquals([...written.dataSync()].filter((value) => value !== 0), expected.filter((value) => value !== 0)); // and nothing else
      dispose([part, written, back]);
    }
    const parts = tf.split(x, [1, 3], 2);
    assertEquals(parts.map(({ shape }) => shape), [[2, 3, 1, 5], [2, 3, 3, 5]]);
    assertEquals([...parts[1]!.dataSync()].slice(0, 6), [5, 6, 7, 8, 9, 10]);
    const empty = tf.slice(x, [0, 0, 0, 0], [0, 3, 4, 5]);
    assertEquals(empty.size, 0);
    dispose([x, parts, empty]);
  }));

Deno.test("equal() and greater() on wasm stretch shapes as TensorFlow does", () =>
  withoutLeaks(() => {
    const shapes = [[[3, 1], [1, 4]], [[3, 4], [4]], [[], [2, 2]], [[2, 1, 3], [4, 1]], [[2, 3], [2, 3]], [[1, 1], [3]]] as const;
    for (const [left, right] of shapes) {
      const whole = (shape: readonly number[]) =>
        tf.tensor(Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => randomInt(random, 3)), [...shape], "int32");
      const [a, b] = [whole(left), whole(right)];
      const difference = tf.sub(a, b); // stretched by the backend's own kernel
      const [same, more] = [tf.equal(a, b), tf.greater(a, b)];
      assertEquals(same.shape, difference.shape);
      assertEquals([...same.dataSync()], [...difference.dataSync()].map((x) => Number(x === 0)));
      assertEquals([...more.dataSync()], [...difference.dataSync()].map((x) => Number(x > 0)));
      dispose([a, b, difference, same, more]);
    }
  }));

Deno.test("clones and repeated numbers on wasm outlive what they were made of", () =>
  withoutLeaks(() => {
    const [x, one] = [tf.tensor1d([1, 2, 3]), tf.tensor2d([[7]])];
    const [clone, tiled] = [tf.clone(x), tf.tile(one, [2, 3])];
    dispose([x, one]);
    assertEquals([[...take(clone)], [...take(tiled)]], [[1, 2, 3], [7, 7, 7, 7, 7, 7]]);
  }));

Deno.test("onHeap() writes a tensor from others where they lie", () =>
  withoutLeaks(() => {
    const [a, b] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([10, 20, 30], "int32")];
    const y = onHeap({ a, b }, [3], (out, { a, b }) => out.forEach((_, i) => out[i] = a[i]! + b[i]!));
    assertEquals([...take(y)], [11, 22, 33]);
    dispose([a, b]);
  }));

Deno.test("compile() on wasm frees what a function makes but for its result, gradients too", () =>
  withoutLeaks(() => {
    const square = compile((x: Tensor) => tf.mul(tf.add(x, 1), tf.add(x, 1)) as Tensor);
    const x = tf.scalar(2);
    assertEquals(take(square(x))[0], 9);
    assertEquals(take(tf.grad((x) => square(x))(x))[0], 6);
    x.dispose();
  }));
