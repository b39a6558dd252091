/**
 * The stages of the workbench in the micro configuration, for those who disturb them: each with the stages before it, and what two runs of
 * one must have in common.
 *
 * @module
 */
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { exists } from "../../lib/files.ts";
import { unpackMeta } from "../convert/support.ts";
import { withServer } from "../fetch/server.ts";
import { mirror } from "../fetch/stand_ins.ts";
import { denoFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** What a stage leaves: manifests, results and logs hold times, and nothing half-written may stay. */
const KEPT =
  /^(?!log\.).*\.(jsonl|safetensors|png|jpg|onnx|mp4|csv|md|tmp|part|part\.json)$|^(table|list|truth|train|config|tokenizer)\.json$/;
/** What a gate's table says of time. */
const TIMES = /[\d.]+ (ms|s|min|h)( \d+ (s|min))? at most/g;
/** Where `fetch` fetches from: a server of this process alone. */
const MIRROR_PORT = 20000 + Deno.pid % 20000;

/** A stage. */
export interface Stage {
  /** Its name, with dashes; its task has the same with underscores. */
  readonly name: string;
  /** Its arguments, of the folders of stages before it, by name, and its own. */
  readonly args: (at: (name: string) => string, own: string) => string[];
}

const stage = (name: string, args: Stage["args"] = () => []): Stage => ({ name, args });

/** All stages, each after those whose folders it takes. */
export const STAGES: readonly Stage[] = [
  stage("train-cdm"),
  stage("annotate", (at) => [`--annotate.cdm=${at("train-cdm")}/adapter`]),
  stage("filter", (at) => [`--filter.trajectories=${at("annotate")}/trajectories.jsonl`]),
  stage("train-cwm", (at) => [`--cwm.synthetic=${at("filter")}/trajectories.jsonl`]),
  stage("probe", (at) => [`--probe.adapter=${at("train-cdm")}/adapter`]),
  stage("sample", (at) => [`--sample.adapter=${at("train-cwm")}/adapter`]),
  stage("verify", (at) => [`--verify.adapter=${at("train-cwm")}/adapter`, `--verify.cdm=${at("train-cdm")}/adapter`]),
  stage("distill", (at) => [
    ...[`--distill.adapter=${at("train-cwm")}/adapter`, `--distill.cdm=${at("train-cdm")}/adapter`],
    "--distill.sources=6",
  ]),
  stage("rollout", (at) => [`--rollout.adapter=${at("train-cwm")}/adapter`]),
  stage("evaluate-actions", (at) => [`--evaluate.dynamics=[cdm=${at("train-cdm")}/adapter]`]),
  stage("evaluate-images", (at) => [`--systems=copy,ours=${at("sample")}`]),
  stage("judge", (at) => [`--systems=ours=${at("sample")}`]),
  stage("report", (at) => [`--of=${at("judge")}`]),
  stage("pretrain-tiny"),
  stage("export-world"),
  stage("merge", (at, own) => [`--adapter=${at("train-cdm")}/adapter`, `--to=${own}/model`]),
  stage("convert", (at, own) => [`--from=${at(META)}`, "--size=7b", `--to=${own}/model`]),
  stage("fetch", (_, own) => ["dino", "magicbrush", "aurora", `--to=${own}`, `--mirror=http://127.0.0.1:${MIRROR_PORT}`]),
  stage("gates", () => ["--all"]),
  stage("reproduce"),
  stage("pictures", (at) => [`--of=${at("reproduce")}`]),
];

/** They start other stages and take minutes, or take what those leave: tried when they are named. */
const WHEN_NAMED = ["gates", "reproduce", "pictures"];

/** The recorded checkpoint that is converted; no stage, but it lies beside them. */
const META = "meta";

/** The folder that a stage fills whole. */
export const wholeOf = (root: string, name: string) => `${root}/${name}/run`;

/** A folder for runs of stages; until the process ends, a server has what `fetch` fetches. */
export async function openRoot(): Promise<string> {
  withServer(await mirror(), () => new Promise(() => {}), MIRROR_PORT);
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-faults-" });
  await unpackMeta(wholeOf(root, META));
  return root;
}

/** The named stages, all but the longest when none is named, and those before them whose folders they take; only the named ones are to be disturbed. */
export function chosenStages(names: readonly string[]): { readonly stage: Stage; readonly isNamed: boolean }[] {
  const unknown = names.find((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown !== undefined) throw new Error(`There is no stage ${unknown}: give some of ${STAGES.map(({ name }) => name).join(" ")}`);
  const named = new Set(names.length > 0 ? names : STAGES.map(({ name }) => name).filter((name) => !WHEN_NAMED.includes(name)));
  const wanted = new Set(named);
  for (const { name, args } of STAGES.toReversed()) if (wanted.has(name)) args((before) => (wanted.add(before), ""), "");
  return STAGES.filter(({ name }) => wanted.has(name)).map((stage) => ({ stage, isNamed: named.has(stage.name) }));
}

/** How a task is started: its cache elsewhere than beside its run, variables, a module that is loaded before it. */
export interface Start {
  /** The cache's folder. */
  readonly cache?: string;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The module's path. */
  readonly preload?: string;
}

/** Starts a stage with its run in a folder; whole stages before it lie below the root. */
export function start({ name, args }: Stage, root: string, folder: string, { cache, env, preload }: Start = {}): Deno.ChildProcess {
  const before = preload === undefined ? [] : [`--preload=${preload}`];
  const run = `${folder}/run`;
  const own = [`--config=${ROOT}data/configs/micro.yaml`, ...args((stage) => wholeOf(root, stage), run), `--run=${run}`];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...before, `${ROOT}tasks/${name.replaceAll("-", "_")}.ts`, ...own],
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

/** Runs a stage to its end. */
export async function run(stage: Stage, root: string, folder: string, options?: Start): Promise<End> {
  const { code, stderr } = await start(stage, root, folder, options).output();
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
  const read = (path: string) => path.endsWith(".md") ? Deno.readTextFileSync(path).replace(TIMES, "") : `${Deno.readFileSync(path)}`;
  const same = (path: string) => read(`${a}/${path}`) === read(`${b}/${path}`);
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
