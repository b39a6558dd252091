/**
 * The whole paper, on the tiny world or on real lists, in order: probe, dynamics model, probe again, actions, videos, filter, C-FT, CWM and
 * its ablations, predictions, verification, metrics, judge, people. Each stage is a process of its own; what is finished is not run again,
 * and what needs something that is not there is left out and said. At the end the paper's claims and tables, each with the measured numbers.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { parseNamed } from "../lib/experiment/actions_file.ts";
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { lackingOf, type PaperStage, paperStages, type StageStatus, statusOf } from "../lib/experiment/paper_stages.ts";
import { passedArguments, runTaskProcess } from "../lib/experiment/pipeline.ts";
import { duration } from "../lib/experiment/progress.ts";
import { readManifest } from "../lib/experiment/run.ts";
import { openSystems } from "../lib/experiment/systems.ts";
import { BENCH_FLAG, type Invocation, type TaskInfo } from "../lib/experiment/task.ts";
import { exists } from "../lib/files.ts";
import { type PaperTable, type TableRow, writeTable } from "../lib/report/mod.ts";
import { type Claim, claimRows, paperClaims, type Why } from "../lib/report/claims.ts";
import { coverage, coverageText } from "../lib/report/coverage.ts";
import { readPublished, tablesOf, writeReport } from "../lib/report/report.ts";
import { claimsOverSeeds, tablesOverSeeds } from "../lib/report/seeds.ts";

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
    seeds: "N seeds from the configuration's on, or 1,2,3: everything is run for each, in RUN-SEED, and RUN has means with their spread",
  },
};

/** One seed's reproduction. */
interface SeedRun {
  readonly invocation: Invocation; // with this seed
  readonly root: string;
  readonly stages: readonly PaperStage[];
  readonly votes: string | undefined;
}

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  const runs = seedRuns(invocation);
  if ("dry-run" in flags) return console.log(runs.map(planText).join("\n\n"));
  if (flags["votes"] !== undefined) await runTaskProcess({ task: "human-eval", args: ["analyse", `--run=${flags["votes"]}`] });
  const clock = performance.now();
  for (const run of runs) await runStages(run, runs, clock);
  const reports: SeedReport[] = [];
  for (const run of runs) reports.push(await reportSeed(run));
  if (flags["seeds"] !== undefined) await reportSeeds(invocation, reports);
  console.log(`  ${duration((performance.now() - clock) / 1000)} in this run`);
}

/** A run for each seed, with its stages. What the command line names is there, or nothing is begun. */
function seedRuns(invocation: Invocation): SeedRun[] {
  const { config, flags, overrides } = invocation;
  const systems = listOf(flags["systems"]).filter((name) => name !== "copy");
  openSystems(systems);
  const votes = flags["votes"];
  if (votes !== undefined && !exists(`${votes}/study.db`)) throw new UserError(`Cannot use the votes in ${votes}: it has no study.db`);
  const { actions } = config.evaluate;
  for (const { name, path } of [actions].flat().flatMap(listOf).map(parseNamed)) {
    if (!exists(path)) throw new UserError(`Cannot measure the actions of ${name}: there is no file ${path}; give NAME=FILE.jsonl`);
  }
  const lacking = lackingOf(config, (Deno.env.get("OPENAI_API_KEY") ?? "") !== "");
  return seedsOf(flags["seeds"], config.seed).map((seed) => {
    const root = `${rootOf(invocation)}${flags["run"] !== undefined && flags["seeds"] === undefined ? "" : `-${seed}`}`;
    const own = { config: { ...config, seed }, flags, overrides: [...overrides, { key: "seed", value: `${seed}` }] };
    return { invocation: own, root, votes, stages: paperStages(own.config, systems, (folder) => `${root}/${folder}`, lacking) };
  });
}

function rootOf({ config, flags }: Invocation): string {
  return flags["run"] ?? `runs/${config.experiment}/paper`;
}

function seedsOf(text: string | undefined, first: number): number[] {
  if (text === undefined) return [first];
  const numbers = text.split(",").map(Number);
  const [count] = numbers as [number];
  const seeds = numbers.length > 1 ? numbers : Array.from({ length: count > 0 && count <= 1000 ? count : 0 }, (_, i) => first + i);
  const whole = seeds.length > 0 && seeds.every((seed) => Number.isInteger(seed) && seed >= 0) && new Set(seeds).size === seeds.length;
  if (whole && Number.isInteger(count)) return seeds;
  throw new UserError(`Cannot run the seeds "${text}": give how many, as --seeds=3, or different whole numbers, as --seeds=1,2,3`);
}

/** Every stage with what it runs and how it stands. */
function planText({ invocation, root, stages, votes }: SeedRun): string {
  const said: Record<StageStatus, string> = { finished: "finished", open: "to run", again: "to run again", "left out": "" };
  const lines = stages.map((stage) => {
    const status = statusOf(stage, `${root}/${stage.folder}`, invocation);
    const text = stage.lacks === undefined ? said[status] : `left out: needs ${stage.lacks}`;
    return `${stage.folder.padEnd(28)} deno task ${stage.task.padEnd(18)} ${text}`;
  });
  const people = votes === undefined ? "left out: needs --votes=DIR" : votes;
  return [`Seed ${invocation.config.seed}, in ${root}:`, ...lines, `${"people".padEnd(28)} ${"deno task human-eval".padEnd(28)} ${people}`]
    .join("\n");
}

/** Runs what is open of a seed's stages, in order. */
async function runStages(run: SeedRun, runs: readonly SeedRun[], clock: number): Promise<void> {
  const { invocation, root, stages } = run;
  for (const [i, stage] of stages.entries()) {
    const path = `${root}/${stage.folder}`;
    const status = statusOf(stage, path, invocation);
    const place = `${i + 1} of ${stages.length}: ${stage.folder}`;
    if (status === "finished") console.log(`${place} is finished already`);
    else if (status === "left out") console.log(`${place} is left out: it needs ${stage.lacks}`);
    else {
      console.log(
        `\n${place}, seed ${invocation.config.seed}, ${duration((performance.now() - clock) / 1000)} so far${timeLeft(run, i, runs)}`,
      );
      const restart = status === "again" ? ["--restart"] : [];
      await runTaskProcess({ task: stage.task, args: [...passedArguments(invocation), ...stage.args, ...restart, `--run=${path}`] });
    }
  }
}

/** The time that the stages which are left took with another seed; nothing before one has been through them. */
function timeLeft(run: SeedRun, from: number, runs: readonly SeedRun[]): string {
  const took = (folder: string) =>
    runs.map(({ root }) => readManifest(`${root}/${folder}`)).find((manifest) => manifest?.finished)?.seconds;
  const later = runs.slice(runs.indexOf(run) + 1).flatMap(({ stages }) => stages);
  const left = [...run.stages.slice(from), ...later].filter(({ lacks }) => lacks === undefined).map(({ folder }) => took(folder));
  const known = left.filter((seconds) => seconds !== undefined);
  return known.length < left.length ? "" : `, about ${duration(known.reduce((a, b) => a + b, 0))} left`;
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
  const claims = paperClaims(at, why);
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

/** Means over seeds. */
async function reportSeeds(invocation: Invocation, reports: readonly SeedReport[]): Promise<void> {
  const root = rootOf(invocation);
  const seeds = reports.map(({ run }) => run.invocation.config.seed);
  const claims = claimsOverSeeds(reports.map((one) => one.claims));
  const note = `Seeds ${seeds.join(", ")}: mean ± standard deviation over seeds; on the tiny world a seed draws its own bench too.`;
  const table = writeTable(`${root}/claims`, claims, note);
  const tables = tablesOverSeeds(seeds, reports.map((one) => one.tables));
  const rows = coverage(readPublished(), tables, reports[0]!.why);
  const first = sectionsOf(claims, rows, note);
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
