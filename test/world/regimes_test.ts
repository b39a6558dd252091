import { counterfactualActions, DIFFICULTIES, isUnseen, supervisedWorld, worldTrajectories } from "../../lib/world/mod.ts";
import { doesTheSame } from "../../lib/gates/measures.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("the scarce regime trains on nothing unseen, and half of each family of its bench is", () => {
  for (const difficulty of ["easy", "default", "hard"] as const) {
    const train = worldTrajectories(difficulty, 3, "train", 200, "scarce");
    assert(!train.some((one) => isUnseen(one, difficulty)), difficulty);
    assert(train.every(({ half }) => half === undefined));
    const bench = worldTrajectories(difficulty, 3, "bench", 100, "scarce");
    for (const one of bench) {
      assertEquals(one.half, isUnseen(one, difficulty) ? "unseen" : "seen", one.id);
      assert(doesTheSame(one.action, one), one.action);
    }
    for (const half of ["seen", "unseen"]) {
      const families = Map.groupBy(bench.filter((one) => one.half === half), ({ subset }) => subset);
      assertEquals([...families.values()].map(({ length }) => length), [10, 10, 10, 10, 10]);
    }
    const contrary = counterfactualActions(bench, difficulty, 1).size; // what contradicts is possible in the whole world
    assert(contrary > 60, `${contrary} of 100`);
  }
});

Deno.test("the full regime leaves nothing out and draws what it always drew", () => {
  assertEquals(supervisedWorld("default", "full"), DIFFICULTIES.default);
  const [one] = worldTrajectories("easy", 1, "train", 1);
  assertEquals([one!.id, one!.half], ["easy-train-1-0", undefined]);
  const [scarce] = worldTrajectories("easy", 1, "train", 1, "scarce");
  assert(scarce!.id !== one!.id); // caches and overlaps tell them apart
});
