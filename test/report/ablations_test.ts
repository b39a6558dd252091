import { ablationRows } from "../../lib/report/ablations.ts";
import { assertEquals } from "../support.ts";
import { scoreOf } from "./runs.ts";

const scores = [
  scoreOf("CWM", "1", 4, 10, { subset: "edit" }),
  scoreOf("CWM", "2", 8, 10, { subset: "people" }),
  scoreOf("CWM without weights", "1", 3, 10, { subset: "edit" }),
  scoreOf("CWM without weights", "2", 10, 10, { subset: "people" }),
  scoreOf("CWM without weights", "3", 0, 10, { subset: "people" }), // the world model has no such item
];

Deno.test("ablationRows() give the world model's score, and what an ablation differs by on the items of both", () => {
  assertEquals(ablationRows(scores), [
    { system: "CWM", all: 6, edit: 4, people: 8 },
    { system: "without weights, difference", all: 0.5, edit: -1, people: 2 },
  ]);
});

Deno.test("ablationRows() are none where the world model was not judged", () => {
  assertEquals(ablationRows(scores.filter(({ system }) => system !== "CWM")), []);
});
