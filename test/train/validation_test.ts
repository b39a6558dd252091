import { adapterTensors, loadModel, type LoraAdapter } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { disposeSampler, imageSampler } from "../../lib/sample/mod.ts";
import { dispose, randomInt, randomStream, tidy } from "../../lib/engine/mod.ts";
import { completionLoss } from "../../lib/train/completion_loss.ts";
import { readValidation, validateEvery } from "../../lib/train/validation.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { type EncodedTrajectory, holdOut, worldBatch } from "../../lib/trajectories/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, engine, randomAdapter, take, withFolder, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;

Deno.test("validateEvery() measures the mean loss of what is held out, when it is due, once", () =>
  withFolder((folder) =>
    withoutLeaks(async () => {
      const model = loadModel(TINY, "float32");
      const vocabulary = loadVocabulary(TINY, 1000);
      const lora = { rank: 2, alpha: 2, dropout: 0.5, targets: ["q_proj" as const] };
      const [first, later] = [1, 2].map((seed) => randomAdapter(model.chameleon.config, lora, seed)) as [LoraAdapter, LoraAdapter];
      const sampler = imageSampler(model.chameleon, vocabulary, first);
      const random = randomStream("validation test");
      const codes = () => Uint16Array.from({ length: 64 }, () => randomInt(random, 1000));
      const held: EncodedTrajectory[] = worldTrajectories("easy", 1, "bench", 3).map((trajectory) => ({
        ...{ trajectory, source: codes(), target: codes(), distances: new Float32Array(64).fill(1) },
      }));
      const options = { model: model.chameleon, head: sampler.head, adapter: first, checkpointing: false };
      const weights = { weights: "none", normalise: "mean", floor: 0 } as const;
      const batchOf = (items: readonly EncodedTrajectory[]) => worldBatch(items, vocabulary, weights, { limit: 1024, multiple: 16 });
      const validation = { folder, held, batch: 2, every: 10, steps: 25, batchOf };
      const validate = validateEvery(options, validation);
      for (const step of [1, 10, 11]) await validate(step, first);
      await validate(20, later);
      await validateEvery(options, validation)(20, first); // a training that resumes
      await validate(25, first);
      assertEquals(readValidation(folder).map(({ step }) => step), [10, 20, 25]);
      const plain = [first, later].map((adapter) =>
        held.reduce((sum, item) => {
          const { tensors } = batchOf([item]);
          const loss = take(tidy(() => completionLoss({ ...options, adapter }, tensors, null)))[0]!;
          dispose(tensors);
          return sum + loss / 3;
        }, 0)
      );
      assertClose(readValidation(folder).map(({ loss }) => loss), [plain[0]!, plain[1]!, plain[0]!], 1e-4);
      assert(Math.abs(plain[0]! - plain[1]!) > 1e-3 && adapterTensors(first).size > 0);
      await validateEvery(options, { ...validation, folder: `${folder}/none`, held: [] })(10, first);
      assertEquals(readValidation(`${folder}/none`), []);
      disposeSampler(sampler);
      for (const adapter of [first, later]) disposeAdapter(adapter);
      disposeModel(model);
    })
  ));

Deno.test("holdOut() takes nothing for a share of 0, at least one above it, never all, and the same by the same seed", () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  assertEquals(holdOut(items, 0, 1), { trained: items, held: [] });
  const { trained, held } = holdOut(items, 0.1, 1);
  assertEquals(held.length, 5);
  assertEquals([...trained, ...held].toSorted((a, b) => a - b), items);
  assertEquals(holdOut(items, 0.1, 1).held, held);
  assert(holdOut(items, 0.1, 2).held.join() !== held.join());
  assertEquals([holdOut([1, 2], 0.001, 1).held.length, holdOut([1], 0.5, 1).held.length], [1, 0]);
});

Deno.test("holdOut() keeps copies on the side of their originals, and draws the originals as if there were none", () => {
  const originals = Array.from({ length: 50 }, (_, i) => `${i}`);
  const items = [...originals, ...originals.slice(10).map((id) => `${id} again`)];
  const originalOf = (id: string) => id.replace(" again", "");
  const { trained, held } = holdOut(items, 0.1, 1, originalOf);
  assertEquals(held.filter((id) => !id.includes("again")), holdOut(originals, 0.1, 1).held);
  assertEquals([...new Set(held.map(originalOf))].length, 5);
  assertEquals(trained.filter((id) => held.some((other) => originalOf(other) === originalOf(id))), []);
  assertEquals([trained.length + held.length, holdOut(items, 0, 1, originalOf).trained], [90, items]);
});
