/** A worker of workers_test.ts: a small regression, shared. `FOLDER RANK ADDRESSES LOSS OPTIONS`. Prints its end as a line of JSON. */
import { joinCluster } from "../../lib/engine/collectives.ts";
import { dispose, openBackend, randomStream, type Tensor, tf, valueAndGradients, valuesOf, watched } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { requireSame } from "../../lib/experiment/workers.ts";
import { train } from "../../lib/train/loop.ts";
import { workersOf } from "../../lib/train/workers.ts";

const [folder, rank, addresses, loss, text] = Deno.args as [string, string, string, string, string];
const options = JSON.parse(text) as {
  readonly steps: number;
  readonly rows: number;
  readonly accumulate: number;
  readonly delay: number; // ms that a micro-batch takes
  readonly digest: string;
  readonly hangsAt?: number; // the micro-batch that never ends
  readonly hang?: number; // seconds that the others wait for it
  readonly early?: boolean; // tell of gradients as they become known, the last parameter's first
};
const { steps, rows, accumulate } = options;
const cluster = { rank: Number(rank), addresses: addresses.split(",") };

try {
  await openBackend("tensorflow", { threads: 1, gpu: 0 });
  const joined = cluster.addresses.length > 1;
  const workers = joined ? workersOf(await joinCluster(cluster, { join: 30, loss: Number(loss), hang: options.hang ?? 60 })) : undefined;
  if (workers) await requireSame(workers, { code: "00".repeat(8), data: "ff".repeat(8), configuration: options.digest });
  const training = train({
    ...{ folder, digest: "regression", workers, rows, accumulate, saveEvery: 3, warn: () => {} },
    initial: () => [tf.ones([30, 20]), tf.fill([20], 0.5)],
    schedule: { lr: 0.05, warmup: 2, steps },
    adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clip: 0.5 },
    batch: async (micro) => {
      while (micro === options.hangsAt); // in JavaScript alone: TensorFlow's heartbeats go on
      await new Promise((resolve) => setTimeout(resolve, options.delay));
      const random = randomStream("batch", micro);
      const x = tf.tensor2d(Array.from({ length: rows * 30 }, () => random() - 0.5), [rows, 30]);
      return { tensors: { x }, size: rows, samples: Array.from({ length: rows }, (_, i) => `sample-${micro}-${i}`) };
    },
    gradients: (params, { x }, _micro, arrived) =>
      valueAndGradients((own) => {
        const watch = (i: number) => options.early ? watched(own[i]!, (grad) => arrived(i, grad)) : own[i]!;
        const product = tf.matMul(x as never, watch(0) as never);
        return tf.mean(tf.square(tf.sub(tf.add(product, watch(1)), 0.3))) as Tensor;
      }, params),
  });
  let [params, shown]: [number[], number] = [[], 0];
  for await (const step of training) {
    shown++;
    console.log(JSON.stringify({ step: step.step }));
    params = step.params.flatMap((tensor) => [...valuesOf(tensor)]);
    if (step.step === steps) dispose(step.params);
  }
  console.log(JSON.stringify({ done: true, shown, params, tensors: tf.memory().numTensors }));
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message, kind: error instanceof UserError }));
  Deno.exit(1);
}
Deno.exit(0);
