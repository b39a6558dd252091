import { batchItems } from "../../lib/trajectories/mod.ts";
import { assert, assertEquals, engine } from "../support.ts";

await engine();

Deno.test("batchItems() takes every item once an epoch, in another order each", () => {
  const items = [0, 1, 2, 3, 4];
  const drawn = Array.from({ length: 5 }, (_, i) => batchItems(items, 1, 2, i)).flat();
  assertEquals([drawn.slice(0, 5).sort(), drawn.slice(5).sort()], [items, items]);
  assert(`${drawn.slice(0, 5)}` !== `${drawn.slice(5)}`);
  assertEquals(batchItems(items, 1, 2, 3), batchItems(items, 1, 2, 3));
});
