/**
 * The whole paper, on the tiny world or on real lists, in order: probe, dynamics model, probe again, actions, videos, filter, C-FT, CWM and
 * its ablations, predictions, verification, metrics, judge, people. Each stage is a process of its own; what is finished is not run again,
 * and what needs something that is not there is left out and said. At the end the paper's claims and tables, each with the measured numbers.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { requireOneProcess } from "../lib/experiment/cluster.ts";
import { benchHalves } from "../lib/experiment/datasets.ts";
import { statusOf } from "../lib/experiment/paper_stages.ts";
import { runTaskProcess } from "../lib/experiment/pipeline.ts";
import { duration } from "../lib/experiment/progress.ts";
import { planText, rootOf, type SeedRun, seedRuns, stageArguments, timeLeft } from "../lib/experiment/seed_runs.ts";
import { BENCH_FLAG, type Invocation, type TaskInfo } from "../lib/experiment/task.ts";
import { workersAsked } from "../lib/experiment/workers.ts";
import { exists } from "../lib/files.ts";
import { type PaperTable, type TableRow, writeTable } from "../lib/report/mod.ts";
import { type Claim, claimRows, paperClaims, type Why } from "../lib/report/claims.ts";
import { coverage, coverageText } from "../lib/report/coverage.ts";
import { readPublished, tablesOf, writeReport } from "../lib/report/report.ts";
import { claimsOverSeeds, tablesOverSeeds } from "../lib/report/seeds.ts";
import { supervisedRun, supervisionRows, supervisionSection } from "../lib/report/supervision.ts";

const TASK: TaskInfo = {
  name: "reproduce",
  about:
    "Runs or resumes the whole paper, on the tiny world or on real lists, and says which of its claims hold and which rows are filled.",
  sections: ["data", "bench", "model", "cdm", "cwm", "probe", "annotate", "filter", "sample", "verify", "evaluate", "judge"],
  switches: { "allow-overlap": "go on although the bench shares pictures with the training lists; every table then says so" },
  flags: {
    ...BENCH_FLAG,
    systems: "pictures of other systems, rows of Tables 2 and 3: NAME=DIR, separated by commas, as task sample leaves them",
    actions: "actions of other systems, rows of Table 1: NAME=FILE.jsonl, separated by commas",
    votes: "a human evaluation, for Table 7: the folder of a human-eval run",
    supervised: "numbers of supervised trajectories of the tiny world, as 250,4000: curves of the scores over them",
    "training-workers": "so many processes on this machine train together, one a GPU: --workers of train-cdm and train-cwm",
    seeds: "N seeds from the configuration's on, or 1,2,3: everything is run for each, in RUN-SEED, and RUN has means with their spread",
  },
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  requireOneProcess(Deno.env.toObject());
  const runs = seedRuns(invocation);
  workersAsked(flags, "training-workers"); // a slip is told before hours of other stages
  if ("dry-run" in flags) return console.log(runs.map(planText).join("\n\n"));
  if (flags["votes"] !== undefined) await runTaskProcess({ task: "human-eval", args: ["analyse", `--run=${flags["votes"]}`] });
  const clock = performance.now();
  for (const run of runs) await runStages(run, runs, clock);
  const reports: SeedReport[] = [];
  for (const run of runs.filter(({ isPoint }) => !isPoint)) reports.push(await reportSeed(run));
  if (flags["seeds"] !== undefined || flags["supervised"] !== undefined) await reportSeeds(invocation, reports, runs);
  console.log(`  ${duration((performance.now() - clock) / 1000)} in this run`);
}

/** Runs what is open of a seed's stages, in order. */
async function runStages(run: SeedRun, runs: readonly SeedRun[], clock: number): Promise<void> {
  const { invocation, root, stages } = run;
  for (const [i, stage] of stages.entries()) {
    const path = `${root}/${stage.folder}`;
    const status = statusOf(stage, path, invocation);
    const place = `${i + 1} of ${stages.length}: ${stage.folder}${run.isPoint ? `, ${invocation.config.data.world} supervised` : ""}`;
    if (status === "finished") console.log(`${place} is finished already`);
    else if (status === "left out") console.log(`${place} is left out: it needs ${stage.lacks}`);
    else {
      console.log(
        `\n${place}, seed ${invocation.config.seed}, ${duration((performance.now() - clock) / 1000)} so far${timeLeft(run, i, runs)}`,
      );
      const restart = status === "again" ? ["--restart"] : [];
      await runTaskProcess({ task: stage.task, args: [...stageArguments(stage, invocation), ...restart, `--run=${path}`] });
    }
  }
}

/** What a seed found. */
interface SeedReport {
  readonly run: SeedRun;
  readonly claims: readonly Claim[];
  readonly tables: readonly PaperTable[];
  readonly why: Why;
}

/** Claims, tables and the page of one seed. */
async function reportSeed(run: SeedRun): Promise<SeedReport> {
  const { invocation: { config }, root, stages, votes } = run;
  const at = (folder: string) => `${root}/${folder}`;
  const why: Why = (name) => name === "people" && !votes ? "--votes=DIR" : stages.find(({ folder }) => folder === name)?.lacks;
  const claims = paperClaims(at, why, stages.find(({ folder }) => folder === "judge")?.lacks ? new Map() : benchHalves(config));
  const note = `Seed ${config.seed}, this run only: one seed says nothing of the spread between seeds (--seeds=3).`;
  const table = writeTable(at("claims"), claimRows(claims), note);
  const reported = stages.filter(({ folder, lacks }) => lacks === undefined && exists(at(`${folder}/table.json`)));
  const folders = [...reported.map(({ folder }) => at(folder)), ...(votes === undefined ? [] : [`${votes}/analysis`])];
  const tables = await tablesOf(folders, at("report"));
  const rows = coverage(readPublished(), tables, why);
  await writeReport({ config, to: at("report"), tables, first: sectionsOf(claimRows(claims), rows, note), shown: folders });
  console.log(`\n${table}\n\n${coverageText(rows)}\n\n  ${at("report/report.html")}   claims, tables, plots, a gallery`);
  return { run, claims, tables, why };
}

/** Means over seeds, and curves over supervised trajectories. */
async function reportSeeds(invocation: Invocation, reports: readonly SeedReport[], runs: readonly SeedRun[]): Promise<void> {
  const root = rootOf(invocation);
  const seeds = reports.map(({ run }) => run.invocation.config.seed);
  const claims = claimsOverSeeds(reports.map((one) => one.claims));
  const note = `Seeds ${seeds.join(", ")}: mean ± standard deviation over seeds; on the tiny world a seed draws its own bench too.`;
  const table = writeTable(`${root}/claims`, claims, note);
  const tables = tablesOverSeeds(seeds, reports.map((one) => one.tables));
  const rows = coverage(readPublished(), tables, reports[0]!.why);
  const judged = runs.filter(({ root }) => exists(`${root}/judge/scores.jsonl`)).map(({ root, invocation: { config } }) =>
    supervisedRun(`${root}/judge`, config.data.world, benchHalves(config))
  );
  const curves = supervisionRows(judged);
  if (curves.length > 0) console.log(`\n${writeTable(`${root}/supervision`, curves)}`);
  const first = [...sectionsOf(claims, rows, note), ...curves.length > 0 ? [await supervisionSection(root, curves, seeds)] : []];
  await writeReport({ config: invocation.config, to: `${root}/report`, tables, first, shown: [`${reports[0]!.run.root}/judge`] });
  console.log(`\n${table}\n\n  ${root}/report/report.html   means over the seeds ${seeds.join(", ")}`);
}

/** What stands before the tables: the claims, and which of the paper's rows are filled. */
function sectionsOf(claims: readonly TableRow[], rows: readonly TableRow[] & Parameters<typeof coverageText>[0], note: string) {
  return [
    { title: "The paper's claims", text: note, rows: claims },
    { title: "The paper's rows", text: coverageText(rows), rows },
  ];
}

if (import.meta.main) await runTask(TASK, main);
