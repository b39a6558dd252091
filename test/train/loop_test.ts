import { adamwStep, freshState, learningRate } from "../../lib/train/adamw.ts";
import { loadPoint, pointSteps, savePoint } from "../../lib/train/checkpoints.ts";
import { train, type TrainingStep } from "../../lib/train/loop.ts";
import { type Disk, exists, realDisk } from "../../lib/files.ts";
import { dispose, randomStream, type Tensor, tf, valueAndGradients } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, assertRejects, engine, take, UserError, withFolder, withoutLeaks } from "../support.ts";

await engine();
const ADAMW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** A small regression, trained to `steps`; gives its last step, or throws where it is told to be killed. */
async function regression(
  folder: string,
  steps: number,
  options: { disk?: Disk; poison?: number; accumulate?: number; saveEvery?: number } = {},
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

Deno.test("adamwStep() is AdamW with clipping, written out", () =>
  withoutLeaks(() => {
    const state = freshState([tf.tensor1d([1, -2])]);
    const grads = [tf.tensor1d([3, 4])]; // norm 5, clipped to 1
    const rates = tf.tensor1d([0.1, 1]);
    const { state: next, norm } = adamwStep(state, grads, rates, ADAMW);
    const expected = [1, -2].map((p, i) => {
      const g = [3, 4][i]! / (5 + 1e-6);
      return p * (1 - 0.1 * 0.01) - 0.1 * g / (Math.sqrt(g * g) + 1e-8);
    });
    assertClose(take(norm), [5], 1e-5);
    assertClose(next.params[0]!.dataSync() as Float32Array, expected, 1e-6);
    dispose([state, next, grads, rates]);
  }));

Deno.test("learningRate() warms up and falls along a cosine", () => {
  const schedule = { lr: 1, warmup: 10, steps: 110 };
  assertEquals([learningRate(5, schedule), learningRate(10, schedule)], [0.5, 1]);
  assertClose([learningRate(60, schedule), learningRate(110, schedule)], [0.5, 0], 1e-12);
});

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

Deno.test("loadPoint() passes over a damaged checkpoint with a warning and takes the one before", () =>
  withFolder(async (folder) => {
    dispose((await regression(folder, 12)).params);
    const checkpoints = `${folder}/checkpoints`;
    assertEquals(pointSteps(checkpoints), [12, 9]);
    const path = `${checkpoints}/000012.safetensors`;
    const sound = Deno.readFileSync(path);
    const damages: Uint8Array[] = [
      sound.slice(0, sound.length - 5),
      new Uint8Array(),
      sound.map((b, i) => i === sound.length - 3 ? b ^ 1 : b),
    ];
    for (const damaged of damages) {
      Deno.writeFileSync(path, damaged);
      const warnings: string[] = [];
      const point = loadPoint(checkpoints, "regression", [[3, 2]], (message) => warnings.push(message))!;
      assertEquals([point.step, warnings.length], [9, 1]);
      assert(warnings[0]!.startsWith(`The checkpoint ${path} is passed over: `), warnings[0]);
      dispose(point.state);
    }
  }));

Deno.test("savePoint() keeps the old checkpoint whole whichever disk call fails", () =>
  withFolder((folder) => {
    const state = freshState([tf.ones([2])]);
    savePoint(folder, { step: 1, state }, "d");
    for (let n = 1;; n++) {
      const { disk, calls } = failingDisk(n);
      let failed = false;
      try {
        savePoint(folder, { step: 2, state }, "d", disk);
      } catch (error) {
        failed = true;
        assert((error as Error).message.includes("disk is full"), (error as Error).message);
      }
      const warnings: string[] = [];
      const point = loadPoint(folder, "d", [[2]], (message) => warnings.push(message))!;
      assertEquals(warnings, []);
      assert(point.step === 1 || point.step === 2);
      dispose(point.state);
      assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tmp")), []);
      if (!failed) {
        assert(calls() < n && n > 5, "every call failed once");
        break;
      }
      if (exists(`${folder}/000002.safetensors`)) Deno.removeSync(`${folder}/000002.safetensors`);
    }
    dispose(state);
  }));

/** A disk whose n-th call fails as a full one does. */
function failingDisk(n: number): { disk: Disk; calls: () => number } {
  let calls = 0;
  const guard = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A): R => {
    if (++calls === n) throw new Error("No space left on device (os error 28)");
    return call(...args);
  };
  const { open, append, write, sync, rename, remove, mkdir } = realDisk;
  const disk = {
    open: guard(open),
    append: guard(append),
    write: guard(write),
    sync: guard(sync),
    rename: guard(rename),
    remove,
    mkdir: guard(mkdir),
  };
  return { disk, calls: () => calls };
}

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

Deno.test("loadPoint() refuses a checkpoint of another config", () =>
  withFolder((folder) => {
    const state = freshState([tf.ones([2])]);
    savePoint(folder, { step: 1, state }, "one");
    const warnings: string[] = [];
    assertEquals(loadPoint(folder, "two", [[2]], (message) => warnings.push(message)), undefined);
    assert(warnings[0]!.includes("belongs to another config"));
    dispose(state);
  }));
