/** Collectives between processes: they cannot be seen from one. */
import { failureOfCluster } from "../../lib/engine/collectives.ts";
import { assert, assertEquals } from "../support.ts";
import { freeAddresses } from "../../lib/experiment/workers.ts";
import { startWorker, type Worker } from "../workers.ts";

const CHILD = new URL("collectives_child.ts", import.meta.url).pathname;

function worker(rank: number, addresses: readonly string[], join: number, loss: number, what = "once"): Worker {
  return startWorker(CHILD, [`${rank}`, addresses.join(), `${join}`, `${loss}`, what]);
}

Deno.test("joinCluster() lets three processes sum what compiled functions gave, and a fourth with a used port is told so", async () => {
  const addresses = freeAddresses(3);
  const workers = addresses.map((_, rank) => worker(rank, addresses, 30, 8, "again"));
  for (const { line } of workers) assertEquals(await line(), { real: 2 * (0.25 + 1.25 + 2.25), whole: [3, 3] });
  const second = worker(1, addresses, 30, 30);
  const { error, kind } = await second.line();
  assert(kind && `${error}`.includes("Cannot listen at") && `${error}`.includes("another run uses this port"), `${error}`);
  assertEquals(await second.end(), 1);

  workers[1]!.child.kill("SIGKILL");
  for (const rank of [0, 2]) {
    const left = await workers[rank]!.line();
    assert(left["kind"] && /Cannot go on as (worker \d of 3|another worker)/.test(`${left["error"]}`), `${left["error"]}`);
  }
  assertEquals(await Promise.all(workers.map(({ end }) => end())), [1, 137, 1]);
});

Deno.test("sum() ends within the stated time when another process is stopped, and both ends name it", async () => {
  const addresses = freeAddresses(2);
  const workers = addresses.map((_, rank) => worker(rank, addresses, 30, 4, "again"));
  for (const { line } of workers) await line();
  workers[1]!.child.kill("SIGSTOP");
  const began = performance.now();
  const left = await workers[0]!.line();
  const seconds = (performance.now() - began) / 1000;
  workers[1]!.child.kill("SIGKILL");
  assert(left["kind"] && `${left["error"]}`.includes("worker 1 of 2") && `${left["error"]}`.includes("4 s"), `${left["error"]}`);
  assert(seconds < 20, `it took ${seconds} s`);
  assertEquals(await Promise.all(workers.map(({ end }) => end())), [1, 137]);
});

Deno.test("joinCluster() gives up in one sentence when a worker does not come, whoever waits", async () => {
  for (const rank of [0, 1]) {
    const alone = worker(rank, freeAddresses(2), 2, 30);
    const { error, kind } = await alone.line();
    assert(kind && /Cannot begin as .* has not come within 2 s/.test(`${error}`), `${error}`);
    assertEquals(await alone.end(), 1);
  }
});

Deno.test("gather() lays float32 and bfloat16 parts one after the other, and says that a worker has ended or hangs", async () => {
  const expected = (shape: number[], precision: string) => ({ shape, precision, values: [0.25, 1.25] });
  for (
    const [other, sentence] of [["gather", /Cannot go on as worker 1 of 2/], ["gather, hang", /has not come to a step's end within 3 s/]]
  ) {
    const addresses = freeAddresses(2);
    const workers = ["gather", other as string].map((what, rank) => worker(rank, addresses, 30, 8, what));
    for (const { line } of workers) {
      await line();
      assertEquals(await line(), { real: expected([6], "float32"), half: expected([8192], "bfloat16") });
    }
    if (other === "gather") workers[1]!.child.kill("SIGKILL");
    const { error, kind } = await workers[0]!.line();
    assert(kind && (sentence as RegExp).test(`${error}`), `${error}`);
    const code = await workers[0]!.end();
    assert(code === 1 || code === 134, `${code}`); // a thread of TensorFlow's may abort a process that has said why and ends
    if (other !== "gather") workers[1]!.child.kill("SIGKILL");
    assertEquals(await workers[1]!.end(), 137);
  }
});

Deno.test("failureOfCluster() names the worker that TensorFlow names, and never this one", () => {
  const cluster = { rank: 1, addresses: ["a:1", "b:1\x1b", "c:1"] };
  const of = (words: string) => failureOfCluster(new Error(words), cluster, { join: 9, loss: 8, hang: 7 }).message;
  assert(of("remote target /job:worker/replica:0/task:2 while calling").includes('worker 2 of 3 ("c:1")'));
  assert(of("task:1 is gone").includes("another worker"));
  assert(of("task:77").includes("another worker"));
  assert(of("RPC: /tensorflow.CoordinationService/Heartbeat").includes('worker 0 of 3 ("a:1")'));
  assert(of("Could not start gRPC server").includes('"b:1\\u001b"'));
});
