import { readCounterfactuals } from "../../lib/probe/mod.ts";
import { downsample, joinLists, readAurora, readEpic, type Trajectory } from "../../lib/trajectories/mod.ts";
import { fileObservation } from "../../lib/trajectories/aurora.ts";
import { assert, assertEquals, assertThrows, sharedData, UserError, withFolder } from "../support.ts";

const shared = sharedData();
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

Deno.test("readEpic() takes the first and the last frame of a clip, and names what is wrong with the others", () =>
  withFolder((folder) => {
    const frame = (path: string) => {
      Deno.mkdirSync(`${folder}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/${path}`, "");
    };
    frame("P01/rgb_frames/P01_01/frame_0000000008.jpg");
    frame("P01/rgb_frames/P01_01/frame_0000000202.jpg");
    frame("P02_07/frame_0000000001.jpg");
    Deno.writeTextFileSync(
      `${folder}/train.csv`,
      "narration_id,participant_id,video_id,start_frame,stop_frame,narration\n" +
        'P01_01_0,P01,P01_01,8,202,"open door, slowly"\nP01_01_1,P01,P01_01,8,203,close door\nP01_01_2,P01,P01_01,8,202,\n' +
        "P01_01_3,P01,P01_01,202,8,go back\nP01_01_4,..,../../etc,8,202,climb\nP02_07_0,P02,P02_07,1,999999999999,wait\n",
    );
    const { trajectories, problems } = readEpic(`${folder}/train.csv`);
    assertEquals(trajectories.map(({ id, subset, action }) => [id, subset, action]), [["epic-P01_01_0", "epic", "open door, slowly"]]);
    assert(trajectories[0]!.target.name.endsWith("P01/rgb_frames/P01_01/frame_0000000202.jpg"));
    assertEquals(problems.map(({ reason }) => reason), [
      "frame 203 of P01_01 not found",
      "it has no narration",
      "frames 202 to 8 are no clip",
      '".." and "../../etc" are no names of folders',
      "frames 1 to 999999999999 are no clip",
    ]);
    Deno.writeTextFileSync(`${folder}/other.csv`, "a,b\n1,2\n");
    assertThrows(() => readEpic(`${folder}/other.csv`), UserError, "the column uid are needed");
  }));

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
