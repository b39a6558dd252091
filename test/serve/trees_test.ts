import { openTrees, pathTo } from "../../lib/serve/trees.ts";
import { failing } from "../faults/failing_files.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const png = new Uint8Array([1, 2, 3]);
const drawn = { side: "cwm", seed: 1, candidate: 0, logLikelihood: -1, codes: [1], distances: [0] } as const;

Deno.test("openTrees() keeps a tree whole over a restart, after a line that was cut off and pictures that no line names", () =>
  withFolder((folder) => {
    const trees = openTrees(folder);
    const tree = trees.create();
    trees.grow(tree, [{ parent: null, title: "given", png }]);
    trees.grow(tree, [0, 1].map((candidate) => ({ parent: 0, title: "open it", drawn: { ...drawn, candidate }, png })));
    const before = trees.nodes(tree);
    assertEquals(before.map(({ id, parent }) => [id, parent]), [[0, null], [1, 0], [2, 0]]);
    Deno.writeFileSync(trees.picturePath(tree, 3), png.subarray(0, 1)); // a kill between pictures and line
    Deno.writeTextFileSync(`${folder}/trees/${tree}/tree.jsonl`, '[{"id":3,"par', { append: true }); // a kill within the line
    const again = openTrees(folder);
    assertEquals([again.nodes(tree), again.count(), again.has(tree)], [before, 1, true]);
    const [node] = again.grow(tree, [{ parent: 2, title: "close it", drawn, png }]);
    assertEquals([node!.id, [...Deno.readFileSync(again.picturePath(tree, 3))]], [3, [1, 2, 3]]);
    assertEquals(pathTo(again.nodes(tree), 3).map(({ id }) => id), [0, 2, 3]);
    assertEquals(pathTo(again.nodes(tree), 4), []);
  }));

Deno.test("a tree's name is 128 random bits, and nothing else is ever made a path of", () =>
  withFolder((folder) => {
    const trees = openTrees(folder);
    assert(/^[0-9a-f]{32}$/.test(trees.create()));
    for (const name of ["..", "../../etc", "", "0".repeat(31), "A".repeat(32), `${"0".repeat(32)}/..`]) {
      assertThrows(() => trees.nodes(name), UserError, "32 hexadecimal digits");
      assertThrows(() => trees.picturePath(name, 0), UserError, "32 hexadecimal digits");
    }
    assert(trees.picturePath(trees.create(), 1.5).endsWith("/pictures/1.png"));
  }));

Deno.test("a tree in use is parsed once; those used last are kept, within a bound", () =>
  withFolder((folder) => {
    const trees = openTrees(folder);
    const [first, second, third] = Array.from({ length: 3 }, () => {
      const tree = trees.create();
      const nodes = Array.from({ length: 1500 }, (_, id) => ({ id, parent: null, title: tree }));
      Deno.writeTextFileSync(`${folder}/trees/${tree}/tree.jsonl`, JSON.stringify(nodes) + "\n");
      return tree;
    }) as [string, string, string];
    const [a, b] = [trees.nodes(first), trees.nodes(second)];
    assert(trees.nodes(first) === a && trees.nodes(second) === b && trees.nodes(first) === a, "a tree in use was parsed again");
    trees.nodes(third); // 4,500 nodes: the one that was used the longest ago has to go
    assert(trees.nodes(first) === a && trees.nodes(second) !== b, "the tree used the longest ago was kept");
    assertEquals(trees.nodes(second), b);
  }));

Deno.test("a tree in memory is the one on the disk, whichever call to the disk fails while it grows", () =>
  withFolder((folder) => {
    const trees = openTrees(folder);
    const tree = trees.create();
    const given = { parent: null, title: "given", drawn: { ...drawn, logLikelihood: -Infinity }, png };
    let [kept, isWhole] = [0, false];
    for (let at = 1; !isWhole; at++) {
      Object.assign(failing, { below: folder, at, calls: 0, reads: false });
      try {
        kept = trees.grow(tree, [given])[0]!.id + 1;
        isWhole = failing.calls < at;
      } catch (error) {
        assert((error as Error).message.includes("os error 5"), `${error}`);
        Deno.writeTextFileSync(`${folder}/trees/${tree}/tree.jsonl`, '[{"id":', { append: true }); // half of the line
      } finally {
        failing.below = "";
      }
      const nodes = trees.nodes(tree);
      assert(nodes.length >= kept && (at > 8 || !isWhole), `${nodes.length} of ${kept} are left at call ${at}`);
      assertEquals(nodes, openTrees(folder).nodes(tree));
    }
  }));
