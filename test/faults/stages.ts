/**
 * The stages of the workbench in the micro configuration, for those who disturb them: each with the stages before it, and what two runs of
 * one must have in common.
 *
 * @module
 */
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { exists } from "../../lib/files.ts";
import { denoFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** What a stage leaves: manifests, results and logs hold times, and nothing half-written may stay. */
const KEPT = /^(?!log\.).*\.(jsonl|safetensors|png|csv|md|tmp)$|^table\.json$/;

/** A stage: its task, its arguments, the stages before it by name. */
export const STAGES: readonly (readonly [name: string, task: string, args: (at: (name: string) => string) => string[]])[] = [
  ["train-cdm", "train_cdm", () => []],
  ["annotate", "annotate", (at) => [`--annotate.cdm=${at("train-cdm")}/adapter`]],
  ["filter", "filter", (at) => [`--filter.trajectories=${at("annotate")}/trajectories.jsonl`]],
  ["train-cwm", "train_cwm", (at) => [`--cwm.synthetic=${at("filter")}/trajectories.jsonl`]],
  ["probe", "probe", (at) => [`--probe.adapter=${at("train-cdm")}/adapter`]],
  ["sample", "sample", (at) => [`--sample.adapter=${at("train-cwm")}/adapter`]],
  ["verify", "verify", (at) => [`--verify.adapter=${at("train-cwm")}/adapter`, `--verify.cdm=${at("train-cdm")}/adapter`]],
  [
    "distill",
    "distill",
    (
      at,
    ) => [
      `--distill.adapter=${at("train-cwm")}/adapter`,
      `--distill.cdm=${at("train-cdm")}/adapter`,
      "--distill.sources=6",
      "--cwm.synthetic=",
    ],
  ],
  ["rollout", "rollout", (at) => [`--rollout.adapter=${at("train-cwm")}/adapter`]],
  ["judge", "judge", (at) => [`--systems=ours=${at("sample")}`]],
  ["report", "report", (at) => [`--of=${at("judge")}`]],
];

/** How a task is started: its cache elsewhere than beside its run, variables, a module that is loaded before it. */
export interface Start {
  /** The cache's folder. */
  readonly cache?: string;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The module's path. */
  readonly preload?: string;
}

/** Starts a task with its run in a folder. */
export function start(task: string, folder: string, args: readonly string[], { cache, env, preload }: Start = {}): Deno.ChildProcess {
  const before = preload === undefined ? [] : [`--preload=${preload}`];
  const own = [`--config=${ROOT}data/configs/micro.yaml`, ...args, `--run=${folder}/run`];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...before, `${ROOT}tasks/${task}.ts`, ...own],
    ...{ cwd: ROOT, stdout: "null", stderr: "piped" },
    env: {
      ...{ NO_COLOR: "1", XDG_CACHE_HOME: cache ?? `${folder}/cache`, DENO_DIR: denoFolder(), LIBTENSORFLOW_DIR: libtensorflowFolder() },
      ...env,
    },
  }).spawn();
}

/** How a task ended. */
export interface End {
  /** Its exit code. */
  readonly code: number;
  /** What it said on its standard error. */
  readonly words: string;
}

/** Runs a task to its end. */
export async function run(task: string, folder: string, args: readonly string[], options?: Start): Promise<End> {
  const { code, stderr } = await start(task, folder, args, options).output();
  return { code, words: new TextDecoder().decode(stderr).trim() };
}

/** Files below a folder by their paths, with their bytes. */
export function filesOf(folder: string, below = ""): Map<string, number> {
  const files = new Map<string, number>();
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${below}`)) {
    if (isDirectory) { for (const [path, size] of filesOf(folder, `${below}${name}/`)) files.set(path, size); }
    else files.set(`${below}${name}`, Deno.statSync(`${folder}/${below}${name}`).size);
  }
  return files;
}

/** What differs between two runs of a stage, in what it leaves. */
export function differences(a: string, b: string): string[] {
  const names = (folder: string) => [...filesOf(folder).keys()].filter((path) => KEPT.test(path.split("/").at(-1)!));
  const same = (path: string) => `${Deno.readFileSync(`${a}/${path}`)}` === `${Deno.readFileSync(`${b}/${path}`)}`;
  return [...new Set([...names(a), ...names(b)])].filter((path) => !exists(`${a}/${path}`) || !exists(`${b}/${path}`) || !same(path));
}

/** What is wrong with a stage that met a failure, and with its going on after it: one sentence is wanted, then the files of a whole run. */
export function problemsOf(name: string, failed: End, again: End, whole: string, run: string): string[] {
  const isSentence = failed.words.split("\n").at(-1)!.startsWith(`${name}: `) && !/ {4}at |bug in/.test(failed.words);
  return [
    ...(failed.code > 1 ? [`exit code ${failed.code}`] : []),
    ...(failed.code === 1 && !isSentence ? [failed.words.slice(-800)] : []),
    ...(again.code === 0 ? differences(whole, run).map((path) => `${path} differs`) : [again.words.slice(-600)]),
  ];
}
