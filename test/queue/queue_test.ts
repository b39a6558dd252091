import { allStandings, connectQueue, WAIT } from "../../lib/queue/jetstream.ts";
import { openQueue } from "../../lib/queue/queue.ts";
import { assertEquals, assertRejects, UserError } from "../support.ts";
import { NO_SERVER, withServer } from "./support.ts";

const JOBS = { run: "annotate-1", about: "", batches: [["a"], ["b"]] };

Deno.test({
  name: "a worker keeps its job while its main thread computes, and loses it when it is gone",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address) => {
      const [one, two] = [await openQueue(address, JOBS), await openQueue(address, JOBS)];
      assertEquals((await one.next())?.job.batch, 0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT + 2000); // nothing else runs in this thread
      assertEquals(await two.next(), { job: { batch: 1, ids: ["b"] }, tries: 1 });
      await two.done();
      assertEquals((await two.next())?.job, {}); // the last one: the first batch was not given out again
      await one.close(); // without a word
      await two.later(2 * WAIT);
      assertEquals(await two.next(), { job: { batch: 0, ids: ["a"] }, tries: 2 });
      await two.done();
      assertEquals((await two.standing())!.done, 2);
      await two.finish();
      await two.close();
      const connection = await connectQueue(address);
      assertEquals(await allStandings(connection), []);
      await connection.close();
    }),
});

Deno.test("openQueue() passes on why a queue cannot be reached, and leaves no thread behind", async () => {
  await assertRejects(() => openQueue("nats://127.0.0.1:1", JOBS), UserError, "Cannot reach a queue at nats://127.0.0.1:1");
});
