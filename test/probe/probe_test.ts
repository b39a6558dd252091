import { preferenceOf, type ProbePoint } from "../../lib/probe/probe.ts";
import { negativesOf } from "../../lib/probe/mod.ts";
import type { EncodedTrajectory } from "../../lib/trajectories/mod.ts";
import { counterfactualActions, worldTrajectories } from "../../lib/world/mod.ts";
import { doesTheSame } from "../../lib/gates/measures.ts";
import { assert, assertClose, assertEquals } from "../support.ts";

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

Deno.test("counterfactualActions() are possible and do something else", () => {
  const counterfactuals = counterfactualActions(trajectories, "default", 1);
  assert(counterfactuals.size > 50);
  for (const trajectory of trajectories) {
    const action = counterfactuals.get(trajectory.id);
    assert(action === undefined || !doesTheSame(action, trajectory), action);
    assert(doesTheSame(trajectory.action, trajectory), trajectory.action);
  }
});

Deno.test("preferenceOf() counts, with Wilson's interval and Pearson's correlation", () => {
  const point = { id: "", subset: "", task: "action", negative: "copy" } as const;
  const points: ProbePoint[] = [[-1, -2], [-2, -3], [-3, -1], [-4, -6]].map(([reference, manipulated]) => ({
    ...point,
    reference: reference!,
    manipulated: manipulated!,
  }));
  const { prefersReference, n, interval, pearson: r } = preferenceOf(points);
  assertEquals([prefersReference, n], [0.75, 4]);
  assertClose([r!], [0.5976], 1e-3);
  assertClose(interval, [0.3006, 0.9544], 1e-3); // R: binom::binom.wilson(3, 4)
});
