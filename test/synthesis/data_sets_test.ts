import { dataSetRows } from "../../lib/report/data_sets.ts";
import { type AnnotatedTrajectory, type DataSet, listDataSets, readSynthetic, topKOfDataSets } from "../../lib/synthesis/mod.ts";
import { rankedBy } from "../../lib/synthesis/filter.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";

/** A trajectory of a data set. */
function line(id: string, dataset: string | undefined, score: number, more: Partial<AnnotatedTrajectory> = {}): AnnotatedTrajectory {
  return {
    ...{ id, ...(dataset && { dataset }), video: id, label: "a", source: "frames/a.png", target: "frames/a.png", action: "do it now" },
    ...{ sourceTime: 0, targetTime: 1, sourceFrame: 0, targetFrame: 9, duration: 36, score, cdm: "x" },
    ...more,
  };
}

/** Two folders of empty videos, 12 and 3, in two classes. */
function writeVideos(folder: string): Record<string, DataSet> {
  for (const [set, count] of [["mit", 12], ["ucf", 3]] as const) {
    for (let i = 0; i < count; i++) {
      Deno.mkdirSync(`${folder}/${set}/class ${i % 2}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/${set}/class ${i % 2}/${i}.mp4`, "");
    }
  }
  return { mit: { videos: `${folder}/mit`, clips: 0, hours: 0 }, ucf: { videos: `${folder}/ucf`, clips: 0, hours: 0 } };
}

Deno.test("listDataSets() names each video after its data set, and takes all without limits", () =>
  withFolder(async (folder) => {
    const sets = writeVideos(folder);
    const { videos } = await listDataSets(sets, 1);
    assertEquals(videos.length, 15);
    assertEquals(videos[0], { id: "mit/class 0/0.mp4", path: `${folder}/mit/class 0/0.mp4`, label: "class 0", dataset: "mit" });
    const { videos: unnamed } = await listDataSets({ "": sets["ucf"]! }, 1);
    assertEquals(unnamed.map(({ id, dataset }) => [id, dataset]), [["class 0/0.mp4", undefined], ["class 0/2.mp4", undefined], [
      "class 1/1.mp4",
      undefined,
    ]]);
    await assertRejects(() => listDataSets({ no: { ...sets["mit"]!, videos: `${folder}/no` } }, 1), UserError, "it is not there");
  }));

Deno.test("listDataSets() limits each data set by clips or hours, at random by the seed over all classes, in the order of names", () =>
  withFolder(async (folder) => {
    const { mit, ucf } = writeVideos(folder) as { mit: DataSet; ucf: DataSet };
    const names = async (sets: Record<string, DataSet>, seed: number, seconds = 600) =>
      (await listDataSets(
        sets,
        seed,
        "",
        (path) => path.endsWith("/3.mp4") ? Promise.reject(new UserError("broken")) : Promise.resolve(seconds),
      ))
        .videos.map(({ id }) => id);
    const six = await names({ mit: { ...mit, clips: 6 }, ucf }, 1);
    assertEquals(six.length, 6 + 3);
    assertEquals(six, six.toSorted());
    assertEquals(new Set(six.slice(0, 6).map((id) => id.split("/")[1])).size, 2, "one class alone was taken");
    assertEquals(await names({ mit: { ...mit, clips: 6 }, ucf }, 1), six);
    const seeds = await Promise.all([2, 3, 4].map((seed) => names({ mit: { ...mit, clips: 6 }, ucf }, seed)));
    assert(seeds.some((own) => own.join() !== six.join()), "the seed makes no difference");
    const hour = await names({ mit: { ...mit, hours: 1 } }, 1); // six of ten minutes, and the broken one if it comes among them
    assertEquals(hour.filter((id) => !id.endsWith("/3.mp4")).length, 6);
    assertEquals((await names({ mit: { ...mit, hours: 1, clips: 2 } }, 1)).length, 2);
    assertEquals((await names({ mit: { ...mit, hours: 100 } }, 1)).length, 12);

    const frames = new URL("../parity/reference/frames.parquet", import.meta.url).pathname; // two videos of 8 frames, 25 a second
    const limited = await listDataSets({ ucf: { videos: frames, clips: 0, hours: 0.3 / 3600 } }, 1);
    assertEquals(limited.videos.map(({ seconds }) => seconds), [0.32]);
  }));

Deno.test("topKOfDataSets() and readSynthetic() keep so many of each data set, the likeliest of each class", () =>
  withFolder((folder) => {
    const all = [
      ...[line("1", "mit", -1), line("2", "ucf", -9), line("3", "mit", -2), line("4", "ucf", -8), line("5", "ucf", -7)],
      ...[line("6", "mit", -5, { label: "b" }), line("7", "mit", -4, { label: "b" })],
    ];
    assertEquals(topKOfDataSets(all, () => 2).map(({ id }) => id), ["1", "4", "5", "7"]);
    assertEquals(topKOfDataSets(all, (own) => own.length / 2 | 0).map(({ id }) => id), ["1", "5", "7"]);
    const unnamed = all.map(({ dataset: _, ...one }) => one as AnnotatedTrajectory);
    assertEquals(topKOfDataSets(unnamed, () => 2).map(({ id }) => id), ["1", "7"]); // as one data set: 5 of class a, 2 of class b
    Deno.mkdirSync(`${folder}/frames`);
    Deno.writeTextFileSync(`${folder}/frames/a.png`, "");
    Deno.writeTextFileSync(`${folder}/trajectories.jsonl`, all.map((one) => JSON.stringify(one) + "\n").join(""));
    assertEquals(readSynthetic(`${folder}/trajectories.jsonl`, 2).trajectories.map(({ id }) => id), ["1", "4", "5", "7"]);
  }));

Deno.test("rankedBy() ranks by the mean a token or by the sum, and says when there is no sum", () => {
  const all = [line("long", undefined, -1, { sum: -9 }), line("short", undefined, -2, { sum: -4 })];
  const first = (kind: "mean" | "sum") => topKOfDataSets(rankedBy(kind, all, "x"), () => 1)[0]!;
  assertEquals([first("mean").id, first("mean").score], ["long", -1]);
  assertEquals([first("sum").id, first("sum").score], ["short", -4]);
  assertEquals(rankedBy("mean", [line("old", undefined, -1)], "x").length, 1);
  assertThrows(() => rankedBy("sum", [line("old", undefined, -1)], "x"), UserError, 'Cannot rank "old" of x by the sum');
});

Deno.test("dataSetRows() are Table 4: each data set before and after the filter, then all", () => {
  const all = [
    line("a", "mit", -1, { video: "v", action: "go" }),
    line("b", "mit", -3, { video: "v", sourceFrame: 9, targetFrame: 20 }),
    line("c", "ucf", -5),
  ];
  const rows = dataSetRows(all, [all[0]!]);
  assertEquals(rows.map((row) => [row["data set"], row["trajectories"], row["samples"], row["videos"]]), [
    ["mit", "annotated", 2, 1],
    ["mit", "filtered", 1, 1],
    ["ucf", "annotated", 1, 1],
    ["ucf", "filtered", 0, 0],
    ["all", "annotated", 3, 2],
    ["all", "filtered", 1, 1],
  ]);
  const { "observations a video": observations, "actions a video": actions, "words an action": words, "mean score": score } = rows[0]!;
  assertEquals([observations, actions, words, score], [3, 2, 2, -2]);
  assertEquals(rows.map((row) => row["share kept"]), [1, 0.5, 1, 0, 1, 1 / 3]);
  assertEquals(rows[4]!["total length, h"], 0.02);
  assertEquals(rows[3]!["words an action"], null);
  assertEquals(dataSetRows([line("a", undefined, -1)], []).map((row) => row["data set"]), ["all", "all"]);
});

Deno.test("listDataSets() counts a video without a length as none, and takes no more of them as the disk failed", () =>
  withFolder(async (folder) => {
    const { ucf } = writeVideos(folder);
    const failing = (words: string) => () => Promise.reject(new UserError(words));
    const sets = { ucf: { ...ucf!, hours: 1 } };
    assertEquals((await listDataSets(sets, 1, "", failing("it is no video"))).videos.length, 3);
    await assertRejects(() => listDataSets(sets, 1, "", failing("Input/output error (os error 5)")), UserError, "os error 5");
  }));
