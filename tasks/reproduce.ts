/**
 * The whole paper on the tiny world, in order: probe, dynamics model, probe again, actions, videos, filter, C-FT, CWM and its
 * ablations, predictions, verification, judge. What is finished is not run again. At the end the paper's claims, each with
 * the measured numbers, and whether it holds.
 *
 * @module
 */
import { type Invocation, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import type { Config } from "../lib/experiment/config.ts";
import { exists } from "../lib/files.ts";
import { paperClaims, writeTable } from "../lib/report/mod.ts";
import { duration } from "../lib/experiment/run.ts";
import { main as annotate } from "./annotate.ts";
import { main as evaluate } from "./evaluate.ts";
import { main as filter } from "./filter.ts";
import { main as judge } from "./judge.ts";
import { main as probe } from "./probe.ts";
import { writeReport } from "./report.ts";
import { main as sample } from "./sample.ts";
import { main as trainCdm } from "./train_cdm.ts";
import { main as trainCwm } from "./train_cwm.ts";
import { main as verify } from "./verify.ts";

const TASK: TaskInfo = {
  name: "reproduce",
  about: "Runs the whole paper on the tiny world, in order, and says which of its claims hold there.",
  sections: ["data", "model", "cdm", "cwm", "annotate", "filter", "sample", "verify"],
};

/** A stage of the paper: its folder, the task, what is other than in the configuration. */
interface Stage {
  readonly folder: string;
  readonly task: (invocation: Invocation) => Promise<void>;
  readonly config?: (config: Config) => Config;
  readonly flags?: Readonly<Record<string, string>>;
}

/** The world models that are compared, with the configuration of each. */
const WORLD_MODELS: Readonly<Record<string, { readonly flags: Readonly<Record<string, string>>; readonly cwm: Partial<Config["cwm"]> }>> = {
  "C-FT": { flags: { cft: "" }, cwm: {} },
  "CWM": { flags: {}, cwm: {} },
  "CWM without synthesis": { flags: {}, cwm: { synthetic: "" } },
  "CWM without weights": { flags: {}, cwm: { weights: "none" } },
};

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const root = flags["run"] || `runs/${config.experiment}/paper-${config.seed}`;
  const at = (folder: string) => `${root}/${folder}`;
  const stages = stagesOf(at);
  if ("dry-run" in flags) return console.log(stages.map(({ folder }) => folder).join("\n"));
  const clock = performance.now();
  for (const [i, { folder, task, config: change = (same: Config) => same, flags: own = {} }] of stages.entries()) {
    console.log(`\n${i + 1} of ${stages.length}: ${folder}, ${duration((performance.now() - clock) / 1000)} so far`);
    await task({ ...invocation, config: change(config), flags: { ...("restart" in flags && { restart: "" }), ...own, run: at(folder) } });
  }
  const rows = paperClaims(at);
  const table = writeTable(at("claims"), rows);
  const reported = stages.map(({ folder }) => at(folder)).filter((folder) => exists(`${folder}/table.json`));
  await writeReport(config, reported, at("report"), [{ title: "The paper's claims on the tiny world", rows }]);
  console.log(
    `\n${table}\n\n  ${at("report/report.html")}   tables, plots, a gallery\n  ${duration((performance.now() - clock) / 1000)} in this run`,
  );
}

function stagesOf(at: (folder: string) => string): Stage[] {
  const cdm = at("train-cdm/adapter");
  const models = Object.entries(WORLD_MODELS).map(([name, { flags, cwm }]): Stage => ({
    folder: folderOf(name),
    task: trainCwm,
    flags,
    config: (config) => ({ ...config, cwm: { ...config.cwm, synthetic: at("filter/trajectories.jsonl"), ...cwm } }),
  }));
  const samples = Object.keys(WORLD_MODELS).map((name): Stage => ({
    folder: `sample-${folderOf(name)}`,
    task: sample,
    config: (config) => ({ ...config, sample: { ...config.sample, adapter: at(`${folderOf(name)}/adapter`) } }),
  }));
  const verified = ["C-FT", "CWM"].map((name): Stage => ({
    folder: `verify-${folderOf(name)}`,
    task: verify,
    config: (config) => ({ ...config, verify: { ...config.verify, adapter: at(`${folderOf(name)}/adapter`), cdm } }),
  }));
  const systems = ["copy", ...Object.keys(WORLD_MODELS).map((name) => `${name}=${at(`sample-${folderOf(name)}`)}`)].join();
  const withAdapter = (adapter: string) => (config: Config) => ({ ...config, probe: { ...config.probe, adapter } });
  return [
    { folder: "probe-base", task: probe, config: withAdapter("") },
    { folder: "train-cdm", task: trainCdm },
    { folder: "probe-cdm", task: probe, config: withAdapter(cdm) },
    { folder: "actions", task: evaluate, config: (config) => ({ ...config, evaluate: { ...config.evaluate, dynamics: ["base", cdm] } }) },
    { folder: "annotate", task: annotate, config: (config) => ({ ...config, annotate: { ...config.annotate, cdm } }) },
    {
      folder: "filter",
      task: filter,
      config: (config) => ({ ...config, filter: { ...config.filter, trajectories: at("annotate/trajectories.jsonl") } }),
    },
    ...models,
    ...samples,
    ...verified,
    { folder: "pictures", task: evaluate, flags: { systems } },
    { folder: "judge", task: judge, flags: { systems } },
  ];
}

function folderOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}

if (import.meta.main) await runTask(TASK, main);
