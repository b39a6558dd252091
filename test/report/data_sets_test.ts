import { dataSetRows, rightOf } from "../../lib/report/data_sets.ts";
import type { AnnotatedTrajectory } from "../../lib/synthesis/mod.ts";
import { assertEquals } from "../support.ts";

const one = (dataset: string | undefined, video: string, score: number, right?: boolean): AnnotatedTrajectory => ({
  ...{
    id: `${video}#0`,
    ...(dataset && { dataset }),
    video,
    label: "x",
    source: "",
    target: "",
    action: "roll the ball",
    score,
    sum: score,
  },
  ...{ cdm: "", sourceTime: 0, targetTime: 1, sourceFrame: 0, targetFrame: 1, duration: 3600, ...(right !== undefined && { right }) },
});

Deno.test("dataSetRows() say what is annotated and kept of each data set, then of all", () => {
  const all = [one("mit", "mit/a", -1), one("mit", "mit/b", -3), one("ucf", "ucf/a", -2)];
  const rows = dataSetRows(all, [all[0]!, all[2]!]);
  assertEquals(rows.map((row) => [row["data set"], row["trajectories"], row["samples"], row["share kept"], row["mean score"]]), [
    ["mit", "annotated", 2, 1, -2],
    ["mit", "filtered", 1, 0.5, -1],
    ["ucf", "annotated", 1, 1, -2],
    ["ucf", "filtered", 1, 1, -2],
    ["all", "annotated", 3, 1, -2],
    ["all", "filtered", 2, 2 / 3, -1.5],
  ]);
  assertEquals(rows[0]!["total length, h"], 2);
});

Deno.test("dataSetRows() have no row of all beside a single data set, and no means of nothing", () => {
  const rows = dataSetRows([one(undefined, "a", -1)], []);
  assertEquals(rows.map((row) => [row["data set"], row["samples"], row["mean score"]]), [["all", 1, -1], ["all", 0, null]]);
});

Deno.test("rightOf() counts those that are known alone", () => {
  assertEquals([rightOf([]), rightOf([one("a", "b", 0)])], [null, null]);
  assertEquals(rightOf([one("a", "b", 0, true), one("a", "c", 0, false), one("a", "d", 0)]), 0.5);
});
