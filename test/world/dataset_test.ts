import { counterfactualActions, FAMILIES, worldTrajectories } from "../../lib/world/mod.ts";
import { doesTheSame } from "../../lib/gates/measures.ts";
import { isKeptForBench } from "../../lib/world/dataset.ts";
import { assert, assertEquals } from "../support.ts";

const trajectories = worldTrajectories("default", 5, "bench", 60);

Deno.test("counterfactualActions() are possible and do something else", () => {
  const counterfactuals = counterfactualActions(trajectories, "default", 1);
  assert(counterfactuals.size > 50);
  for (const trajectory of trajectories) {
    const action = counterfactuals.get(trajectory.id);
    assert(action === undefined || !doesTheSame(action, trajectory), action);
    assert(doesTheSame(trajectory.action, trajectory), trajectory.action);
  }
});

Deno.test("some combinations occur in the bench alone", () => {
  const touched = (split: "train" | "bench") =>
    worldTrajectories("default", 1, split, 500).flatMap(({ meaning }) =>
      "object" in meaning ? [[meaning.object, meaning.kind] as const] : []
    );
  assert(touched("train").every(([object, kind]) => !isKeptForBench(object, kind)));
  const fresh = touched("bench").filter(([object, kind]) => isKeptForBench(object, kind)).length;
  assert(fresh > 150, `${fresh} of 500 are fresh`);
});

Deno.test("worldTrajectories() is the same for a seed and shares nothing between splits", async () => {
  const [a, b] = [worldTrajectories("default", 1, "train", 20), worldTrajectories("default", 1, "train", 20)];
  assertEquals(a.map(({ action }) => action), b.map(({ action }) => action));
  assertEquals(a.slice(0, 5).map(({ subset }) => subset), [...FAMILIES]);
  const keys = (list: typeof a) => Promise.all(list.flatMap(({ source, target }) => [source.key(), target.key()]));
  const bench = new Set((await keys(worldTrajectories("default", 1, "bench", 20))).map((key, i) => key + i));
  assert((await keys(a)).every((key, i) => !bench.has(key + i)));
});
