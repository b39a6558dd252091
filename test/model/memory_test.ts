import { disposeModel } from "../../lib/model/checkpoint.ts";
import { loadModel, planMemory, PROJECTIONS } from "../../lib/model/mod.ts";
import { copyFits, mebibytes, mergedBytes, pictureBytes, picturesAtOnce, rowsThatFit } from "../../lib/model/memory.ts";
import { assert, assertEquals, engine } from "../support.ts";

await engine();

const vq = {
  embedDim: 8,
  codes: 64,
  latentChannels: 8,
  resolution: 32,
  baseChannels: 32,
  channelMultiplier: [1, 1],
  resBlocks: 1,
  midAttention: false,
};

/** A plan for the shapes of `bench train`. */
function plan(width: number, layers: number, batch: number, checkpointing: boolean): number {
  const intermediateSize = Math.floor(width * 11 / 4 / 64) * 64;
  const config = {
    ...{ vocabSize: 16384, hiddenSize: width, intermediateSize, layers, heads: width / 64, keyHeads: width / 64 },
    ...{ maxPositions: 1024, ropeTheta: 1e4, rmsEpsilon: 1e-5, swinNorm: false, vq },
  };
  const parameters = 2 * 16384 * width + layers * (4 * width ** 2 + 3 * width * intermediateSize);
  const checkpoint = { config, stored: new Map(), bytes: 2 * parameters, parameters };
  return planMemory(checkpoint, { rank: 16, targets: PROJECTIONS, batch, positions: 548, bytes: 2, checkpointing }).total / 2 ** 20;
}

Deno.test("planMemory() is within a tenth of what bench plan measured", () => {
  const measured = [
    ...[[plan(512, 8, 4, false), 1551], [plan(512, 8, 8, true), 1321]],
    ...[[plan(1024, 12, 4, false), 3732], [plan(1024, 12, 8, true), 2435]],
  ] as [number, number][];
  for (const [planned, found] of measured) assert(Math.abs(planned / found - 1) < 0.1, `${planned} MiB were planned, ${found} measured`);
});

Deno.test("mebibytes() says sizes as people do", () => {
  assertEquals([mebibytes(5 * 2 ** 20), mebibytes(1.5 * 2 ** 30)], ["5 MiB", "1.5 GiB"]);
});

Deno.test("rowsThatFit() takes what is wanted, or a power of two that fits, and never none", () => {
  const bytes = (rows: number) => 10 + 3 * rows;
  assertEquals([160, 159, 106, 57, 15].map((budget) => rowsThatFit(50, budget, bytes)), [50, 32, 32, 8, 1]);
  assertEquals(rowsThatFit(3, 0, bytes, 2), 2);
});

Deno.test("picturesAtOnce() keeps the tiny world's batches and takes few pictures of 512 pixels, whatever is free", () => {
  const anole = { ...vq, resolution: 512, baseChannels: 128, channelMultiplier: [1, 1, 2, 2, 4] };
  assertEquals([picturesAtOnce({ ...vq, resolution: 64 }, 32), picturesAtOnce({ ...vq, resolution: 64 }, 64)], [32, 64]);
  const few = picturesAtOnce(anole, 32);
  assert(few >= 2 && few < 8 && pictureBytes(anole, few) < 4 * 2 ** 30, `${few}`);
});

Deno.test("mergedBytes() are the matrices of all blocks, and copyFits() up to half of what is free", () => {
  const model = loadModel(new URL("../../data/tiny", import.meta.url).pathname, "float32");
  const { chameleon } = model;
  const matrices = chameleon.layers.flatMap((layer) => PROJECTIONS.map((name) => layer[name].size));
  const elements = matrices.reduce((a, b) => a + b);
  assertEquals(mergedBytes(chameleon.config, 2), 2 * elements);
  assertEquals([copyFits(5, 10), copyFits(6, 10)], [true, false]);
  disposeModel(model);
});
