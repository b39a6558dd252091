import {
  allStandings,
  answerFor,
  connectQueue,
  publishJobs,
  removeRun,
  standingOf,
  takeJob,
  workersOf,
} from "../../lib/queue/jetstream.ts";
import { assert, assertEquals, assertRejects, UserError } from "../support.ts";
import { NO_SERVER, withServer } from "./support.ts";

const JOBS = { run: "sample-1", about: "sample in runs/x", batches: [["a", "b"], ["c"]] };

Deno.test({
  name: "a run's jobs are published once whoever publishes them, and taken one by one; a job that is handed back comes again",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address) => {
      const connection = await connectQueue(address);
      await Promise.all([publishJobs(connection, JOBS), publishJobs(connection, JOBS)]);
      await publishJobs(connection, { ...JOBS, batches: [...JOBS.batches, ["d"]] }); // as if the first had died before the third
      const [standing] = await allStandings(connection);
      assert(standing!.bytes > 0);
      assertEquals({ ...standing!, bytes: 0 }, { run: "sample-1", about: JOBS.about, jobs: 4, done: 0, inWork: 0, again: 0, bytes: 0 });
      const first = await takeJob(connection, JOBS.run);
      assertEquals([first!.job, first!.tries], [{ batch: 0, ids: ["a", "b"] }, 1]);
      await first!.message.ackAck();
      const second = await takeJob(connection, JOBS.run);
      second!.message.nak();
      const seen = [];
      for (let i = 0; i < 3; i++) {
        const taken = await takeJob(connection, JOBS.run);
        seen.push([taken!.job.batch, taken!.tries]);
        await taken!.message.ackAck();
      }
      assertEquals(new Set(seen.map(([batch, tries]) => `${batch} ${tries}`)), new Set(["1 2", "2 1", "undefined 1"]));
      await publishJobs(connection, JOBS); // a worker that comes late
      assertEquals((await standingOf(connection, JOBS.run))!.done, 4);
      await removeRun(connection, JOBS.run);
      assertEquals([await takeJob(connection, JOBS.run), await standingOf(connection, JOBS.run), await allStandings(connection)], [
        undefined,
        undefined,
        [],
      ]);
      await removeRun(connection, JOBS.run);
      await connection.close();
    }),
});

Deno.test({
  name: "workersOf() names who is at work on a run",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address) => {
      const [one, two] = await Promise.all([connectQueue(address), connectQueue(address)]);
      assertEquals(await workersOf(one, "x"), []);
      const answer = { worker: "b:1", batches: 2, items: 30, seconds: 4 };
      await answerFor(one, "x", () => answer);
      await answerFor(two, "x", () => ({ ...answer, worker: "a:1" }));
      assertEquals(await workersOf(two, "x"), [{ ...answer, worker: "a:1" }, answer]);
      await Promise.all([one.close(), two.close()]);
    }),
});

Deno.test("connectQueue() refuses addresses that are none or hold a password, and says how to start a queue that is not there", async () => {
  for (const address of ["127.0.0.1:4222", "nats://me:secret@host:4222", "http://host"]) {
    const error = await assertRejects(() => connectQueue(address), UserError, "give nats://HOST:PORT");
    assert(error instanceof UserError);
  }
  await assertRejects(() => connectQueue("nats://127.0.0.1:1"), UserError, 'start one by "deno task queue start"');
});
