/** A step shared by several processes: the same global batch, the same losses and weights. */
import { piecesOf, rowsOf } from "../../lib/train/workers.ts";
import { readLog } from "../../lib/train/loop.ts";
import { dispose, tf } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, UserError, withFolder, withoutLeaks } from "../support.ts";
import { freeAddresses } from "../../lib/experiment/workers.ts";
import { startWorker, type Worker } from "../workers.ts";

await engine();
const CHILD = new URL("workers_child.ts", import.meta.url).pathname;
const USUAL = { steps: 8, rows: 6, accumulate: 2, delay: 0, digest: "0".repeat(16) };

/** The workers of a regression; `options` of each beside the usual ones. */
function start(folder: string, count: number, options: (rank: number) => object = () => ({}), loss = 30): Worker[] {
  const addresses = freeAddresses(count);
  return addresses.map((_, rank) =>
    startWorker(CHILD, [folder, `${rank}`, addresses.join(), `${loss}`, JSON.stringify({ ...USUAL, ...options(rank) })])
  );
}

/** A proxy to an address; once cut, its connections stay open and carry nothing, as behind a broken switch. */
function startProxy(address: string): { address: string; cut: () => void; stop: () => void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  let isCut = false;
  const pump = async (from: Deno.Conn, to: Deno.Conn) => {
    const bytes = new Uint8Array(2 ** 16);
    for (let count: number | null = 0; count !== null;) {
      count = await from.read(bytes);
      for (let done = 0; !isCut && count !== null && done < count;) done += await to.write(bytes.subarray(done, count));
    }
  };
  const accept = async () => {
    for await (const near of listener) {
      open.add(near);
      const far = await Deno.connect({ hostname: "127.0.0.1", port: Number(address.split(":")[1]) }).catch(() => undefined);
      if (!far) continue;
      open.add(far);
      for (const way of [pump(near, far), pump(far, near)]) way.catch(() => {});
    }
  };
  accept().catch(() => {});
  return {
    address: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    cut: () => isCut = true,
    stop: () => [listener, ...open].forEach((resource) => resource.close()),
  };
}

/** A worker's last line. */
async function lastOf({ line }: Worker): Promise<Record<string, unknown>> {
  for (let last: Record<string, unknown> = {};;) {
    const next = await line();
    if (next["ended"]) return last;
    last = next;
  }
}

/** Runs a regression to its end; gives what the first worker says. */
async function regression(folder: string, count: number, options: object = {}): Promise<{ params: number[]; losses: number[] }> {
  const workers = start(folder, count, () => options);
  const lasts = await Promise.all(workers.map(lastOf));
  assertEquals(await Promise.all(workers.map(({ end }) => end())), Array(count).fill(0), JSON.stringify(lasts));
  assertEquals(lasts.slice(1).map(({ shown }) => shown), Array(count - 1).fill(0)); // the first alone gives steps
  assertEquals(lasts.map(({ tensors }) => tensors), Array(count).fill(0));
  return { params: lasts[0]!["params"] as number[], losses: readLog(folder).map(({ loss }) => loss) };
}

Deno.test("piecesOf() cuts a step into equal runs: whole micro-batches, or parts of them", () => {
  const of = (count: number, accumulate: number, rows: number) =>
    Array.from({ length: count }, (_, rank) => piecesOf({ rank, count }, accumulate, rows).map(({ micro, from, to }) => [micro, from, to]));
  assertEquals(piecesOf(undefined, 2, 1), [{ micro: 0, from: 0, to: 1, share: 1 }, { micro: 1, from: 0, to: 1, share: 1 }]);
  assertEquals(of(2, 4, 3), [[[0, 0, 3], [1, 0, 3]], [[2, 0, 3], [3, 0, 3]]]);
  assertEquals(of(2, 3, 4), [[[0, 0, 4], [1, 0, 2]], [[1, 2, 4], [2, 0, 4]]]);
  assertEquals(of(3, 1, 4), [[[0, 0, 1]], [[0, 1, 2]], [[0, 2, 4]]]);
  for (const [count, accumulate, rows] of [[5, 3, 7], [16, 24, 4], [7, 1, 7]] as const) {
    const shares = of(count, accumulate, rows).flat();
    assertEquals(shares.reduce((sum, [, from, to]) => sum + to! - from!, 0), accumulate * rows); // each sample once
  }
  assertThrows(() => piecesOf({ rank: 0, count: 5 }, 2, 2), UserError, "Cannot share 4 samples a step among 5 workers");
});

Deno.test("rowsOf() takes the rows of every tensor of a batch", () =>
  withoutLeaks(() => {
    const batch = { a: tf.tensor2d([[1, 2], [3, 4], [5, 6]]), b: tf.tensor1d([7, 8, 9]) };
    const cut = rowsOf(batch, { micro: 0, from: 1, to: 3, share: 2 / 3 });
    assertEquals([cut.a.arraySync(), cut.b.arraySync()], [[[3, 4], [5, 6]], [8, 9]]);
    dispose([batch, cut]);
  }));

Deno.test("train() gives the same losses and weights on 1, 2 and 4 workers, whatever the split, and the same bits again", () =>
  withFolder(async (folder) => {
    const alone = await regression(`${folder}/1`, 1);
    for (const count of [2, 4]) { // by micro-batches, and by rows
      const shared = await regression(`${folder}/${count}`, count);
      assertClose(shared.losses, alone.losses, 1e-5, "losses");
      assertClose(shared.params, alone.params, 1e-5, "weights");
      assertEquals(await regression(`${folder}/${count}-again`, count), shared);
    }
  }));

Deno.test("gradients that are handed on while others are computed add up to the same, on 1 worker to the same bits", () =>
  withFolder(async (folder) => {
    const alone = await regression(`${folder}/1`, 1);
    assertEquals(await regression(`${folder}/1-early`, 1, { early: true }), alone);
    for (const count of [2, 4]) {
      const shared = await regression(`${folder}/${count}`, count, { early: true });
      assertClose(shared.losses, alone.losses, 1e-5, "losses");
      assertClose(shared.params, alone.params, 1e-5, "weights");
      assertEquals(await regression(`${folder}/${count}-again`, count, { early: true }), shared);
    }
  }));

Deno.test("a training of 2 workers goes on after SIGKILL: on 2 with the same bits, on 1 and 4 within 1e-5", () =>
  withFolder(async (folder) => {
    const undisturbed = await regression(`${folder}/whole`, 2);
    for (const victim of [0, 1]) {
      const cut = `${folder}/cut${victim}`;
      const workers = start(cut, 2, () => ({ delay: 100 }));
      while ((await workers[0]!.line())["step"] !== 5) { /* the checkpoint of step 3 is there */ }
      workers[victim]!.child.kill("SIGKILL");
      const left = await lastOf(workers[1 - victim]!);
      assert(left["kind"] && /Cannot go on as worker \d of 2/.test(`${left["error"]}`), JSON.stringify(left));
      assertEquals((await Promise.all(workers.map(({ end }) => end())))[1 - victim], 1);
      await lastOf(workers[victim]!);
      for (const count of victim === 0 ? [2] : [1, 4]) {
        Deno.mkdirSync(`${folder}/on${count}`);
        new Deno.Command("cp", { args: ["-r", `${cut}/.`, `${folder}/on${count}`] }).outputSync();
        const resumed = await regression(`${folder}/on${count}`, count);
        assertClose(resumed.params, undisturbed.params, count === 2 ? 0 : 1e-5, `weights on ${count}`);
        assertClose(resumed.losses, undisturbed.losses, count === 2 ? 0 : 1e-5, `losses on ${count}`);
      }
    }
  }));

Deno.test("a worker that is stopped, and the first one too, ends the others in the stated time with one sentence", () =>
  withFolder(async (folder) => {
    for (const victim of [0, 2]) {
      const workers = start(`${folder}/${victim}`, 3, () => ({ delay: 50, steps: 1000 }), 4);
      while ((await workers[0]!.line())["step"] !== 4) { /* all have joined */ }
      const began = performance.now();
      workers[victim]!.child.kill("SIGSTOP");
      for (const worker of workers.filter((_, rank) => rank !== victim)) {
        const { error, kind } = await lastOf(worker);
        assert(kind && /Cannot go on as .* no sign of life for 4 s/.test(`${error}`) && !`${error}`.includes("\n"), `${error}`);
        assertEquals(await worker.end(), 1);
      }
      const seconds = (performance.now() - began) / 1000;
      assert(seconds < 20, `it took ${seconds} s`);
      workers[victim]!.child.kill("SIGKILL");
      await workers[victim]!.end();
    }
  }));

Deno.test("a worker that hangs while it gives signs of life ends the others in the stated time with one sentence", () =>
  withFolder(async (folder) => {
    const workers = start(folder, 3, (rank) => ({ steps: 1000, hang: 3, ...(rank === 1 && { hangsAt: 10 }) }));
    for (const rank of [0, 2]) {
      const { error, kind } = await lastOf(workers[rank]!);
      assert(kind && /another worker has not come to a step's end within 3 s/.test(`${error}`) && !`${error}`.includes("\n"), `${error}`);
      assertEquals(await workers[rank]!.end(), 1);
    }
    workers[1]!.child.kill("SIGKILL");
    await workers[1]!.end();
    assert(readLog(folder).length >= 3); // steps before it are there
  }));

Deno.test("a connection that is cut ends both ends in the stated time with one sentence", () =>
  withFolder(async (folder) => {
    const addresses = freeAddresses(2);
    const proxies = addresses.map(startProxy); // each worker sees the other behind a proxy
    const seen = (rank: number) => addresses.map((address, i) => i === rank ? address : proxies[i]!.address).join();
    const workers = addresses.map((_, rank) =>
      startWorker(CHILD, [`${folder}/run`, `${rank}`, seen(rank), "4", JSON.stringify({ ...USUAL, delay: 50, steps: 1000 })])
    );
    try {
      while ((await workers[0]!.line())["step"] !== 4) { /* both have joined */ }
      proxies.forEach(({ cut }) => cut());
      const began = performance.now();
      for (const worker of workers) {
        const { error, kind } = await lastOf(worker);
        assert(kind && /Cannot go on as .* no sign of life for 4 s/.test(`${error}`) && !`${error}`.includes("\n"), `${error}`);
        assertEquals(await worker.end(), 1);
      }
      const seconds = (performance.now() - began) / 1000;
      assert(seconds < 20, `it took ${seconds} s`);
    } finally {
      proxies.forEach(({ stop }) => stop());
    }
  }));

Deno.test("a worker with another configuration is refused by one sentence on every worker", () =>
  withFolder(async (folder) => {
    const workers = start(folder, 3, (rank) => rank === 1 ? { digest: "0".repeat(15) + "1" } : {});
    for (const worker of workers) {
      const { error, kind } = await lastOf(worker);
      assert(kind && `${error}`.includes("the configuration of worker 1 differs from that of worker 0"), `${error}`);
      assertEquals(await worker.end(), 1);
    }
    assertEquals([...Deno.readDirSync(folder)], []);
  }));
