import { form, leaves, withLeaves } from "../../lib/engine/tree.ts";
import { dispose, tf } from "../../lib/engine/mod.ts";
import { assert, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();

Deno.test("withLeaves() puts other tensors where leaves() found them, and leaves the tree as it was", () =>
  withoutLeaks(() => {
    const [a, b, c] = [tf.scalar(1), tf.scalar(2), tf.scalar(3)] as const;
    const tree = { first: a, rest: [b, 7, { last: c, none: null }], name: "x" };
    assertEquals(leaves(tree), [a, b, c]);
    assertEquals(leaves("x"), []);
    const turned = withLeaves(tree, [c, b, a]);
    assert(leaves(turned).every((tensor, i) => tensor === [c, b, a][i]));
    assertEquals([turned.rest[1], turned.name], [7, "x"]);
    assert(tree.first === a);
    dispose(tree);
  }));

Deno.test("form() is the same for trees that differ in their tensors' values alone, and differs with all else", () =>
  withoutLeaks(() => {
    const [a, b, wide] = [tf.ones([2]), tf.zeros([2]), tf.ones([3])] as const;
    const of = (tree: unknown) => form(tree, ({ shape }) => `f[${shape}]`);
    assertEquals(of({ x: a, n: 1 }), of({ x: b, n: 1 }));
    const others = [{ x: wide, n: 1 }, { x: a, n: 2 }, { y: a, n: 1 }, { x: [a], n: 1 }, { x: a }, [a, 1], { x: a, n: [1] }, {
      x: null,
      n: 1,
    }];
    const forms = [{ x: a, n: 1 }, ...others].map(of);
    assertEquals(new Set(forms).size, forms.length, forms.join(" | "));
    dispose([a, b, wide]);
  }));
