import { negativesOf } from "../../lib/probe/mod.ts";
import type { EncodedTrajectory } from "../../lib/trajectories/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals } from "../support.ts";

const trajectories = worldTrajectories("default", 5, "bench", 60);
const items: EncodedTrajectory[] = trajectories.map((trajectory, i) => ({
  trajectory,
  source: Uint16Array.of(i),
  target: Uint16Array.of(100 + i),
  distances: new Float32Array(1),
}));

Deno.test("negativesOf() manipulates one part of a trajectory each, the same for a seed", () => {
  const counterfactuals = new Map([[trajectories[0]!.id, "do the opposite"]]);
  const negatives = negativesOf(items, counterfactuals, 1);
  assertEquals(negatives, negativesOf(items, counterfactuals, 1));
  negatives.forEach(({ random, counterfactual, copy, inverse }, i) => {
    const { source, target, trajectory } = items[i]!;
    const ofSubset = trajectories.filter(({ subset }) => subset === trajectory.subset).map(({ action }) => action);
    assert(random && random.action !== trajectory.action && ofSubset.includes(random.action));
    assertEquals([random.source, random.target], [source, target]);
    assertEquals(counterfactual?.action, i === 0 ? "do the opposite" : undefined);
    assertEquals(copy, { source, action: trajectory.action, target: source });
    assertEquals(inverse, { source: target, action: trajectory.action, target: source });
  });
});
