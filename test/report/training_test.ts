import { reportTraining } from "../../lib/report/training.ts";
import { appendLine, exists, readText } from "../../lib/files.ts";
import { assert, assertClose, assertEquals, withFolder } from "../support.ts";

Deno.test({
  name: "reportTraining() gives the means of the first and the last ten losses and the median speed, and draws the loss",
  sanitizeOps: false, // Vega keeps a timer
  sanitizeResources: false,
  fn: () =>
    withFolder(async (folder) => {
      const speeds = [900, ...Array<number>(24).fill(100), 1]; // the first step compiles, the last is odd: neither counts
      for (const [i, speed] of speeds.entries()) {
        appendLine(`${folder}/log.jsonl`, JSON.stringify({ step: i + 1, loss: 100 - i, norm: 1, lr: 0.1, speed }));
      }
      const { kind, steps, loss, tokensPerSecond, trajectories } = await reportTraining(folder, "cwm", 7);
      assertEquals([kind, steps, tokensPerSecond, trajectories], ["training", 26, 100, 7]);
      assertClose([loss.first, loss.last], [95.5, 79.5], 1e-9);
      assert(readText(`${folder}/loss.svg`).includes("<svg") && exists(`${folder}/loss.png`));
      const events = new TextDecoder("latin1").decode(Deno.readFileSync(`${folder}/tensorboard/events.out.tfevents.0.worldstrap`));
      assertEquals([events.match(/loss/g)?.length, events.match(/lr/g)?.length], [26, 26]);
    }),
});
