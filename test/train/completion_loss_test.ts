import { adapterTensors, hiddenStates, loadModel, logitsOf, type LoraAdapter, withAdapterTensors } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { disposeSampler, type HeadRows, imageSampler, type Sampler } from "../../lib/sample/mod.ts";
import { dispose, randomInt, randomStream, seedTensor, type Tensor, tf, tidy, valuesOf } from "../../lib/engine/mod.ts";
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

const REFERENCE = new URL("../parity/reference", import.meta.url).pathname; // 2 layers, 96 ids of which 4 … 67 are image tokens
const [FIRST, CODES, POSITIONS, COMPLETIONS] = [4, 64, 12, 5];

/** A model with an adapter, and a batch of two sequences of which the second begins with padding. */
function setUp() {
  const model = loadModel(REFERENCE, "float32");
  const adapter = randomAdapter(model.chameleon.config, { rank: 2, alpha: 4, dropout: 0.5, targets: ["q_proj", "down_proj"] }, 1);
  const random = randomStream("loss");
  const ids = Array.from({ length: 2 * POSITIONS }, () => randomInt(random, 95));
  const labels = Array.from({ length: 2 * COMPLETIONS }, (_, i) => i === 5 ? -1 : randomInt(random, CODES)); // nothing is learnt at one place
  const weights = labels.map((label) => label < 0 ? 0 : 0.25 + random());
  const batch = {
    tokens: tf.tensor2d(ids, [2, POSITIONS], "int32"),
    padding: tf.tensor4d(ids.map((_, i) => i >= POSITIONS && i < POSITIONS + 3 ? -1e9 : 0), [2, 1, 1, POSITIONS]),
    labels: tf.tensor2d(labels, [2, COMPLETIONS], "int32"),
    weights: tf.tensor2d(weights, [2, COMPLETIONS]),
  };
  const head = freezeHead(model.chameleon, { firstImage: FIRST, codes: CODES });
  const free = () => {
    dispose([batch, head]);
    disposeAdapter(adapter);
    disposeModel(model);
  };
  return { options: { model: model.chameleon, head, adapter, checkpointing: false }, batch, labels, weights, free };
}

Deno.test("completionLoss() is the mean of weight · −log p over all places, p among image tokens alone", () =>
  withoutLeaks(() => {
    const { options: { model, head, adapter }, options, batch, labels, weights, free } = setUp();
    const logits = take(tidy(() => logitsOf(hiddenStates(model, batch.tokens, { adapter, padding: batch.padding }), head))); // [2, T, 64]
    const losses = labels.map((label, i) => {
      const [row, place] = [Math.floor(i / COMPLETIONS), POSITIONS - COMPLETIONS + i % COMPLETIONS];
      const own = [...logits.slice((row * POSITIONS + place) * CODES, (row * POSITIONS + place + 1) * CODES)];
      const most = Math.max(...own);
      return label < 0 ? 0 : weights[i]! * (most + Math.log(own.reduce((sum, logit) => sum + Math.exp(logit - most), 0)) - own[label]!);
    });
    const expected = losses.reduce((a, b) => a + b, 0) / losses.length;
    assertClose(take(tidy(() => completionLoss(options, batch, null))), [expected], 1e-4);
    free();
  }));

Deno.test("completionGradients() are what a padded batch's loss changes by, and those of a batch without weight are 0", () =>
  withoutLeaks(() => {
    const { options, batch, free } = setUp();
    const gradients = completionGradients(options);
    const params = [...adapterTensors(options.adapter).values()];
    const { value, grads } = gradients(params, batch, null);
    const lossAlong = (step: number) => {
      const moved = tidy(() => params.map((param, i) => tf.add(param, tf.mul(grads[i]!, step))));
      const { value, grads: unused } = gradients(moved, batch, null);
      dispose([moved, unused]);
      return take(value)[0]!;
    };
    const squared = take(tidy(() => tf.addN(grads.map((grad) => tf.sum(tf.square(grad))))))[0]!;
    const step = 0.02 / Math.sqrt(squared);
    assertClose([(lossAlong(step) - lossAlong(-step)) / (2 * step)], [squared], 0.02 * squared, "slope along the gradient");
    const weightless = { ...batch, weights: tf.zeros([2, COMPLETIONS]) };
    const none = gradients(params, weightless, null);
    assertEquals(take(none.value)[0], 0);
    none.grads.forEach((grad) => assert(take(grad).every((number) => number === 0)));
    dispose([value, grads, weightless.weights]);
    free();
  }));

Deno.test("completionGradients() tells of each factor's gradient once, the last block's first, where blocks are recomputed; else of none", () =>
  withoutLeaks(() => {
    const { options, batch, free } = setUp();
    const params = [...adapterTensors(options.adapter).values()];
    for (const checkpointing of [true, false]) {
      const told: [number, number[]][] = [];
      const arrived = (index: number, grad: Tensor) => told.push([index, [...valuesOf(grad)]]);
      const { value, grads } = tidy(() => completionGradients({ ...options, checkpointing })(params, batch, null, arrived));
      const byBlock = told.map(([index]) => Math.floor(index * 2 / params.length)); // two blocks
      assertEquals(byBlock, checkpointing ? params.map((_, i) => i < params.length / 2 ? 1 : 0) : []);
      for (const [index, values] of told) assertEquals(values, [...valuesOf(grads[index]!)]);
      assertEquals(new Set(told.map(([index]) => index)).size, told.length);
      dispose([value, grads]);
    }
    free();
  }));

Deno.test("completionLoss() drops inputs of the adapter by its seed: the same for a seed, another for another", () =>
  withoutLeaks(() => {
    const { options, batch, free } = setUp();
    const lossOf = (name: string) => take(tidy(() => completionLoss(options, batch, seedTensor(name))))[0]!;
    const without = take(tidy(() => completionLoss(options, batch, null)))[0]!;
    assertEquals(lossOf("a"), lossOf("a"));
    assertEquals(new Set([lossOf("a"), lossOf("b"), without]).size, 3);
    free();
  }));
