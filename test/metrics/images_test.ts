import { estimate, l1Distance, pairedTest } from "../../lib/metrics/mod.ts";
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { readAurora } from "../../lib/trajectories/mod.ts";
import { assert, assertClose, assertEquals, sharedData } from "../support.ts";

const shared = sharedData();
const flat = (value: number, width = 4, height = 4): RgbImage => ({ width, height, data: new Uint8Array(3 * width * height).fill(value) });

Deno.test({
  name: "copying's L1 on the 100 real triplets is what the data's README says, to four digits",
  ignore: !shared,
  async fn() {
    const { trajectories } = readAurora(`${shared}/aurora-bench/test.json`);
    const known = { magicbrush: 0.0248, ag: 0.0665, something: 0.1218, whatsup: 0.0325, kubric: 0.0123 };
    for (const [subset, expected] of Object.entries(known)) {
      const own = trajectories.filter((trajectory) => trajectory.subset === subset);
      let sum = 0;
      for (const { source, target } of own) sum += l1Distance(await source.load(), await target.load(), "paper");
      assertClose([sum / own.length], [expected], 5e-5, subset);
    }
  },
});

Deno.test("l1Distance() frames by its protocol; estimate() and pairedTest() are the same each time", () => {
  const wide = flat(255, 8, 4);
  wide.data.fill(0, 0, 3); // a corner that the square crop leaves out
  assertEquals(l1Distance(flat(255), wide, "aligned"), 0);
  assert(l1Distance(flat(255), wide, "paper") > 0.03);
  const random = randomStream("estimate");
  const values = Array.from({ length: 100 }, () => randomInt(random, 11));
  const { mean, n, interval: [from, to] } = estimate(values);
  assert(from < mean && mean < to && to - from < 2 && n === 100);
  assertEquals(estimate(values), estimate(values));
  const better = values.map((value) => value + 1);
  assert(pairedTest(better, values) < 0.001 && pairedTest(values, values.toReversed()) > 0.9);
});
