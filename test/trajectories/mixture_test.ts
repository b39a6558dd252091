import { downsample, joinLists, type Trajectory } from "../../lib/trajectories/mod.ts";
import { fileObservation } from "../../lib/trajectories/aurora.ts";
import { assert, assertEquals } from "../support.ts";

const of = (id: string, subset: string, action = "do", name = "none.png"): Trajectory => {
  const image = fileObservation(name);
  return { id, subset, source: image, action, target: image };
};

Deno.test("downsample() draws from a subset, in order, and the same for a seed", () => {
  const all = Array.from({ length: 100 }, (_, i) => of(`${i}`, i % 2 === 0 ? "kubric" : "ag"));
  const kept = downsample(all, { kubric: 10, none: 3 }, 1);
  const ids = kept.map(({ id }) => Number(id));
  assertEquals(ids, ids.toSorted((a, b) => a - b));
  assertEquals([kept.filter(({ subset }) => subset === "ag").length, kept.length], [50, 60]);
  assertEquals(downsample(all, { kubric: 10 }, 1), kept);
  assert(JSON.stringify(downsample(all, { kubric: 10 }, 2)) !== JSON.stringify(kept));
  assertEquals(downsample(all, { kubric: 1000 }, 1), all);
});

Deno.test("joinLists() gives every trajectory a name of its own", () => {
  const problems = [{ id: "x", reason: "lost" }];
  const joined = joinLists([{ trajectories: [of("a-0", "a")], problems }, { trajectories: [of("a-0", "a"), of("a-1", "a")], problems }]);
  assertEquals(joined.trajectories.map(({ id }) => id), ["a-0", "a-0@1", "a-1"]);
  assertEquals(joined.problems.length, 2);
});
