import { recognitionWeights } from "../../lib/trajectories/mod.ts";
import { assertClose, assertEquals, engine } from "../support.ts";

await engine();

Deno.test("recognitionWeights() has mean 1, keeps its floor, and is flat where nothing changes", () => {
  const weights = recognitionWeights([0, 0, 1, 7], { weights: "l2", normalise: "mean", floor: 0.1 });
  assertClose([weights.reduce((a, b) => a + b, 0) / 4, weights[0]!], [1, 0.1], 1e-6);
  assertEquals([...recognitionWeights([0, 0], { weights: "l2", normalise: "mean", floor: 0.1 })], [1, 1]);
  assertEquals([...recognitionWeights([3, 5], { weights: "none", normalise: "mean", floor: 0 })], [1, 1]);
  assertEquals([...recognitionWeights([3, 5], { weights: "l2", normalise: "none", floor: 0 })], [3, 5]);
});
