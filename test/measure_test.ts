import { asMarkdown, measure, mirroredTests } from "./measure.ts";
import { assert, assertEquals, withFolder } from "./support.ts";

const FILES: Readonly<Record<string, string>> = {
  "mod.ts": 'export * from "./lib/a/mod.ts";\n',
  "lib/a/mod.ts": 'export * from "./one.ts";\nexport * from "./two.ts";\n',
  "lib/a/one.ts": 'import type { Two } from "./two.ts";\n' +
    "/** Six. @example */\nexport function six(a: Two, b: 1, c: 1, d: 1, e: 1, f: 1): unknown {\n  return [a, b, c, d, e, f!] as unknown as never;\n}\n",
  "lib/a/two.ts": 'import { causalAttention } from "../nn/three.ts";\nimport { six } from "./one.ts";\n' +
    "export type Two = typeof six;\nexport const two = () => causalAttention(tf);\n",
  "lib/nn/three.ts": "export function causalAttention(tf: any) {\n  tf.reshape(1); // [B, T]\n  return tf.transpose(1); // turned\n}\n",
  "tasks/train_cwm.ts": 'import { two } from "../lib/a/mod.ts";\nexport function main() {\n  two();\n}\n',
  "test/a/one_test.ts": "",
};

Deno.test("measure() counts what is in a checkout", () =>
  withFolder(async (root) => {
    for (const [path, text] of Object.entries(FILES)) {
      Deno.mkdirSync(`${root}/${path.slice(0, path.lastIndexOf("/") + 1)}`, { recursive: true });
      Deno.writeTextFileSync(`${root}/${path}`, text);
    }
    const measures = await measure(root);
    const valueOf = (name: string) => measures.find((one) => one.name.includes(name))!.value;
    const listOf = (name: string) => measures.find((one) => one.name.includes(name))!.list;
    assertEquals([valueOf("files in lib"), valueOf("lines in lib"), valueOf("function length in lib")], ["4", "15", "3 / 4 / 4"]);
    assertEquals(listOf("circles"), ["lib/a/one.ts ↔ lib/a/two.ts"]);
    assertEquals(listOf("positional"), ["six (lib/a/one.ts:3): 6"]);
    assertEquals(["unknown as", "as never", "non-null", "exported by"].map(valueOf), ["1", "1", "1", "3"]);
    assertEquals([valueOf("shape"), listOf("shape")], ["1 of 2 (50 %)", ["lib/nn/three.ts:3"]]);
    assertEquals(listOf("jumps"), ["tasks/train_cwm.ts → lib/a/two.ts → lib/nn/three.ts"]);
    assertEquals([valueOf("@example"), valueOf("mirrored")], ["1 of 2 (50 %)", "2 of 3"]);
    const table = asMarkdown([root, "again"], [measures, measures]);
    assert(table.includes("| files in lib | 4 | 4 |") && table.includes(`**${root}: circles`), table);
  }));

Deno.test("CONTRIBUTING names every file of lib without a test of its own, and no other, with tests that are there", () => {
  const root = new URL("..", import.meta.url).pathname;
  const guide = Deno.readTextFileSync(`${root}/CONTRIBUTING.md`);
  const [, section] = guide.split(/^## Files without a test of their own$/m);
  assert(section, "CONTRIBUTING.md has no such section");
  const named = [...section.matchAll(/`((?:lib|test)\/[\w./-]+\.ts)`/g)].map(([, path]) => path!);
  assertEquals(named.filter((path) => path.startsWith("lib/")).sort(), [...mirroredTests(root).untested]);
  for (const path of named) assert(Deno.statSync(`${root}/${path}`).isFile, path);
});
