import { loadPoint } from "../../lib/train/checkpoints.ts";
import { train, type TrainingStep } from "../../lib/train/loop.ts";
import type { Disk } from "../../lib/files.ts";
import { dispose, randomStream, type Tensor, tf, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertEquals, assertRejects, engine, failingDisk, UserError, withFolder } from "../support.ts";

await engine();
const ADAMW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** A small regression, trained to `steps`; gives its last step, or throws where it is told to be killed. */
async function regression(
  folder: string,
  steps: number,
  options: { disk?: Disk; poison?: number; accumulate?: number; saveEvery?: number; signal?: Deno.Signal } = {},
): Promise<TrainingStep> {
  const training = train({
    folder,
    digest: "regression",
    initial: () => [tf.ones([3, 2])],
    schedule: { lr: 0.1, warmup: 2, steps: 12 },
    adamw: ADAMW,
    saveEvery: options.saveEvery ?? 3,
    accumulate: options.accumulate ?? 1,
    batch: (micro) => {
      const random = randomStream("batch", micro);
      if (options.signal && micro === 4) Deno.kill(Deno.pid, options.signal);
      const value = micro === options.poison ? NaN : 1;
      const x = tf.tensor2d(Array.from({ length: 12 }, () => random() * value), [4, 3]);
      return { tensors: { x }, size: 4, samples: [`sample-${micro}`] };
    },
    gradients: (params, { x }) =>
      valueAndGradients(([w]) => tf.mean(tf.square(tf.sub(tf.matMul(x as never, w as never), 0.3))) as Tensor, params),
    warn: () => {},
    ...(options.disk ? { disk: options.disk } : {}),
  });
  let last: TrainingStep | undefined;
  for await (const step of training) {
    last = step;
    if (step.step === steps && steps < 12) throw new Error("killed");
  }
  return last!;
}

Deno.test("train() that is asked to end keeps the step that it is at, and goes on from there to the same bits", () =>
  withFolder(async (folder) => {
    const undisturbed = await regression(`${folder}/whole`, 12);
    const run = () => regression(`${folder}/asked`, 12, { signal: "SIGTERM" }); // Ctrl-C is the test runner's own
    const { message } = await assertRejects(run, UserError);
    assertEquals(message, "Stopped after step 5, which is kept: the same command goes on from there");
    const resumed = await run(); // its step 5 is not done again, nor the signal sent
    assertEquals(resumed.params[0]!.dataSync(), undisturbed.params[0]!.dataSync());
    dispose([undisturbed.params, resumed.params]);
  }));

Deno.test("train() goes on after a kill and ends with the same bits, log and accumulation included", () =>
  withFolder((folder) =>
    (async () => {
      for (const accumulate of [1, 2]) {
        const [whole, cut] = [`${folder}/whole${accumulate}`, `${folder}/cut${accumulate}`];
        const undisturbed = await regression(whole, 12, { accumulate });
        for (const at of [2, 7, 11]) { // before the first checkpoint, and between two
          await assertRejects(() => regression(cut, at, { accumulate }), Error, "killed");
        }
        const resumed = await regression(cut, 12, { accumulate });
        assertEquals(resumed.params[0]!.dataSync(), undisturbed.params[0]!.dataSync());
        const log = (path: string) =>
          Deno.readTextFileSync(`${path}/log.jsonl`).trim().split("\n").map((line) => JSON.parse(line)).map((
            { step, loss },
          ) => [step, loss]);
        assertEquals(log(cut), log(whole));
        dispose([undisturbed.params, resumed.params]);
      }
    })()
  ));

Deno.test("train() stops before a step whose loss is not finite, and names step and samples", () =>
  withFolder(async (folder) => {
    const error = await assertRejects(() => regression(folder, 12, { poison: 7 }), UserError, "Cannot go on at step 8");
    assert(error.message.includes("sample-7"), error.message);
    const { step, state } = loadPoint(`${folder}/checkpoints`, "regression", [[3, 2]], () => {})!;
    assertEquals([step, [...state.params[0]!.dataSync()].every(Number.isFinite)], [6, true]);
    dispose(state);
  }));

Deno.test("train() ends alike when the n-th call of the disk fails and it is started again, for every n", () =>
  withFolder(async (folder) => {
    const whole = await regression(`${folder}/whole`, 12, { saveEvery: 6 });
    const expected = [...whole.params[0]!.dataSync()];
    dispose(whole.params);
    for (let n = 1;; n += 1) {
      const { disk, calls } = failingDisk(n);
      const path = `${folder}/n${n}`;
      try {
        dispose((await regression(path, 12, { disk, saveEvery: 6 })).params);
      } catch (error) {
        assert((error as Error).message.includes("disk is full"), (error as Error).message);
      }
      const again = await regression(path, 12, { saveEvery: 6 });
      assertEquals([...again.params[0]!.dataSync()], expected, `call ${n}`);
      dispose(again.params);
      if (calls() < n) break;
    }
  }));
