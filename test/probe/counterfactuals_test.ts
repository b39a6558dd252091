import { readCounterfactuals } from "../../lib/probe/mod.ts";
import { readAurora, type Trajectory } from "../../lib/trajectories/mod.ts";
import { fileObservation } from "../../lib/trajectories/aurora.ts";
import { assertEquals, sharedData, withFolder } from "../support.ts";

const shared = sharedData();
const of = (id: string, subset: string, action = "do", name = "none.png"): Trajectory => {
  const image = fileObservation(name);
  return { id, subset, source: image, action, target: image };
};

Deno.test("readCounterfactuals() tells contrary actions from pairs about something else", () =>
  withFolder((folder) => {
    const entry = (prompt: string, more: object) => ({ prompt, input: "data/other/7/first.jpg", ...more });
    const list = [
      entry("Close it", { pos: "Open it" }),
      entry("move it left", { pos: "move it left", neg: "move it right" }),
      entry("add one", { pos: "remove one", neg: "Add one!" }),
      entry("roll", { pos: "move the cup up", neg: "move the cup down" }),
      entry("stay", { pos: "" }),
      entry("same", { pos: "same." }),
      7,
    ];
    Deno.writeTextFileSync(`${folder}/valid.json`, JSON.stringify(list));
    const actions = ["close it", "move it left", "add one", "roll", "stay", "same", "unlisted"];
    const trajectories = [
      ...actions.map((action) => of(action, "ag", action, "/x/7/first.jpg")),
      of("other", "ag", "close it", "/x/8/first.jpg"),
    ];
    const found = readCounterfactuals(trajectories, [`${folder}/valid.json`]);
    assertEquals([...found.actions], [["close it", "Open it"], ["move it left", "move it right"], ["add one", "remove one"]]);
    assertEquals(found.problems.map(({ id }) => id), ["roll", "stay", "same"]);
  }));

Deno.test({
  name: "readCounterfactuals() finds AURORA's contrary actions of the real triplets",
  ignore: !shared,
  fn() {
    const bench = `${shared}/aurora-bench`;
    const { trajectories } = readAurora(`${bench}/test.json`);
    const lists = ["ag", "something", "kubric"].map((task) => `${bench}/disc_edit_data/${task}/valid.json`);
    const { actions, problems } = readCounterfactuals(trajectories, lists);
    const count = (subset: string) => trajectories.filter(({ id, subset: own }) => own === subset && actions.has(id)).length;
    assertEquals(["ag", "something", "kubric", "magicbrush"].map(count), [17, 13, 7, 0]);
    assertEquals(problems.length, 60 - 37);
    assertEquals(actions.get(trajectories.find(({ action }) => action === "Make her close the door")!.id), "Make her open the door");
  },
});
