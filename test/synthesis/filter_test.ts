import { type AnnotatedTrajectory, readAnnotated, readSynthetic, stratifiedTopK, videoStatistics } from "../../lib/synthesis/mod.ts";
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const line = (id: string, more: Partial<AnnotatedTrajectory> = {}): AnnotatedTrajectory => ({
  ...{
    id,
    video: id,
    label: "a",
    source: "frames/a.png",
    target: "frames/b.png",
    sourceTime: 0,
    targetTime: 1,
    sourceFrame: 0,
    targetFrame: 9,
  },
  ...{ duration: 2, action: "do it now", score: -1, cdm: "x" },
  ...more,
});

Deno.test("stratifiedTopK() keeps every class's share exactly and its likeliest, in order", () => {
  const random = randomStream("filter");
  for (let round = 0; round < 50; round++) {
    const all = Array.from({ length: 1 + randomInt(random, 80) }, (_, i) => ({
      ...{ i, label: `class ${randomInt(random, 1 + randomInt(random, 6))}`, score: -randomInt(random, 10) },
    }));
    const keep = randomInt(random, all.length + 5);
    const kept = stratifiedTopK(all, keep);
    assertEquals(kept.length, Math.min(keep, all.length));
    assertEquals(kept.map(({ i }) => i), kept.map(({ i }) => i).toSorted((a, b) => a - b));
    for (const [label, own] of Map.groupBy(all, ({ label }) => label)) {
      const stay = kept.filter((one) => one.label === label);
      assert(Math.abs(stay.length - own.length * Math.min(keep, all.length) / all.length) < 1);
      const worst = Math.min(...stay.map(({ score }) => score));
      const gone = own.filter((one) => !stay.includes(one));
      assert(stay.length === 0 || gone.every(({ score }) => score <= worst));
    }
  }
});

Deno.test("videoStatistics() count as Table 4 does", () => {
  const { averageLength, totalLength, samples, observations, actions, words } = videoStatistics([
    line("a#0", { video: "a" }),
    line("a#1", { video: "a", sourceFrame: 9, targetFrame: 20, action: "go" }),
    line("b#0", { video: "b", duration: 4 }),
  ]);
  assertEquals([averageLength, samples, observations, actions], [3, 3, 2.5, 1.5]);
  assertClose([totalLength, words], [6 / 3600, 7 / 3], 1e-12);
  const { duration: _, ...unsaid } = line("c#0", { video: "c" });
  assertEquals(videoStatistics([unsaid as AnnotatedTrajectory, line("b#0", { video: "b", duration: 4 })]).averageLength, 4);
});

Deno.test("readSynthetic() takes the likeliest whose frames are there, and none from elsewhere", () =>
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/x/frames`, { recursive: true });
    for (const name of ["a", "b"]) Deno.writeTextFileSync(`${folder}/x/frames/${name}.png`, "");
    Deno.writeTextFileSync(`${folder}/out.png`, "");
    const path = `${folder}/x/trajectories.jsonl`;
    const lines = [
      line("1"),
      line("2", { score: -0.5 }),
      line("3", { source: "../out.png" }),
      line("4", { target: `${folder}/out.png` }),
      line("5", { action: " " }),
    ];
    Deno.writeTextFileSync(path, lines.map((one) => JSON.stringify(one) + "\n").join(""));
    const { trajectories, problems } = readSynthetic(path, 0);
    assertEquals(trajectories.map(({ id, subset }) => [id, subset]), [["1", "synthetic"], ["2", "synthetic"]]);
    assertEquals(problems.map(({ id }) => id), ["3", "4", "5"]);
    assertEquals(readSynthetic(path, 1).trajectories.map(({ id }) => id), ["2"]);
    Deno.writeTextFileSync(path, '{"id": 1}\n');
    assertThrows(() => readAnnotated(path), UserError, `${path}:1: the line is no annotated trajectory`);
    assertThrows(() => readAnnotated(`${folder}/none.jsonl`), Error, 'run "deno task annotate" first');
  }));
