import { fairQueue } from "../../lib/serve/queue.ts";
import { assert, assertEquals } from "../support.ts";

/** A queue of things named by their person and number. */
function queueOf(...names: readonly string[]) {
  const queue = fairQueue<{ person: string; tree: string; kind: string; name: string }>();
  const add = (name: string, kind = "draw") => {
    const item = { person: name[0]!, tree: /[A-Z]/.exec(name)?.[0] ?? "", kind, name }; // "aT1": the first of a's tree T
    queue.add(item);
    return item;
  };
  const items = names.map((name) => add(name));
  const names_ = () => queue.waiting().map(({ name }) => name);
  return { queue, add, items, order: names_, take: (most: number) => queue.take(most).map(({ name }) => name) };
}

Deno.test("fairQueue() lets everybody's first come before anybody's second", () => {
  const { order } = queueOf("a1", "a2", "a3", "b1", "c1", "b2");
  assertEquals(order(), ["a1", "b1", "c1", "a2", "b2", "a3"]);
});

Deno.test("fairQueue() lets nobody save up: who comes late has the round that is served", () => {
  const { take, add, order } = queueOf("a1", "a2", "a3", "b1");
  assertEquals(take(3), ["a1", "b1", "a2"]);
  add("c1");
  add("c2");
  assertEquals(order(), ["c1", "c2", "a3"]); // a has had two already
});

Deno.test("fairQueue() serves everybody within a round, however much one of them asks for", () => {
  const { take, add } = queueOf(...Array.from({ length: 40 }, (_, i) => `a${i}`));
  add("b1");
  assertEquals(take(2), ["a0", "b1"]);
});

Deno.test("fairQueue() serves somebody's second while others come again and again, and forgets those who are gone", () => {
  const { add, take } = queueOf("a1", "a2", "b1", "c1");
  const served: string[] = [];
  for (let i = 2; !served.includes("a2"); i++) {
    const [name] = take(1);
    served.push(name!);
    if (name![0] !== "a") add(`${name![0]}${i}`); // who was served asks again at once
    assert(i < 20, `a2 is passed by: ${served}`);
  }
  assertEquals(served, ["a1", "b1", "c1", "a2"]);
  for (let i = 0; i < 100; i++) {
    add(`${String.fromCharCode(300 + i)}1`);
    assertEquals(take(1).length, 1);
  }
});

Deno.test("take() gives what is of one kind with the next one, and leaves the others in their order", () => {
  const { add, take, order } = queueOf();
  for (const [name, kind] of [["a1", "draw"], ["b1", "say"], ["c1", "draw"], ["d1", "draw"]] as const) add(name, kind);
  assertEquals(take(2), ["a1", "c1"]);
  assertEquals(order(), ["b1", "d1"]);
  assertEquals([take(9), take(9), take(9)], [["b1"], ["d1"], []]);
});

Deno.test("remove() takes one out that waits, and says when it does not wait any more", () => {
  const { queue, items, order, take } = queueOf("a1", "b1", "a2");
  assertEquals([queue.remove(items[1]!), queue.remove(items[1]!)], [true, false]);
  assertEquals(order(), ["a1", "a2"]);
  take(1);
  assertEquals(queue.remove(items[0]!), false);
});

Deno.test("fairQueue() gives people with many trees no more turns, and is fair to the trees of one person", () => {
  const { add, take, order, queue, items } = queueOf("aT1", "aT2", "aT3", "aU1", "aV1", "b1", "b2");
  assertEquals(order(), ["aT1", "b1", "aU1", "b2", "aV1", "aT2", "aT3"]);
  assertEquals(queue.remove(items[3]!), true); // the others of its person move up
  assertEquals(order(), ["aT1", "b1", "aV1", "b2", "aT2", "aT3"]);
  assertEquals(take(2), ["aT1", "b1"]);
  add("c1");
  add("aW1");
  assertEquals(order(), ["c1", "aV1", "b2", "aW1", "aT2", "aT3"]);
  assertEquals([take(4), take(4), take(4)], [["c1", "aV1", "b2", "aW1"], ["aT2", "aT3"], []]);
});
