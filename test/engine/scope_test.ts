import { dispose, type Tensor, tf, tidy, valuesOf } from "../../lib/engine/mod.ts";
import { liveTensors, takeNumber } from "../../lib/engine/scope.ts";
import { assert, assertEquals, assertThrows, engine, withoutLeaks } from "../support.ts";

await engine();

Deno.test("tidy() keeps the tensors of the tree that is returned, and frees every other", () =>
  withoutLeaks(() => {
    const before = liveTensors();
    let inner: Tensor | undefined;
    const kept = tidy(() => {
      inner = tf.add(tf.ones([2]), 1);
      return { sum: tf.sum(inner), list: [tf.mul(inner, 3)], name: "kept" };
    });
    assertEquals([liveTensors() - before, inner!.isDisposed, kept.name], [2, true, "kept"]);
    assertEquals([takeNumber(kept.sum), [...valuesOf(kept.list[0]!)]], [4, [6, 6]]);
    dispose(kept.list);
  }));

Deno.test("tidy() frees what was made before a throw", () =>
  withoutLeaks(() => {
    assertThrows(
      () =>
        tidy(() => {
          tf.ones([3]);
          throw new RangeError("stopped");
        }),
      RangeError,
      "stopped",
    );
  }));

Deno.test("dispose() frees a tree's tensors, and passes over all else", () =>
  withoutLeaks(() => {
    const tree = { a: tf.ones([1]), b: [tf.ones([1]), { c: tf.ones([1]), d: 3, e: null, f: "x", g: undefined }] };
    dispose(tree);
    assert(tree.a.isDisposed);
  }));

Deno.test("takeNumber() gives the value and frees the tensor", () =>
  withoutLeaks(() => {
    const tensor = tf.scalar(2.5);
    assertEquals([takeNumber(tensor), tensor.isDisposed], [2.5, true]);
  }));
