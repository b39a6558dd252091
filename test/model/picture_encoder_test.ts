import { dispose, normal, seedTensor, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { isLinearBefore, openEncoder } from "../../lib/model/picture_encoder.ts";
import { encodeFeatures, nearestCodes, type Vqgan, vqShapes } from "../../lib/model/vqgan.ts";
import { imagesToTensor } from "../../lib/tokens/images.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";

await engine();
const folder = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;

Deno.test("openEncoder() gives the features of encodeFeatures() within rounding, and the same codes, to the last row and column", async () => {
  const model = loadModel(folder("data/tiny"), "float32");
  const scenes = worldTrajectories("hard", 3, "bench", 32).flatMap(({ before, after }) => [before, after]);
  const images = imagesToTensor(await renderScenes(scenes));
  await withoutLeaks(() => {
    assert(isLinearBefore(model.vqgan));
    using encoder = openEncoder(model.vqgan);
    const [plain, merged] = [encodeFeatures(model.vqgan, images), encoder.features(images)];
    assertEquals(merged.shape, plain.shape);
    assertEquals([...take(tidy(() => nearestCodes(model.vqgan, merged)))], [...take(tidy(() => nearestCodes(model.vqgan, plain)))]);
    assertClose(take(merged), take(plain), 1e-5);
  });
  images.dispose();
  disposeModel(model);
});

Deno.test("openEncoder() merges one stride as it merges three, whatever the weights", () =>
  withoutLeaks(() => {
    const config = { ...tinyConfig(), resolution: 32, channelMultiplier: [1, 1] };
    const vq = randomVqgan(config);
    using encoder = openEncoder(vq);
    const images = tidy(() => normal([3, 32, 32, 3], seedTensor("images")));
    assertClose(take(encoder.features(images)), take(encodeFeatures(vq, images)), 1e-4);
    dispose([images, vq.weights]);
  }));

Deno.test("openEncoder() is encodeFeatures() where blocks lie between the strides", () =>
  withoutLeaks(() => {
    const vq = randomVqgan({ ...tinyConfig(), resolution: 16, channelMultiplier: [1, 1], resBlocks: 1 });
    assertEquals(isLinearBefore(vq), false);
    using encoder = openEncoder(vq);
    const images = tidy(() => normal([2, 16, 16, 3], seedTensor("images")));
    assertEquals([...take(encoder.features(images))], [...take(encodeFeatures(vq, images))]);
    dispose([images, vq.weights]);
  }));

function tinyConfig(): Vqgan["config"] {
  const model = loadModel(folder("data/tiny"), "float32");
  disposeModel(model);
  return model.vqgan.config;
}

function randomVqgan(config: Vqgan["config"]): Vqgan {
  const weight = (name: string, shape: number[]): Tensor => {
    const inEngine = shape.length === 4 ? [2, 3, 1, 0].map((axis) => shape[axis]!) : shape;
    return tidy(() => tf.mul(normal(inEngine, seedTensor(name)), shape.slice(1).reduce((a, b) => a * b, 1) ** -0.5) as Tensor);
  };
  const names = [...vqShapes(config)].filter(([name]) => !name.startsWith("decoder."));
  return { config, weights: Object.fromEntries(names.map(([name, shape]) => [name, weight(name, shape)])) };
}
