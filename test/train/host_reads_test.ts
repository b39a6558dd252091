import { Binding } from "../../lib/engine/binding.ts";
import { dispose, openBackend, seedTensor } from "../../lib/engine/mod.ts";
import { createAdapter, loadModel } from "../../lib/model/mod.ts";
import { adapterTensors } from "../../lib/model/lora.ts";
import { imageSampler } from "../../lib/sample/mod.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { completionGradients, train } from "../../lib/train/mod.ts";
import { worldBatch } from "../../lib/trajectories/batches.ts";
import { encodeTrajectories } from "../../lib/trajectories/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assertEquals, withFolder } from "../support.ts";

const { name } = await openBackend();

/** Runs with every read of a tensor's values counted: how many values each has. */
async function countReads(body: (reads: number[]) => Promise<void>): Promise<void> {
  const { tensorDataSync, tensorBytes } = Binding.prototype;
  const reads: number[] = [];
  Binding.prototype.tensorDataSync = function (id) {
    const values = tensorDataSync.call(this, id);
    reads.push(values.length);
    return values;
  };
  Binding.prototype.tensorBytes = function (id) {
    reads.push(Infinity);
    return tensorBytes.call(this, id);
  };
  try {
    await body(reads);
  } finally {
    Object.assign(Binding.prototype, { tensorDataSync, tensorBytes });
  }
}

Deno.test({
  name: "a training step reads the losses of its micro-batches and the gradients' norm from the device, and nothing else",
  ignore: name !== "tensorflow",
  fn: () =>
    withFolder(async (folder) => {
      const { chameleon, vqgan } = loadModel("data/tiny", "bfloat16");
      const vocabulary = loadVocabulary("data/tiny", vqgan.config.codes);
      const { encoded } = await encodeTrajectories(worldTrajectories("easy", 1, "bench", 4), vqgan, folder);
      const options = { weights: "l2", normalise: "mean", floor: 0 } as const;
      const { head } = imageSampler(chameleon, vocabulary);
      for (const checkpointing of [false, true]) {
        const adapter = createAdapter(chameleon.config, { rank: 2, alpha: 2, dropout: 0.05, targets: ["q_proj"] }, 1);
        const gradients = completionGradients({ model: chameleon, head, adapter, checkpointing });
        await countReads(async (reads) => {
          const loop = train({
            ...{ folder: `${folder}/${checkpointing}`, digest: "reads", saveEvery: 100, accumulate: 3 },
            initial: () => [...adapterTensors(adapter).values()],
            schedule: { lr: 1e-3, warmup: 1, steps: 3 },
            adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 },
            batch: () => ({
              ...{ tensors: worldBatch(encoded, vocabulary, options, { limit: 1024, multiple: 16 }).tensors, size: 1, samples: [] },
            }),
            gradients: (params, batch, micro) => {
              const seed = seedTensor("dropout", micro);
              const result = gradients(params, batch, seed);
              dispose(seed);
              return result;
            },
          });
          const steps: number[][] = [];
          for await (const { step, params } of loop) {
            if (step < 3) steps.push(reads.splice(0)); // the last one saves a checkpoint
            else dispose(params);
          }
          assertEquals(steps, [[1, 1, 1, 1], [1, 1, 1, 1]]);
        });
      }
    }),
});
