/**
 * The whole paper on the tiny world, in order: probe, dynamics model, probe again, actions, videos, filter, C-FT, CWM and its
 * ablations, predictions, verification, judge. Each stage is a process of its own; what is finished is not run again. At the end
 * the paper's claims, each with the measured numbers, and whether it holds.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { passedArguments, runTaskProcess } from "../lib/experiment/pipeline.ts";
import { duration } from "../lib/experiment/progress.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { exists } from "../lib/files.ts";
import { writeTable } from "../lib/report/mod.ts";
import { paperClaims } from "../lib/report/claims.ts";
import { writeReport } from "../lib/report/report.ts";

const TASK: TaskInfo = {
  name: "reproduce",
  about: "Runs the whole paper on the tiny world, in order, and says which of its claims hold there.",
  sections: ["data", "bench", "model", "cdm", "cwm", "annotate", "filter", "sample", "verify"],
};

/** A stage of the paper: its folder, the task, what is other than in the configuration. */
interface PaperStage {
  readonly folder: string;
  readonly task: string;
  readonly args: readonly string[];
}

/** The world models that are compared, with what sets each apart. */
const WORLD_MODELS: Readonly<Record<string, readonly string[]>> = {
  "C-FT": ["--cft"],
  "CWM": [],
  "CWM without synthesis": ["--cwm.synthetic="],
  "CWM without weights": ["--cwm.weights=none"],
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const root = flags["run"] ?? `runs/${config.experiment}/paper-${config.seed}`;
  const at = (folder: string) => `${root}/${folder}`;
  const stages = paperStages(at);
  if ("dry-run" in flags) return console.log(stages.map(({ folder, task }) => `${folder}   deno task ${task}`).join("\n"));
  const clock = performance.now();
  const time = () => duration((performance.now() - clock) / 1000);
  for (const [i, { folder, task, args }] of stages.entries()) {
    if (exists(at(`${folder}/result.json`)) && !("restart" in flags)) {
      console.log(`${i + 1} of ${stages.length}: ${folder} is finished already`);
      continue;
    }
    console.log(`\n${i + 1} of ${stages.length}: ${folder}, ${time()} so far`);
    const restart = "restart" in flags ? ["--restart"] : [];
    await runTaskProcess({ task, args: [...passedArguments(invocation), ...args, ...restart, `--run=${at(folder)}`] });
  }
  const rows = paperClaims(at);
  const table = writeTable(at("claims"), rows);
  const reported = stages.map(({ folder }) => at(folder)).filter((folder) => exists(`${folder}/table.json`));
  await writeReport(config, reported, at("report"), [{ title: "The paper's claims on the tiny world", rows }]);
  console.log(`\n${table}\n\n  ${at("report/report.html")}   tables, plots, a gallery\n  ${time()} in this run`);
}

function paperStages(at: (folder: string) => string): PaperStage[] {
  const cdm = at("train-cdm/adapter");
  const names = Object.keys(WORLD_MODELS);
  const synthetic = `--cwm.synthetic=${at("filter/trajectories.jsonl")}`;
  const systems = `--systems=${["copy", ...names.map((name) => `${name}=${at(`sample-${folderOf(name)}`)}`)].join()}`;
  return [
    { folder: "probe-base", task: "probe", args: ["--probe.adapter=base"] },
    { folder: "train-cdm", task: "train-cdm", args: [] },
    { folder: "probe-cdm", task: "probe", args: [`--probe.adapter=${cdm}`] },
    { folder: "actions", task: "evaluate-actions", args: [`--evaluate.dynamics=[base, "${cdm}"]`] },
    { folder: "annotate", task: "annotate", args: [`--annotate.cdm=${cdm}`] },
    { folder: "filter", task: "filter", args: [`--filter.trajectories=${at("annotate/trajectories.jsonl")}`] },
    ...names.map((name) => ({ folder: folderOf(name), task: "train-cwm", args: [synthetic, ...WORLD_MODELS[name]!] })),
    ...names.map((name) => ({
      ...{ folder: `sample-${folderOf(name)}`, task: "sample", args: [`--sample.adapter=${at(`${folderOf(name)}/adapter`)}`] },
    })),
    ...["C-FT", "CWM"].map((name) => ({
      ...{ folder: `verify-${folderOf(name)}`, task: "verify" },
      args: [`--verify.adapter=${at(`${folderOf(name)}/adapter`)}`, `--verify.cdm=${cdm}`],
    })),
    { folder: "pictures", task: "evaluate-images", args: [systems] },
    { folder: "judge", task: "judge", args: [systems] },
  ];
}

function folderOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}

if (import.meta.main) await runTask(TASK, main);
