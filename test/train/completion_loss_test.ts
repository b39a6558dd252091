import { adapterTensors, hiddenStates, loadModel, logitsOf, type LoraAdapter, withAdapterTensors } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { disposeSampler, type HeadRows, imageSampler, type Sampler } from "../../lib/sample/mod.ts";
import { dispose, randomInt, randomStream, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { completionGradients, completionLoss } from "../../lib/train/completion_loss.ts";
import { adamwStep, freshState } from "../../lib/train/adamw.ts";
import { loadVocabulary, type Vocabulary } from "../../lib/tokens/mod.ts";
import { type CompletionBatch, type EncodedTrajectory, worldBatch, worldSequenceOf } from "../../lib/trajectories/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, engine, randomAdapter, take, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const LITERAL = { weights: "l2", normalise: "none", floor: 0 } as const; // equation 2 of the paper

/** Two trajectories with random codes and distances; what does not change has none. */
function randomItems(): EncodedTrajectory[] {
  const random = randomStream("completion loss");
  return worldTrajectories("easy", 1, "bench", 2).map((trajectory) => ({
    trajectory,
    source: Uint16Array.from({ length: 64 }, () => randomInt(random, 1000)),
    target: Uint16Array.from({ length: 64 }, () => randomInt(random, 1000)),
    distances: Float32Array.from({ length: 64 }, (_, i) => i % 3 === 0 ? 0 : randomInt(random, 9)),
  }));
}

/** Runs with the tiny model, an adapter that changes something, and a sampler over some rows. */
function withTiny(rows: HeadRows, body: (sampler: Sampler & { adapter: LoraAdapter }, vocabulary: Vocabulary) => void): Promise<void> {
  return withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const adapter = randomAdapter(model.chameleon.config, { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj", "down_proj"] }, 5);
    const sampler = imageSampler(model.chameleon, vocabulary, adapter, rows);
    body({ ...sampler, adapter }, vocabulary);
    disposeSampler(sampler);
    disposeAdapter(adapter);
    disposeModel(model);
  });
}

/** Log-likelihoods of a trajectory's target tokens in float64, from logits over the whole vocabulary; `ids` are those of the softmax. */
function plainLogLikelihoods(sampler: Sampler, vocabulary: Vocabulary, item: EncodedTrajectory, ids: readonly number[]): number[] {
  const { prompt, completion } = worldSequenceOf(item, vocabulary);
  const input = [...prompt, ...completion.slice(0, -1)];
  const logits = take(tidy(() => {
    const { model, adapter } = sampler;
    return logitsOf(
      hiddenStates(model, tf.tensor2d([input], undefined, "int32"), { adapter, last: completion.length }),
      model.head,
    ) as Tensor;
  })); // [N·V]
  const size = logits.length / completion.length;
  return completion.map((id, i) => {
    const own = logits.subarray(i * size, (i + 1) * size);
    return own[id]! - Math.log(ids.reduce((sum, other) => sum + Math.exp(own[other]!), 0));
  });
}

for (const rows of ["image", "all"] as const) {
  Deno.test(`completionLoss() is equation 2 by hand, the softmax over ${rows} rows`, () =>
    withTiny(rows, (sampler, vocabulary) => {
      const items = randomItems();
      const { firstImage, codes } = vocabulary;
      const ids = rows === "all"
        ? Array.from({ length: sampler.model.head.shape[0]! }, (_, id) => id)
        : Array.from({ length: codes }, (_, code) => firstImage + code);
      const shape = { limit: 1024, multiple: 16, firstId: sampler.firstId };
      const { tensors } = worldBatch(items, vocabulary, LITERAL, shape);
      const loss = take(tidy(() => completionLoss({ ...sampler, checkpointing: false }, tensors, null)))[0]!;
      // the mean over images of 1/a · Σ ‖z_s − z_t‖² · −log p(token)
      const byHand = items.map((item) =>
        plainLogLikelihoods(sampler, vocabulary, item, ids).reduce((sum, log, i) => sum - item.distances[i]! * log, 0) / 64
      );
      const expected = (byHand[0]! + byHand[1]!) / 2;
      assertClose([loss / expected], [1], 1e-5, "loss");
      dispose(tensors);
    }));

  Deno.test(`completionGradients() are the slope of the loss, the softmax over ${rows} rows`, () =>
    withTiny(rows, (sampler, vocabulary) => {
      const { tensors } = worldBatch(randomItems(), vocabulary, LITERAL, { limit: 1024, multiple: 16, firstId: sampler.firstId });
      const options = { model: sampler.model, head: sampler.head, adapter: sampler.adapter, checkpointing: false };
      const factors = [...adapterTensors(sampler.adapter).values()];
      const { value, grads } = completionGradients(options)(factors, tensors, null);
      const slope = grads.reduce((sum, grad) => sum + take(tidy(() => tf.sum(tf.square(grad)) as Tensor))[0]!, 0); // along the gradient itself
      const at = (step: number) =>
        lossAt(options, factors.map((factor, i) => tidy(() => tf.add(factor, tf.mul(grads[i]!, step)))), tensors);
      const step = 1e-2 / Math.sqrt(slope);
      assertClose([(at(step) - at(-step)) / (2 * step) / slope], [1], 2e-3, "slope");
      dispose([value, grads, tensors]);
    }));
}

function lossAt(options: Parameters<typeof completionLoss>[0], factors: Tensor[], tensors: CompletionBatch): number {
  const adapter = withAdapterTensors(options.adapter as LoraAdapter, factors);
  const loss = take(tidy(() => completionLoss({ ...options, adapter }, tensors, null)))[0]!;
  dispose(factors);
  return loss;
}

Deno.test("with equation 2 to the letter, images that do not change have no loss, and a step on them alone changes nothing", () =>
  withTiny("image", (sampler, vocabulary) => {
    const still = randomItems().map((item) => ({ ...item, distances: new Float32Array(64) }));
    const { tensors } = worldBatch(still, vocabulary, LITERAL, { limit: 1024, multiple: 16 });
    const factors = [...adapterTensors(sampler.adapter).values()];
    const options = { model: sampler.model, head: sampler.head, adapter: sampler.adapter, checkpointing: false };
    const { value, grads } = completionGradients(options)(factors, tensors, null);
    assertEquals(take(value)[0], 0);
    const adamw = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clip: 1 };
    const before = freshState(factors);
    const { state, norm } = tidy(() => adamwStep(before, grads, tf.tensor1d([0.1, 1]), adamw));
    assertEquals(take(norm)[0], 0);
    state.params.forEach((param, i) => assertEquals(param.dataSync(), factors[i]!.dataSync()));
    assert(state.params.length > 0);
    dispose([grads, tensors, state, before.mean, before.square]);
  }));
