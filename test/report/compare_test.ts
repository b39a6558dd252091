import { resolveConfig } from "../../lib/experiment/config.ts";
import { comparisonRows, type JudgedRun, readJudgedRun } from "../../lib/report/compare.ts";
import { assert, assertEquals, assertThrows } from "../support.ts";

type Scores = Readonly<Record<string, Readonly<Record<string, number>>>>;

function judged(seed: number, scores: Scores, more: Partial<JudgedRun> = {}): JudgedRun {
  const maps = new Map(Object.entries(scores).map(([system, own]) => [system, new Map(Object.entries(own))]));
  return {
    folder: `judge-${seed}`,
    seed,
    bench: `b${seed}`,
    kind: "easy",
    judge: "world",
    overlap: 0,
    scores: maps,
    halves: new Map(),
    ...more,
  };
}

Deno.test("comparisonRows() pairs by transition within a seed and counts seeds alike, however many transitions each has", () => {
  const rows = comparisonRows([
    judged(2, { "C-FT": { a: 0, b: 2, c: 9 }, CWM: { a: 1, b: 5 } }), // c is unscored for CWM: it does not count in the difference
    judged(1, { "C-FT": { d: 4 }, CWM: { d: 8 } }),
  ], "C-FT");
  assertEquals(rows.map(({ system, score, difference }) => [system, score, difference]), [["C-FT", (11 / 3 + 4) / 2, null], [
    "CWM",
    5.5,
    3,
  ]]);
  assertEquals(rows[1]!["by seed"], "8.00, 3.00"); // seed 1 first
});

Deno.test("comparisonRows() decides from five seeds on, by the interval over seeds and transitions", () => {
  const of = (seeds: number, better: (seed: number) => number) =>
    comparisonRows(
      Array.from({ length: seeds }, (_, seed) => judged(seed, { a: { x: 3, y: 5 }, b: { x: 3 + better(seed), y: 5 + better(seed) } })),
      "a",
    )[1]!["is better"];
  assertEquals(of(4, () => 1), "undecided below 5 seeds");
  assertEquals([of(5, () => 1), of(5, () => -1), of(6, (seed) => seed % 2 ? 1 : -1)], ["holds", "fails", "cannot be told"]);
});

Deno.test("comparisonRows() reports the halves of a bench apart", () => {
  const halves = new Map([["x", "seen"], ["y", "unseen"]] as const);
  const rows = comparisonRows([judged(1, { a: { x: 6, y: 0 }, b: { x: 5, y: 3 } }, { halves })], "a");
  assertEquals(rows.filter(({ system }) => system === "b").map(({ part, difference }) => [part, difference]), [
    ["all", 1],
    ["seen", -1],
    ["unseen", 3],
  ]);
});

Deno.test("comparisonRows() joins the runs of a seed, and says where no seed has both", () => {
  const rows = comparisonRows([judged(1, { a: { x: 1 } }), judged(1, { b: { x: 3 } }), judged(2, { c: { z: 4 } })], "a");
  assertEquals(rows.map(({ system, difference, "is better": told }) => [system, difference, told]), [
    ["a", null, null],
    ["b", 2, "undecided below 5 seeds"],
    ["c", null, "no seed has both"],
  ]);
});

Deno.test("comparisonRows() refuses what cannot be compared", () => {
  const [one, two] = [judged(1, { a: { x: 1 }, b: { x: 2 } }), judged(2, { a: { x: 1 }, b: { x: 2 } })];
  const refused = (runs: JudgedRun[], against: string) => assertThrows(() => comparisonRows(runs, against), Error).message;
  assert(refused([one], "c").includes("judged are a, b; give --against"));
  assert(refused([judged(1, { a: { x: 1 } })], "a").includes("with nothing"));
  assert(refused([one, { ...one, folder: "again" }], "a").includes("judge-1 and again both score a with seed 1"));
  assert(refused([one, judged(1, { c: { x: 1 } }, { bench: "other", folder: "there" })], "a").includes("not on the same bench"));
  assert(refused([one, { ...two, judge: "gpt-4o" }], "a").includes("different judges"));
  assert(refused([one, { ...two, kind: "hard" }], "a").includes("over different benches (easy; hard)"));
});

Deno.test("readJudgedRun() reads what task judge leaves, and refuses what it does not", () => {
  const folder = Deno.makeTempDirSync();
  const config = resolveConfig(undefined, [{ key: "data.regime", value: "scarce" }, { key: "bench.world", value: "6" }]);
  const write = (name: string, value: unknown) => Deno.writeTextFileSync(`${folder}/${name}`, JSON.stringify(value) + "\n");
  assertThrows(() => readJudgedRun(folder, config), Error, "no finished run");
  write("result.json", {
    ...{ kind: "judgement", judge: "world", date: "2026-11-27", prompt: "none", systems: [], scores: [] },
    spent: { prompt: 0, completion: 0, dollars: 0 },
  });
  assertThrows(() => readJudgedRun(folder, config), Error, "no manifest.json");
  write("manifest.json", {
    ...{ task: "judge", digest: "0123456789abcdef", config: { seed: 3, data: config.data, bench: config.bench }, seed: 3 },
    ...{ inputs: { bench: "b" }, overlap: 0, versions: {}, backend: null, started: "", finished: "", seconds: 1, peakMemoryMiB: 1 },
  });
  write("scores.jsonl", { system: "a", id: "x", subset: "edit", action: "go", score: 4 });
  const run = readJudgedRun(folder, resolveConfig(undefined, [])); // regime and size of the bench are the run's, not the caller's
  assertEquals(run.kind, "6 transitions of the tiny world, default, scarce");
  assertEquals([run.seed, run.bench, run.scores.get("a")?.get("x"), run.halves.size], [3, "b", 4, 6]);

  const shards = `${Deno.makeTempDirSync()}/judge`; // 0 of 2 scored x, 1 of 2 scores y
  for (const [i, id] of ["x", "y"].entries()) {
    Deno.mkdirSync(`${shards}-${i}-of-2`);
    for (const name of ["result.json", "manifest.json"]) Deno.copyFileSync(`${folder}/${name}`, `${shards}-${i}-of-2/${name}`);
    const score = { system: "a", id, subset: "edit", action: "go", score: i };
    Deno.writeTextFileSync(`${shards}-${i}-of-2/scores.jsonl`, JSON.stringify(score) + "\n");
  }
  assertEquals([...readJudgedRun(shards, config).scores.get("a")!], [["x", 0], ["y", 1]]);
});
