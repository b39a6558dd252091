import { decodeCodes, encodeFeatures, loadModel, nearestCodes } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { decodeVectors, hasDecoder, vqShapes } from "../../lib/model/vqgan.ts";
import { dispose, normal, randomInt, randomStream, seedTensor, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;

Deno.test("nearestCodes() finds each code at its own vector, and near it", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const { codes, embedDim } = model.vqgan.config;
    const random = randomStream("codes");
    const wanted = Array.from({ length: 2 * 64 }, () => randomInt(random, codes));
    const found = tidy(() => {
      const vectors = tf.gather(model.vqgan.weights["quantize.embedding.weight"]!, tf.tensor1d(wanted, "int32"));
      return nearestCodes(model.vqgan, tf.add(tf.reshape(vectors, [2, 8, 8, embedDim]), 0.01));
    });
    assertEquals([found.shape, [...take(found)]], [[2, 64], wanted]);
    disposeModel(model);
  }));

Deno.test("nearestCodes() chooses as the differences of all codes do, term by term", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const { codes, embedDim } = model.vqgan.config;
    const book = model.vqgan.weights["quantize.embedding.weight"]!;
    const features = tidy(() => normal([2, 8, 8, embedDim], seedTensor("features")));
    const [vectors, table] = [features.dataSync(), book.dataSync()];
    const distance = (place: number, code: number) =>
      Array.from({ length: embedDim }, (_, i) => (vectors[place * embedDim + i]! - table[code * embedDim + i]!) ** 2).reduce((a, b) =>
        a + b
      );
    const wanted = Array.from({ length: 2 * 64 }, (_, place) => {
      const distances = Array.from({ length: codes }, (_, code) => distance(place, code));
      return distances.indexOf(Math.min(...distances));
    });
    assertEquals([...take(nearestCodes(model.vqgan, features))], wanted);
    features.dispose();
    disposeModel(model);
  }));

Deno.test("decodeCodes() decodes the codes' vectors, row by row; an image alone is the same as in a batch", () =>
  withoutLeaks(() => {
    const model = loadModel(TINY, "float32");
    const { codes: count, embedDim } = model.vqgan.config;
    const random = randomStream("images");
    const codes = tf.tensor2d(Array.from({ length: 128 }, () => randomInt(random, count)), [2, 64], "int32");
    const [images, ofVectors, second] = tidy(() => {
      const vectors = tf.gather(model.vqgan.weights["quantize.embedding.weight"]!, codes); // [2, 64, E]
      const one = tf.slice(codes, [1, 0], [1, 64]);
      return [
        decodeCodes(model.vqgan, codes),
        decodeVectors(model.vqgan, tf.reshape(vectors, [2, 8, 8, embedDim])),
        decodeCodes(model.vqgan, one),
      ];
    }) as [Tensor, Tensor, Tensor];
    assertEquals(images.shape, [2, 64, 64, 3]);
    const values = take(images);
    assertClose(take(ofVectors), values, 1e-5);
    assertClose(take(second), values.slice(values.length / 2), 1e-4);
    codes.dispose();
    disposeModel(model);
  }));

Deno.test("encodeFeatures() gives a grid; vqShapes() names the weights that there are; a model without a decoder says so", () =>
  withoutLeaks(() => {
    const { vqgan, ...rest } = loadModel(TINY, "float32");
    const images = tf.zeros([1, 64, 64, 3]);
    const features = encodeFeatures(vqgan, images);
    assertEquals(features.shape, [1, 8, 8, vqgan.config.embedDim]);
    assertEquals([...vqShapes(vqgan.config).keys()].sort(), Object.keys(vqgan.weights).sort());
    assert(hasDecoder(vqgan));
    const encoder = Object.fromEntries(Object.entries(vqgan.weights).filter(([name]) => !name.startsWith("decoder.")));
    assertEquals(hasDecoder({ ...vqgan, weights: encoder }), false);
    dispose([images, features]);
    disposeModel({ vqgan, ...rest });
  }));
