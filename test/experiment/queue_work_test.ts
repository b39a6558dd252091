import { batchesOf, isDone, type Work } from "../../lib/experiment/batches.ts";
import { workTogether } from "../../lib/experiment/queue_work.ts";
import { writeFile } from "../../lib/files.ts";
import { openQueue } from "../../lib/queue/queue.ts";
import { sweep } from "../faults/queue_sweep.ts";
import { NO_SERVER, withServer } from "../queue/support.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const LETTERS = [..."abcdefghij"];

const workIn = (folder: string, run: Work<string, string>["run"]): Work<string, string> => ({
  ...{ name: "test", unit: "letters", folder, batches: batchesOf(LETTERS, 2), idOf: (item) => item, run },
});

Deno.test({
  name: "workTogether() sets a poisonous batch aside by name, finishes the others in order, and removes the run from the queue",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address, folder) => {
      let tries = 0;
      const work = workIn(`${folder}/run`, ({ index, items }) => {
        if (index !== 2) return Promise.resolve(items);
        tries++;
        return Promise.reject(new Error("it is too much"));
      });
      const worked = await workTogether(work, address);
      const reason = "batch 2 was set aside: it failed 5 times, at last so: it is too much";
      assertEquals([tries, worked!.lines], [5, [..."abcdghij"]]);
      assertEquals(worked!.problems, [{ id: "e", reason }, { id: "f", reason }]);
      await worked!.finish();
      writeFile(`${folder}/run/result.json`, "{}");
      assertEquals((await workTogether(work, address))!.lines, worked!.lines); // published anew, found done
    }),
});

Deno.test({
  name: "a worker that fails at one batch after the other stops, and says why; the next one does them all",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address, folder) => {
      const full = workIn(`${folder}/run`, () => Promise.reject(new UserError("Cannot write as the disk is full")));
      await assertRejects(() => workTogether(full, address), UserError, "the disk is full");
      const worked = await workTogether(workIn(`${folder}/run`, ({ items }) => Promise.resolve(items)), address);
      assertEquals([worked!.lines, worked!.problems], [LETTERS, []]);
      await worked!.finish();
    }),
});

Deno.test({
  name: "a batch that nobody has finished in five tries is set aside unseen; a file that was removed is made again",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address, folder) => {
      const ran: number[] = [];
      const work = workIn(`${folder}/run`, ({ index, items }) => Promise.resolve((ran.push(index), items)));
      writeFile(`${folder}/run/queue.json`, '{"run":"poison"}');
      const killed = await openQueue(address, { run: "poison", about: "", batches: work.batches.map(({ items }) => items) });
      for (let tries = 0; tries < 5;) {
        const taken = await killed.next();
        if (taken?.job.batch === 0) tries = taken.tries;
        if (taken?.job.batch === 1 && !isDone(`${folder}/run`, 1)) await killed.done(); // as if its file had been lost
        else await killed.later(0);
      }
      await killed.close();
      const worked = await workTogether(work, address);
      assertEquals(worked!.problems.map(({ reason }) => reason), Array(2).fill("batch 0 was set aside: none of 5 workers finished it"));
      assertEquals([worked!.lines, ran.includes(0), ran.includes(1)], [[..."cdefghij"], false, true]);
      await worked!.finish();
    }),
});

Deno.test({
  name: "three workers of a queue lose nothing and do nothing twice, though two of them and the server are killed",
  ignore: NO_SERVER,
  fn: () =>
    withFolder(async (folder) => {
      const { again, ...found } = await sweep(folder, 192, 2);
      assert(again <= 4, `${again} batches were worked on again`);
      assertEquals(found, { pairs: 192, kills: 2, serverKills: 1, lost: 0, twice: 0, equal: true, errors: [] });
    }),
});
