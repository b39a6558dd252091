/**
 * The runs of a reproduction: one a seed, and beside it one for each other number of supervised trajectories, of what curves need alone.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists } from "../files.ts";
import { parseNamed } from "./actions_file.ts";
import { listOf } from "./cli.ts";
import { lackingOf, type PaperStage, paperStages, type StageStatus, statusOf } from "./paper_stages.ts";
import { passedArguments } from "./pipeline.ts";
import { duration } from "./progress.ts";
import { readManifest } from "./run.ts";
import { openSystems } from "./systems.ts";
import type { Invocation } from "./task.ts";
import { workersAsked } from "./workers.ts";

/** One seed's reproduction with one number of supervised trajectories. */
export interface SeedRun {
  /** With this seed and number. */
  readonly invocation: Invocation;
  /** Its folder. */
  readonly root: string;
  /** Its stages, in order. */
  readonly stages: readonly PaperStage[];
  /** The folder of a human evaluation, where there is one. */
  readonly votes: string | undefined;
  /** Whether it is a point of the curves alone, and not all of the paper. */
  readonly isPoint: boolean;
}

/** What curves need: the world models' scores, and what they are made of. */
const OF_CURVES = /^(train-cdm|annotate|filter|c-ft|cwm.*|sample-(c-ft|cwm.*)|judge)$/;

/**
 * The runs of a reproduction, seed by seed.
 *
 * @param invocation of task reproduce
 * @returns a run for each seed, and for each other number of supervised trajectories
 * @throws UserError when what the command line names is not there: nothing is begun then
 */
export function seedRuns(invocation: Invocation): SeedRun[] {
  const { config, flags } = invocation;
  const systems = listOf(flags["systems"]).filter((name) => name !== "copy");
  openSystems(systems);
  const votes = flags["votes"];
  if (votes !== undefined && !exists(`${votes}/study.db`)) throw new UserError(`Cannot use the votes in ${votes}: it has no study.db`);
  for (const { name, path } of [config.evaluate.actions].flat().flatMap(listOf).map(parseNamed)) {
    if (!exists(path)) throw new UserError(`Cannot measure the actions of ${name}: there is no file ${path}; give NAME=FILE.jsonl`);
  }
  const others = numbersOf(flags["supervised"]).filter((number) => number !== config.data.world);
  return seedsOf(flags["seeds"], config.seed).flatMap((seed) => {
    const root = `${rootOf(invocation)}${flags["run"] !== undefined && flags["seeds"] === undefined ? "" : `-${seed}`}`;
    const whole: SeedRun = { ...runOf(invocation, { seed }, systems, root), votes, isPoint: false };
    const pairs = `${root}/annotate/trajectories.jsonl`;
    return [
      whole,
      ...others.map((number): SeedRun => {
        const { stages, ...point } = runOf(invocation, { seed, "data.world": number }, [], `${root}-${number}`);
        const own = stages.filter(({ folder }) => OF_CURVES.test(folder)).map((stage) => ({ ...stage, ...ofPoint(stage, pairs) }));
        return { ...point, stages: own, votes: undefined, isPoint: true };
      }),
    ];
  });
}

/** A point's stages: its key-frame pairs are the seed's, and only its own world models are judged. */
function ofPoint({ folder, args, measures = [] }: PaperStage, pairs: string): Partial<PaperStage> {
  if (folder === "annotate") return { args: [...args, `--annotate.from=${pairs}`, "--annotate.sheets=false"] }; // no video is read for a sheet
  if (folder !== "judge") return {};
  return { args: args.map((arg) => arg.replace(/C-ZS=[^,]*,/, "")), measures: measures.filter((name) => !name.startsWith("C-ZS=")) };
}

function runOf(invocation: Invocation, set: Readonly<Record<string, number>>, systems: readonly string[], root: string) {
  const { config, flags, overrides } = invocation;
  const { seed, "data.world": world = config.data.world } = set as { seed: number; "data.world"?: number };
  const own = { ...config, seed, data: { ...config.data, world } };
  const given = [...overrides, ...Object.entries(set).map(([key, value]) => ({ key, value: `${value}` }))];
  const lacking = lackingOf(own, (Deno.env.get("OPENAI_API_KEY") ?? "") !== "");
  const stages = paperStages(own, systems, (folder) => `${root}/${folder}`, lacking);
  return { invocation: { config: own, flags, overrides: given }, root, stages };
}

/** The reproduction's folder, before a seed is added. */
export function rootOf({ config, flags }: Invocation): string {
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

function numbersOf(text: string | undefined): number[] {
  const numbers = listOf(text).map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number > 0) && new Set(numbers).size === numbers.length) return numbers;
  throw new UserError(`Cannot take the numbers of trajectories "${text}": give different whole numbers, as --supervised=250,1000,4000`);
}

/** What a stage's task is given: the reproduction's configuration, what the stage changes, and workers where it trains. */
export function stageArguments({ task, args }: PaperStage, invocation: Invocation): string[] {
  const workers = task.startsWith("train-") ? workersAsked(invocation.flags, "training-workers") : 1;
  return [...passedArguments(invocation), ...args, ...workers === 1 ? [] : [`--workers=${workers}`]];
}

/** Every stage with what it runs and how it stands. */
export function planText({ invocation, root, stages, votes, isPoint }: SeedRun): string {
  const { seed, data } = invocation.config;
  const said: Record<StageStatus, string> = { finished: "finished", open: "to run", again: "to run again", "left out": "" };
  const lines = stages.map((stage) => {
    const status = statusOf(stage, `${root}/${stage.folder}`, invocation);
    const text = stage.lacks === undefined ? said[status] : `left out: needs ${stage.lacks}`;
    return `${stage.folder.padEnd(28)} deno task ${stage.task.padEnd(18)} ${text}`;
  });
  const people = `${"people".padEnd(28)} ${"deno task human-eval".padEnd(28)} ${votes ?? "left out: needs --votes=DIR"}`;
  return [`Seed ${seed}${isPoint ? `, ${data.world} supervised` : ""}, in ${root}:`, ...lines, ...(isPoint ? [] : [people])].join("\n");
}

/** The time that the stages which are left took in another run; nothing before one has been through them. */
export function timeLeft(run: SeedRun, from: number, runs: readonly SeedRun[]): string {
  const took = (folder: string) =>
    runs.map(({ root }) => readManifest(`${root}/${folder}`)).find((manifest) => manifest?.finished)?.seconds;
  const later = runs.slice(runs.indexOf(run) + 1).flatMap(({ stages }) => stages);
  const left = [...run.stages.slice(from), ...later].filter(({ lacks }) => lacks === undefined).map(({ folder }) => took(folder));
  const known = left.filter((seconds) => seconds !== undefined);
  return known.length < left.length ? "" : `, about ${duration(known.reduce((a, b) => a + b, 0))} left`;
}
