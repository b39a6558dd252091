import {
  CODE_LEVELS,
  documentBatch,
  documentGradients,
  gridCodebook,
  initTransformer,
  initVqgan,
  TINY_VQ,
  tinyConfig,
  vqganGradients,
} from "../../lib/pretrain/losses.ts";
import { nearestCodes } from "../../lib/model/mod.ts";
import { weightShapes } from "../../lib/model/checkpoint.ts";
import { dispose, randomStream, seedTensor, type Tensor, tf, tidy, uniform } from "../../lib/engine/mod.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { DIFFICULTIES } from "../../lib/world/mod.ts";
import { alikeScenes } from "../../lib/world/documents.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;

Deno.test("gridCodebook() holds every point of the grid once, evenly spaced from −1 to 1", () =>
  withoutLeaks(() => {
    const values = take(gridCodebook());
    const rows = Array.from({ length: TINY_VQ.codes }, (_, i) => [...values.slice(4 * i, 4 * i + 4)]);
    assertEquals(new Set(rows.map((row) => row.join())).size, 8 * 5 * 5 * 5);
    CODE_LEVELS.forEach((levels, axis) => {
      const found = [...new Set(rows.map((row) => row[axis]!))].sort((a, b) => a - b);
      assertClose(found, Array.from({ length: levels }, (_, i) => -1 + 2 * i / (levels - 1)), 1e-6);
    });
  }));

Deno.test("the nearest code of any vector is its rounding to the grid, axis by axis", () =>
  withoutLeaks(() => {
    const codebook = gridCodebook();
    const seed = seedTensor("grid");
    const vectors = tidy(() => tf.sub(tf.mul(uniform([1, 8, 8, 4], seed), 2.4), 1.2)); // some lie outside of the grid
    const codes = take(nearestCodes({ config: TINY_VQ, weights: { "quantize.embedding.weight": codebook } }, vectors));
    const [grid, wanted] = [codebook.dataSync(), vectors.dataSync()];
    codes.forEach((code, place) =>
      CODE_LEVELS.forEach((levels, axis) => {
        const value = Math.max(-1, Math.min(1, wanted[4 * place + axis]!));
        const apart = Math.abs(grid[4 * code + axis]! - value);
        assert(apart <= 1 / (levels - 1) + 1e-5, `${apart} on axis ${axis}`); // half a step
      })
    );
    dispose([codebook, vectors, seed]);
  }));

Deno.test("initTransformer() gives every weight its shape, ones for norms, and the same for a seed", () =>
  withoutLeaks(() => {
    const config = { ...tinyConfig(200), layers: 1 };
    const [a, b, other] = [initTransformer(config, 1), initTransformer(config, 1), initTransformer(config, 2)];
    const shapes = [...weightShapes(config)].filter(([name]) => !name.startsWith("model.vqmodel."));
    assertEquals([...a].map(([name, { shape }]) => [name, shape]), shapes.map(([name, shape]) => [name, [...shape]]));
    const valuesOf = (weights: Map<string, Tensor>, part: string) => {
      const [, tensor] = [...weights].find(([name]) => name.includes(part))!;
      return tensor.dataSync() as Float32Array;
    };
    assert(valuesOf(a, "input_layernorm").every((value) => value === 1));
    assertEquals(valuesOf(a, "gate_proj"), valuesOf(b, "gate_proj"));
    assert(valuesOf(a, "gate_proj")[0] !== valuesOf(other, "gate_proj")[0]);
    for (const [part, deviation] of [["embed_tokens", 0.02], ["gate_proj", 0.02], ["down_proj", 0.007], ["o_proj", 0.007]] as const) {
      const values = valuesOf(a, part);
      const found = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      assert(Math.abs(found / deviation - 1) < 0.05, `${part}: ${found}`);
    }
    dispose([a, b, other].map((weights) => [...weights.values()]));
  }));

Deno.test("initVqgan() scales filters by what they add up, begins biases at 0, and has no codebook", () =>
  withoutLeaks(() => {
    const weights = initVqgan(1);
    assert(!weights.has("quantize.embedding.weight"));
    for (const [name, tensor] of weights) {
      const values = tensor.dataSync() as Float32Array;
      if (name.endsWith(".bias")) assert(values.every((value) => value === 0), name);
      else if (tensor.rank === 4 && values.length > 2000) {
        const [height, width, inputs] = tensor.shape as [number, number, number];
        const power = values.reduce((sum, value) => sum + value * value, 0) / values.length * height * width * inputs;
        assert(Math.abs(power - 1) < 0.15, `${name}: ${power}`);
      }
    }
    dispose([...weights.values()]);
  }));

Deno.test("documentBatch() has each next id for a label, padding on the right without weight", () =>
  withoutLeaks(() => {
    const vocabulary = loadVocabulary(TINY, 1000);
    const world = DIFFICULTIES.default;
    const groups = Array.from(
      { length: 8 },
      (_, i) => alikeScenes(randomStream("pool", i), world, 3).map((scene, k) => ({ scene, codes: new Uint16Array(64).fill(10 * i + k) })),
    );
    const { tensors: { tokens, labels, weights }, size } = documentBatch(randomStream("batch"), { world, groups }, vocabulary, 6, 0.5);
    const [count, length] = tokens.shape as [number, number];
    assertEquals([count, length % 32, labels.shape, weights.shape], [6, 0, [6, length], [6, length]]);
    const [ids, next, costs] = [tokens, labels, weights].map((tensor) => tensor.dataSync()) as [Int32Array, Int32Array, Float32Array];
    let total = 0;
    for (let row = 0; row < count; row++) {
      const [own, after, cost] = [ids, next, costs].map((values) => [...values.slice(row * length, (row + 1) * length)]) as [
        number[],
        number[],
        number[],
      ];
      const end = after.indexOf(vocabulary.eos);
      total += end + 2;
      assertEquals([own[0], own.slice(1, end + 1)], [vocabulary.bos, after.slice(0, end)]);
      assert(own.slice(end + 1).every((id) => id === vocabulary.pad) && cost.slice(end + 1).every((value) => value === 0));
      assert(cost.some((value) => value > 0));
    }
    assertEquals(size, total);
    dispose([tokens, labels, weights]);
  }));

Deno.test("documentGradients() are ln V where the head says nothing, and what the loss changes by", () =>
  withoutLeaks(() => {
    const config = { ...tinyConfig(40), hiddenSize: 16, intermediateSize: 24, layers: 1, heads: 2, keyHeads: 1 };
    const weights = initTransformer(config, 3);
    const names = [...weights.keys()];
    const random = randomStream("documents");
    const of = (most: number) => Array.from({ length: 12 }, () => Math.floor(random() * most));
    const batch = {
      tokens: tf.tensor2d(of(40), [2, 6], "int32"),
      labels: tf.tensor2d(of(40), [2, 6], "int32"),
      weights: tf.tensor2d([1, 2, 0.5, 1, 0, 0, 1, 1, 1, 0.1, 0, 0], [2, 6]),
    };
    const run = (params: readonly Tensor[]) => documentGradients(names, params, config, batch, "float32");
    const params = [...weights.values()];
    const { value, grads } = run(params);
    const squared = take(tidy(() => tf.addN(grads.map((grad) => tf.sum(tf.square(grad))))))[0]!;
    const step = 0.01 / Math.sqrt(squared);
    const [more, less] = [step, -step].map((length) => {
      const moved = tidy(() => params.map((param, i) => tf.add(param, tf.mul(grads[i]!, length))));
      const { value, grads: unused } = run(moved);
      dispose([moved, unused]);
      return take(value)[0]!;
    });
    assertClose([(more! - less!) / (2 * step)], [squared], 0.03 * squared, "slope along the gradient");
    const silent = tidy(() => params.map((param, i) => names[i] === "lm_head.weight" ? tf.zerosLike(param) : tf.clone(param)));
    const flat = run(silent);
    assertClose(take(flat.value), [Math.log(40)], 1e-5);
    dispose([params, batch, value, grads, silent, flat.grads]);
  }));

Deno.test("documentGradients() of a Janus teach SigLIP and aligner by what is said of pictures, and the loss changes by them", () =>
  withoutLeaks(() => {
    const config = { ...tinyConfig(40, "janus"), hiddenSize: 16, intermediateSize: 24, layers: 1, heads: 2, keyHeads: 2 };
    const [side, places] = [config.seeing!.side, 64];
    const first = 40 + config.vq.codes; // the first place
    const weights = initTransformer(config, 3);
    const names = [...weights.keys()];
    const params = [...weights.values()].map((tensor) =>
      tidy(() => tf.add(tensor, tf.mul(uniform(tensor.shape, seedTensor("off")), 0.05)))
    );
    const row = (start: number) => [1, ...Array.from({ length: places }, (_, place) => first + start + place), 5, 6];
    const batch = {
      tokens: tf.tensor2d([row(0), row(places)], undefined, "int32"),
      labels: tf.tensor2d([row(0), row(places)].map((ids) => [...ids.slice(1), 7]), undefined, "int32"),
      weights: tf.tensor2d([0, 1].map(() => Array.from({ length: places + 3 }, (_, i) => i < places ? 0 : 1))),
      images: tidy(() => tf.sub(uniform([4, side, side, 3], seedTensor("pictures")), 0.5)),
    };
    const run = (own: readonly Tensor[]) => documentGradients(names, own, config, batch, "float32");
    const { value, grads } = run(params);
    const ofEyes = grads.map((grad, i) => /vision_model|model\.aligner/.test(names[i]!) ? grad : null);
    const squared = take(tidy(() => tf.addN(ofEyes.flatMap((grad) => grad ? [tf.sum(tf.square(grad))] : []))))[0]!;
    assert(squared > 1e-8, `${squared}`);
    const step = 0.02 / Math.sqrt(squared);
    const [more, less] = [step, -step].map((length) => {
      const moved = tidy(() => params.map((param, i) => ofEyes[i] ? tf.add(param, tf.mul(ofEyes[i], length)) : tf.clone(param)));
      const { value: there, grads: unused } = run(moved);
      dispose([moved, unused]);
      return take(there)[0]!;
    });
    assertClose([(more! - less!) / (2 * step)], [squared], 0.05 * squared, "slope along the gradient");
    dispose([[...weights.values()], params, value, grads, batch]);
  }));

Deno.test("vqganGradients() of the decoder are what the loss changes by; the encoder gets its own past the quantisation", () =>
  withoutLeaks(() => {
    const weights = initVqgan(1);
    const [names, params] = [[...weights.keys()], [...weights.values()]];
    const [seed, noise] = [seedTensor("exchange"), seedTensor("pictures")];
    const images = tidy(() => tf.sub(tf.mul(uniform([2, 64, 64, 3], noise), 2), 1));
    const run = (values: readonly Tensor[]) => vqganGradients(names, values, images, seed, false);
    const { value, grads } = run(params);
    const normOf = (i: number) => Math.hypot(...grads[i]!.dataSync());
    const first = names.findIndex((name) => name.startsWith("encoder.") && name.endsWith("conv_in.weight"));
    assert(normOf(first) > 0, "no gradient reaches the encoder");
    const last = names.findIndex((name) => name.startsWith("decoder.") && name.endsWith("conv_out.bias"));
    const lossAt = (by: number) => {
      const bias = tidy(() => tf.add(params[last]!, tf.mul(grads[last]!, by)));
      const { value, grads: unused } = run(params.with(last, bias));
      dispose([bias, unused]);
      return take(value)[0]!;
    };
    const squared = normOf(last) ** 2;
    const step = 0.02 / normOf(last);
    assertClose([(lossAt(step) - lossAt(-step)) / (2 * step)], [squared], 0.03 * squared, "slope along the bias's gradient");
    dispose([params, seed, noise, images, value, grads]);
  }));
