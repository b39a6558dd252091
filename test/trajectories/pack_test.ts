import { UserError } from "../../lib/errors.ts";
import { openPack } from "../../lib/trajectories/pack.ts";
import { assertEquals, assertThrows, withFolder } from "../support.ts";

const keyOf = (i: number) => i.toString(16).padStart(64, "0");
const contentOf = (i: number) => new Uint8Array(8).fill(i);
const STRIDE = 4 + 32 + 8 + 4;

/** Which of the first keys a pack knows, each with its own content. */
function known(path: string, count: number): number[] {
  using pack = openPack(path, 8);
  return Array.from({ length: count }, (_, i) => i).filter((i) => {
    const content = pack.find(keyOf(i));
    if (content) assertEquals(content, contentOf(i));
    return content !== undefined;
  });
}

function fill(path: string, from: number, to: number): void {
  using pack = openPack(path, 8);
  pack.append(Array.from({ length: to - from }, (_, i) => ({ key: keyOf(from + i), content: contentOf(from + i) })));
}

Deno.test("openPack() finds what was appended, at once and when opened again", () =>
  withFolder((folder) => {
    const path = `${folder}/new/a.pack`;
    using pack = openPack(path, 8);
    assertEquals(pack.find(keyOf(1)), undefined);
    pack.append([{ key: keyOf(1), content: contentOf(1) }, { key: keyOf(2), content: contentOf(2) }]);
    pack.append([{ key: keyOf(2), content: contentOf(2) }, { key: keyOf(3), content: contentOf(3) }]); // 2 is there already
    assertEquals([pack.find(keyOf(2)), pack.find(keyOf(3))], [contentOf(2), contentOf(3)]);
    assertEquals([Deno.statSync(path).size, known(path, 5)], [3 * STRIDE, [1, 2, 3]]);
  }));

Deno.test("openPack() loses the last record alone when a process is killed at any byte of it, and goes on after it", () =>
  withFolder((folder) => {
    for (let cut = 1; cut < STRIDE; cut++) {
      const path = `${folder}/${cut}.pack`;
      fill(path, 0, 3);
      Deno.truncateSync(path, 3 * STRIDE - cut);
      fill(path, 3, 5);
      assertEquals(known(path, 5), [0, 1, 3, 4], `cut by ${cut}`);
    }
  }));

Deno.test("openPack() passes over a record with a flipped bit, wherever it is", () =>
  withFolder((folder) => {
    for (let at = 0; at < STRIDE; at++) {
      const path = `${folder}/${at}.pack`;
      fill(path, 0, 3);
      const bytes = Deno.readFileSync(path);
      bytes[STRIDE + at]! ^= 16;
      Deno.writeFileSync(path, bytes);
      assertEquals(known(path, 3), [0, 2], `byte ${at}`);
    }
  }));

Deno.test("openPack() keeps the records of two writers apart", () =>
  withFolder((folder) => {
    const path = `${folder}/a.pack`;
    using one = openPack(path, 8);
    using other = openPack(path, 8);
    for (let i = 0; i < 20; i += 2) {
      one.append([{ key: keyOf(i), content: contentOf(i) }]);
      other.append([{ key: keyOf(i + 1), content: contentOf(i + 1) }]);
    }
    assertEquals([one.find(keyOf(18)), other.find(keyOf(19))], [contentOf(18), contentOf(19)]);
    assertEquals(known(path, 20).length, 20);
  }));

Deno.test("openPack() reads records that lie across its chunks of 4 MiB", () =>
  withFolder((folder) => {
    const path = `${folder}/a.pack`;
    const content = (i: number) => new Uint8Array(1_000_000).fill(i);
    {
      using pack = openPack(path, 1_000_000);
      pack.append(Array.from({ length: 11 }, (_, i) => ({ key: keyOf(i), content: content(i) })));
    }
    using pack = openPack(path, 1_000_000);
    for (let i = 0; i < 11; i++) assertEquals(pack.find(keyOf(i))?.at(-1), i);
  }));

Deno.test("openPack() refuses a folder in a sentence", () =>
  withFolder((folder) => {
    assertThrows(() => openPack(folder, 8), UserError, "it is a folder");
  }));
