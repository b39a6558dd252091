/**
 * Compares systems over seeds and transitions: whether a change helps, when the spread from seed to seed counts too.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { overlapNote } from "../lib/experiment/overlap.ts";
import { refuseRun } from "../lib/experiment/run.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { mean } from "../lib/metrics/mod.ts";
import { comparisonRows, type JudgedRun, readJudgedRun } from "../lib/report/compare.ts";
import { writeTable } from "../lib/report/mod.ts";
import { plotDistributions } from "../lib/report/plot.ts";

const TASK: TaskInfo = {
  name: "compare",
  about: "Says by how much systems are better than one of them, over the seeds and transitions of finished runs of task judge.",
  sections: [],
  paths: "folders of finished runs of task judge, one or several a seed",
  flags: { against: "the system that the others are compared with (default: the first of the first run)" },
};

/** Runs the task. */
async function main({ config, flags, names = [] }: Invocation): Promise<void> {
  if (names.length === 0) throw new UserError("Cannot compare nothing: give runs of task judge, as deno task compare runs/*/judge");
  const runs = names.map((folder) => readJudgedRun(folder, config));
  const against = flags["against"] ?? [...runs[0]!.scores.keys()][0] ?? "";
  const rows = comparisonRows(runs, against);
  const folder = flags["run"] ?? `runs/${config.experiment}/compare`;
  refuseRun(folder);
  if ("dry-run" in flags) return console.log(`${names.join("\n")}\n→ ${folder}/table.md`);
  const table = writeTable(`${folder}/table`, rows, noteOf(runs, against));
  await plotDistributions(`${folder}/scores`, seedMeans(runs), { x: "score of each seed, whole bench", y: "" });
  console.log(`${table}\n\n  ${folder}/scores.png   each seed's score`);
}

function noteOf(runs: readonly JudgedRun[], against: string): string {
  const seeds = [...new Set(runs.map(({ seed }) => seed))].toSorted((a, b) => a - b);
  const what = `Seeds ${seeds.join(", ")}; differences to ${against}, from … to: 95 % interval over seeds and transitions ` +
    `(a hierarchical bootstrap). Judge ${runs[0]!.judge}.`;
  return [overlapNote(Math.max(...runs.map(({ overlap }) => overlap))), what].filter(Boolean).join(" ");
}

function seedMeans(runs: readonly JudgedRun[]): { x: number; group: string }[] {
  return runs.flatMap(({ scores }) => [...scores].map(([group, values]) => ({ x: mean([...values.values()]), group })));
}

if (import.meta.main) await runTask(TASK, main);
