import { resolveConfig } from "../../lib/experiment/config.ts";
import { planText, seedRuns, stageArguments } from "../../lib/experiment/seed_runs.ts";
import type { Invocation } from "../../lib/experiment/task.ts";
import { assert, assertEquals, assertThrows, withFolder } from "../support.ts";

const asked = (run: string, flags: Record<string, string>): Invocation => ({
  ...{ config: resolveConfig("data/configs/scarce.yaml", []), overrides: [] },
  flags: { config: "data/configs/scarce.yaml", run, ...flags },
});

Deno.test("seedRuns() runs all for each seed, and for another number of supervised trajectories what curves need, on the seed's own pairs", () =>
  withFolder((folder) => {
    const runs = seedRuns(asked(`${folder}/paper`, { seeds: "2,5", supervised: "250,1000" }));
    assertEquals(runs.map(({ root }) => root.slice(folder.length)), ["/paper-2", "/paper-2-250", "/paper-5", "/paper-5-250"]);
    assertEquals(runs.map(({ invocation: { config } }) => [config.seed, config.data.world]), [[2, 1000], [2, 250], [5, 1000], [5, 250]]);
    const [whole, point] = runs as [typeof runs[0], typeof runs[0]];
    assert(whole!.stages.some(({ folder }) => folder === "probe-c-ft") && !point!.stages.some(({ folder }) => folder.startsWith("probe")));
    const annotate = point!.stages.find((stage) => stage.folder === "annotate")!;
    assert(annotate.args.includes(`--annotate.from=${folder}/paper-2/annotate/trajectories.jsonl`));
    assert(annotate.args.includes("--annotate.sheets=false"));
    assert(annotate.args.includes(`--annotate.cdm=${folder}/paper-2-250/train-cdm/adapter`));
    const judge = point!.stages.find((stage) => stage.folder === "judge")!;
    assert(!judge.args.join().includes("C-ZS") && judge.args.join().includes("C-FT="), judge.args.join());
    assert(!judge.measures!.join().includes("C-ZS") && judge.measures!.join().includes("C-FT="), judge.measures!.join());
    assert(planText(point!).startsWith("Seed 2, 250 supervised, in ") && planText(point!).includes("to run"));
  }));

Deno.test("stageArguments() gives workers to the stages that train, and to no others", () => {
  const [one, four] = [asked("r", {}), asked("r", { "training-workers": "4" })];
  const { stages } = seedRuns(four)[0]!;
  const shared = stages.filter((stage) => stageArguments(stage, four).includes("--workers=4")).map(({ task }) => task);
  assertEquals([...new Set(shared)], ["train-cdm", "train-cwm"]);
  assertEquals(shared.length, stages.filter(({ task }) => task.startsWith("train-")).length);
  assert(stages.every((stage) => !stageArguments(stage, one).some((text) => text.startsWith("--workers"))));
  assertThrows(
    () => stageArguments(stages.find(({ task }) => task === "train-cdm")!, asked("r", { "training-workers": "x" })),
    Error,
    "--training-workers",
  );
});

Deno.test("seedRuns() refuses seeds and numbers that are none", () => {
  for (const seeds of ["0", "x", "1,1", "1.5"]) assertThrows(() => seedRuns(asked("r", { seeds })), Error, "Cannot run the seeds");
  for (const supervised of ["0", "x", "5,5"]) {
    assertThrows(() => seedRuns(asked("r", { supervised })), Error, "Cannot take the numbers of trajectories");
  }
});
