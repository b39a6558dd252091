import { planMemory, PROJECTIONS } from "../../lib/model/mod.ts";
import { mebibytes, tooLargeText } from "../../lib/model/memory.ts";
import { assert, assertEquals } from "../support.ts";

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

Deno.test("planMemory() is within a third of what bench train measured", () => {
  const measured = [[plan(256, 6, 4, false), 1130], [plan(512, 8, 4, false), 1956], [plan(512, 8, 16, true), 2264]] as const;
  for (const [planned, found] of measured) assert(Math.abs(planned / found - 1) < 0.34, `${planned} MiB were planned, ${found} measured`);
});

Deno.test("mebibytes() says sizes as people do", () => {
  assertEquals([mebibytes(5 * 2 ** 20), mebibytes(1.5 * 2 ** 30)], ["5 MiB", "1.5 GiB"]);
});

Deno.test("tooLargeText() advises keys of the section that is trained, and names the key that no saving helps", () => {
  const size = { rank: 16, targets: PROJECTIONS, batch: 64, positions: 548, bytes: 2, checkpointing: false };
  const plan = { weights: 1, adapter: 1, activations: 2e9, engine: 1, total: 2e9 };
  assert(tooLargeText(plan, 1e9, size, "cdm").includes("try --cdm.checkpointing=true, a smaller --cdm.batch"));
  const absurd = tooLargeText({ ...plan, total: 4e23, activations: 4e23 }, 1e9, { ...size, batch: 1e14 }, "cwm");
  assert(absurd.endsWith("--cwm.batch=100000000000000 is far too large"), absurd);
  assert(tooLargeText({ ...plan, total: 4e23, adapter: 4e23 }, 1e9, size, "cwm").endsWith("--cwm.lora.rank=16 is far too large"));
});
