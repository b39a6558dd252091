import { gate, rateLimit } from "../../lib/serve/rate.ts";
import { assertEquals, assertRejects } from "../support.ts";

Deno.test("rateLimit() allows a burst and then so many a minute, to each by itself, and says how long to wait", () => {
  let now = 0;
  const limit = rateLimit(30, 3, () => now);
  assertEquals(["a", "a", "a", "a", "b"].map((who) => limit.take(who)), [0, 0, 0, 2, 0]);
  now = 1000;
  assertEquals(limit.take("a"), 1); // half of one is back
  now = 2000;
  assertEquals([limit.take("a"), limit.take("a")], [0, 2]);
  now = 3_600_000;
  assertEquals([1, 2, 3, 4].map(() => limit.take("a") > 0), [false, false, false, true]); // never more than the burst
});

Deno.test("rateLimit() still holds for those who used theirs up when many others have come", () => {
  let now = 0;
  const limit = rateLimit(1, 1, () => now);
  limit.take("busy");
  for (let i = 0; i < 3000; i++) limit.take(`${now += 1}`);
  assertEquals(limit.take("busy") > 0, true);
});

Deno.test("gate() lets so many in and the next when one is out; inside one works at a time, and an error closes nothing", async () => {
  const two = gate(2);
  let most = 0;
  let working = 0;
  const work = (who: string) =>
    two.pass(who, () =>
      two.alone(async () => {
        most = Math.max(most, ++working);
        await new Promise((done) => setTimeout(done, 5));
        return working--;
      }));
  assertEquals(await Promise.all([work("a"), work("b"), work("c")]), [1, 1, undefined]);
  assertEquals(most, 1);
  await assertRejects(() => two.pass("a", () => two.alone(() => Promise.reject(new Error("broken")))), Error, "broken");
  assertEquals(await Promise.all([work("a"), work("b")]), [1, 1]);
});

Deno.test("gate() lets nobody fill it: there is room for others, whoever came first", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const eight = gate(8);
  const asked = ["a", "a", "a", "a", "b", "b", "b", "c", "c", "d", "e", "f"].map((who) => eight.pass(who, () => promise));
  resolve(1);
  const passed = (await Promise.all(asked)).map((one) => one === 1);
  assertEquals(passed, [true, true, true, false, true, true, false, true, false, true, true, false]);
});
