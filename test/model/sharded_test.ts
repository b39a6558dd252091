/** Blocks spread over processes, in one process that plays all of them. */
import { type Gathering, loadModel, type Model, planCheckpoint, type ShardedBlocks } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { PROJECTIONS } from "../../lib/model/config.ts";
import { hiddenStates } from "../../lib/model/chameleon.ts";
import { heldBytes } from "../../lib/model/memory.ts";
import { partSize, readPart } from "../../lib/model/sharded.ts";
import { adapterTensors } from "../../lib/model/lora.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { bytesOfTensor } from "../../lib/engine/storage.ts";
import { completionGradients } from "../../lib/train/mod.ts";
import { dispose, type Precision, seedTensor, type Tensor, tf, tidy, valuesOf } from "../../lib/engine/mod.ts";
import { assert, assertEquals, assertThrows, engine, randomAdapter, withoutLeaks } from "../support.ts";

await engine();
const BASE = new URL("../../data/tiny", import.meta.url).pathname;
const graphs = { ignore: activeBinding() === undefined }; // wasm has neither processes nor bfloat16

/** The tiny base as each of so many processes holds it; a gather takes the parts of all. */
function spreadBase(count: number, precision: Precision): { models: Model[]; gathers: () => number } {
  const models: Model[] = [];
  let gathers = 0;
  const gather: Gathering["gather"] = (part) => {
    gathers++;
    const at = models.flatMap(({ chameleon }) => chameleon.sharded!.blocks.findIndex((block) => block.part === part)).find((i) => i >= 0)!;
    return tf.concat(models.map(({ chameleon }) => chameleon.sharded!.blocks[at]!.part));
  };
  for (let rank = 0; rank < count; rank++) models.push(loadModel(BASE, precision, { rank, count, gather }));
  return { models, gathers: () => gathers };
}

Deno.test(
  "loadModel() gives each process its part of every block, and the parts make the block's matrices to the bit",
  graphs,
  () =>
    withoutLeaks(() => {
      for (const precision of ["float32", "bfloat16"] as const) {
        const whole = loadModel(BASE, precision);
        for (const count of [2, 3]) {
          const { models } = spreadBase(count, precision);
          const sharded = models[count - 1]!.chameleon.sharded as ShardedBlocks;
          whole.chameleon.layers.forEach((layer, i) => {
            const matrices = sharded.matricesOf(i);
            const type = precision === "float32" ? "F32" : "BF16";
            for (const name of PROJECTIONS) {
              assertEquals(matrices[name].shape, layer[name].shape);
              assertEquals(bytesOfTensor(matrices[name], type), bytesOfTensor(layer[name], type), `${name} of block ${i}`);
            }
            assertEquals(sharded.blocks[i]!.part.size, partSize(442_368, count));
            dispose(matrices);
          });
          models.forEach(disposeModel);
        }
        disposeModel(whole);
      }
    }),
);

Deno.test(
  "losses and gradients of a sharded model have the bits of the whole one's, and each block is gathered twice a step",
  graphs,
  () =>
    withoutLeaks(() => {
      const whole = loadModel(BASE, "bfloat16");
      const { models, gathers } = spreadBase(2, "bfloat16");
      const lora = { rank: 4, alpha: 4, dropout: 0.1, targets: ["q_proj" as const, "down_proj" as const] };
      const adapter = randomAdapter(whole.chameleon.config, lora, 3);
      const factors = [...adapterTensors(adapter).values()];
      const of = (model: Model) => {
        const { chameleon } = model;
        const gradients = completionGradients({ model: chameleon, head: chameleon.head, adapter, checkpointing: true });
        return tidy(() => {
          const { value, grads } = gradients(factors, batch(), seedTensor(5));
          return [value, ...grads].map((tensor) => valuesOf(tensor));
        });
      };
      const [expected, found] = [of(whole), of(models[0]!)];
      assertEquals(gathers(), 2 * whole.chameleon.config.layers);
      assertEquals(found, expected);
      assert(expected.slice(1).every((grad) => grad.some((x) => x !== 0)));
      dispose(factors);
      [whole, ...models].forEach(disposeModel);
    }),
);

/** Two sequences of 200 positions, whose last 40 are learnt; the first has padding. */
function batch() {
  const [rows, positions, learnt] = [2, 200, 40];
  const ids = (count: number, first: number) => Array.from({ length: rows * count }, (_, i) => first + (i * 37) % 900);
  const padding = tf.tensor4d(Array.from({ length: rows * positions }, (_, i) => i < 10 ? -1e9 : 0), [rows, 1, 1, positions]);
  return {
    tokens: tf.tensor2d(ids(positions, 5), [rows, positions], "int32"),
    padding: padding as Tensor,
    labels: tf.tensor2d(ids(learnt, 9), [rows, learnt], "int32"),
    weights: tf.ones([rows, learnt]),
  };
}

Deno.test("readPart() reads elements of several matrices, and zeros after the last", graphs, () =>
  withoutLeaks(() => {
    const { stored } = planCheckpoint(BASE, "float32");
    const norm = (layer: number) => stored.get(`model.layers.${layer}.input_layernorm.weight`)!; // [192]
    const matrices = [norm(0), norm(1)];
    const wanted = loadModel(BASE, "float32");
    const all = [...valuesOf(wanted.chameleon.layers[0]!.inputNorm), ...valuesOf(wanted.chameleon.layers[1]!.inputNorm)];
    disposeModel(wanted);
    const parts = [0, 1, 2, 3, 4].map((rank) => readPart(matrices, "float32", { rank, count: 5 })); // of 96 each
    assertEquals(parts.flatMap((part) => [...valuesOf(part)]), [...all, ...Array(5 * 96 - all.length).fill(0)]);
    dispose(parts);
  }));

Deno.test("a sharded model runs in training with checkpointing alone", graphs, () =>
  withoutLeaks(() => {
    const { models } = spreadBase(2, "float32");
    const tokens = tf.zeros([1, 4], "int32") as Tensor;
    assertThrows(() => tidy(() => hiddenStates(models[0]!.chameleon, tokens)), TypeError, "in training with checkpointing");
    tokens.dispose();
    models.forEach(disposeModel);
  }));

Deno.test("heldBytes() counts the parts, one block, and what is not spread", () => {
  const { config, bytes } = planCheckpoint(BASE, "bfloat16");
  const block = 442_368; // 4 · 192² + 3 · 192 · 512
  assertEquals(heldBytes(config, bytes, 2, 2), bytes - 4 * block + 2 * block);
  assert(heldBytes(config, bytes, 2, 4) < heldBytes(config, bytes, 2, 2));
});
