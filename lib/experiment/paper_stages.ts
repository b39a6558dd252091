/**
 * The stages of the paper as data: what each runs, what it builds on, and what it lacks here. What lacks something is left out and said; the
 * rest is run or resumed.
 *
 * @module
 */
import { unlessOfDisk, UserError } from "../errors.ts";
import { exists } from "../files.ts";
import { parseNamed } from "./actions_file.ts";
import { DEFAULT_CONFIG, listOf } from "./cli.ts";
import { type Override, resolveConfig } from "./config.ts";
import { fitsWorld, pathsOf } from "./datasets.ts";
import { JUDGEMENT_RESULT, readResult } from "./results.ts";
import { digestOf, type Manifest, readManifest } from "./run.ts";
import { CONFIG, type Config } from "./schema.ts";
import type { Invocation } from "./task.ts";
import { ofWorldModel } from "./training_config.ts";

/** What a stage may need that no other stage makes. */
export type Prerequisite = "base" | "training" | "bench" | "rewriter" | "videos" | "judge";

/** What is not there, by what needs it, as a sentence's end: the thing, and the flag that gives it. */
export type Lacking = Readonly<Partial<Record<Prerequisite, string>>>;

/** A stage of the paper. */
export interface PaperStage {
  /** Its folder in the reproduction's. */
  readonly folder: string;
  /** The task that runs it. */
  readonly task: string;
  /** What is other than in the configuration. */
  readonly args: readonly string[];
  /** What it needs from outside. */
  readonly takes: readonly Prerequisite[];
  /** Stages that it builds on. */
  readonly after: readonly string[];
  /** It measures what others left (systems, files of actions): when there is more of that, it is done again. */
  readonly measures?: readonly string[];
  /** What it lacks, its own or that of a stage before it; undefined when it can run. */
  readonly lacks?: string | undefined;
}

/** The world models that are compared, with what sets each apart. */
const WORLD_MODELS: Readonly<Record<string, readonly string[]>> = {
  "C-FT": ["--cft", "--cwm.weights=none", "--cwm.synthetic="],
  "CWM": [],
  "CWM without synthesis": ["--cwm.synthetic="],
  "CWM without weights": ["--cwm.weights=none"],
};

/** Those whose candidates are verified. */
const VERIFIED = ["C-FT", "CWM"];

/**
 * The stages in order.
 *
 * @param config of the reproduction
 * @param systems others than ours, NAME=DIR
 * @param at gives a stage's path
 * @param lacking what is not there
 * @returns every stage, also those that lack something
 *
 * @example Without videos nothing is annotated, but C-FT is trained
 * ```ts
 * import { paperStages } from "./paper_stages.ts";
 * import { resolveConfig } from "./config.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const stages = paperStages(resolveConfig(undefined, []), [], (folder) => folder, { videos: "--annotate.videos=DIR" });
 * const lacks = (name: string) => stages.find(({ folder }) => folder === name)!.lacks;
 * assertEquals([lacks("cwm"), lacks("c-ft")], ["--annotate.videos=DIR", undefined]);
 * ```
 */
export function paperStages(config: Config, systems: readonly string[], at: (folder: string) => string, lacking: Lacking): PaperStage[] {
  const made = withLacks([...dynamicsStages(config, at), ...worldStages(config, at)], lacking);
  const usable = (folder: string) => made.some((stage) => stage.folder === folder && stage.lacks === undefined);
  const dynamics = dynamicsModels(config).filter(([, folder]) => folder === "base" || usable(folder))
    .map(([name, folder]) => `${name}=${folder === "base" ? folder : at(`${folder}/adapter`)}`);
  const own = ["C-ZS", ...Object.keys(WORLD_MODELS)].map((name) => [name, `sample-${folderOf(name)}`] as const)
    .filter(([, folder]) => usable(folder)).map(([name, folder]) => `${name}=${at(folder)}`);
  const compared = ["copy", ...systems, ...own];
  const actions = pathsOf(config.evaluate.actions).flatMap(listOf);
  const said = lacking.base === undefined ? dynamics : [];
  const argument = `--systems=${compared.join()}`;
  const verified = VERIFIED.filter((name) => usable(`verify-${folderOf(name)}`));
  const pools = verified.map((name) => `${name}=${at(`verify-${folderOf(name)}`)}`);
  const before = (verified.length > 0 ? verified : VERIFIED).map((name) => `verify-${folderOf(name)}`);
  const ofPools = { args: [`--pools=${pools.join()}`], after: before, measures: pools };
  return withLacks([
    ...made,
    {
      ...{ folder: "actions", task: "evaluate-actions", args: [`--evaluate.dynamics=${JSON.stringify(said)}`] },
      ...{ takes: actions.length > 0 ? ["bench"] : ["base", "bench"], after: [], measures: actions },
    },
    { folder: "pictures", task: "evaluate-images", args: [argument], takes: ["bench"], after: [], measures: compared },
    { folder: "judge", task: "judge", args: [argument], takes: ["bench", "judge"], after: [], measures: compared },
    { folder: "pictures-pools", task: "evaluate-images", takes: ["bench"], ...ofPools },
    { folder: "judge-pools", task: "judge", takes: ["bench", "judge"], ...ofPools },
  ], lacking);
}

/** The rows of Table 1 that are ours: the untouched base, the dynamics model, and where Kubric is downsampled the one without that. */
function dynamicsModels({ data }: Config): readonly (readonly [name: string, folder: string])[] {
  const sampled = Object.keys(data.downsample).length > 0;
  return [["C-ZS", "base"], ...sampled ? [["CDM", "train-cdm-all"], ["CDM + DS", "train-cdm"]] as const : [["CDM", "train-cdm"]] as const];
}

function dynamicsStages(config: Config, at: (folder: string) => string): PaperStage[] {
  const [cdm, all] = [`${at("train-cdm")}/adapter`, { folder: "train-cdm-all", args: ["--data.downsample={}"] }];
  const training = { task: "train-cdm", takes: ["base", "training"], after: [] } as const;
  return [
    { folder: "probe-base", task: "probe", args: ["--probe.adapter=base"], takes: ["base", "bench", "rewriter"], after: [] },
    { folder: "train-cdm", args: [], ...training },
    ...(dynamicsModels(config).some(([, folder]) => folder === all.folder) ? [{ ...all, ...training }] : []),
    { folder: "probe-cdm", task: "probe", args: [`--probe.adapter=${cdm}`], takes: ["base", "bench", "rewriter"], after: ["train-cdm"] },
    { folder: "annotate", task: "annotate", args: [`--annotate.cdm=${cdm}`], takes: ["videos"], after: ["train-cdm"] },
    {
      ...{ folder: "filter", task: "filter", args: [`--filter.trajectories=${at("annotate")}/trajectories.jsonl`] },
      ...{ takes: [], after: ["annotate"] },
    },
  ];
}

function worldStages(config: Config, at: (folder: string) => string): PaperStage[] {
  const given = pathsOf(config.cwm.synthetic).some((path) => path.endsWith(".jsonl")); // made before: no videos are needed
  const synthetic = given ? [] : [`--cwm.synthetic=${at("filter")}/trajectories.jsonl`];
  const models = Object.entries(WORLD_MODELS);
  const bench = ["base", "bench"] as const;
  return [
    ...models.map(([name, args]): PaperStage => ({
      ...{ folder: folderOf(name), task: "train-cwm", args: [...synthetic, ...args], takes: ["base", "training"] },
      after: given || args.includes("--cwm.synthetic=") ? [] : ["filter"],
    })),
    {
      folder: "probe-c-ft",
      task: "probe",
      args: [`--probe.adapter=${at("c-ft")}/adapter`],
      takes: [...bench, "rewriter"],
      after: ["c-ft"],
    },
    { folder: "sample-c-zs", task: "sample", args: ["--sample.adapter=base"], takes: bench, after: [] },
    ...models.map(([name]): PaperStage => ({
      ...{ folder: `sample-${folderOf(name)}`, task: "sample", args: [`--sample.adapter=${at(folderOf(name))}/adapter`] },
      ...{ takes: bench, after: [folderOf(name)] },
    })),
    ...VERIFIED.map((name): PaperStage => ({
      ...{ folder: `verify-${folderOf(name)}`, task: "verify" },
      args: [`--verify.adapter=${at(folderOf(name))}/adapter`, `--verify.cdm=${at("train-cdm")}/adapter`],
      ...{ takes: bench, after: [folderOf(name), "train-cdm"] },
    })),
  ];
}

/** The folder of a world model. */
function folderOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}

/** Each stage with what it lacks, its own first; stages stand after those that they build on. */
function withLacks(stages: readonly PaperStage[], lacking: Lacking): PaperStage[] {
  const known = new Map<string, string | undefined>();
  return stages.map((stage) => {
    const own = stage.takes.map((name) => lacking[name]).find((text) => text !== undefined);
    const lacks = own ?? stage.after.map((folder) => known.get(folder)).find((text) => text !== undefined);
    known.set(stage.folder, lacks);
    return { ...stage, lacks };
  });
}

/**
 * What a configuration names that is not there, or has to name and does not.
 *
 * @param config of the reproduction
 * @param hasKey whether a language model can be asked, as a judge or to rewrite actions
 * @returns a text for each prerequisite that is missing
 */
export function lackingOf(config: Config, hasKey: boolean): Lacking {
  const { model, data, bench, probe, annotate, judge } = config;
  const [lists, benches, videos] = [[...pathsOf(data.aurora), ...pathsOf(data.epic)], pathsOf(bench.aurora), videosOf(annotate)];
  const isReal = lists.length + benches.length > 0 || !fitsWorld(config);
  const lost = (paths: readonly string[], flag: string) =>
    paths.filter((path) => !exists(path)).map((path) => `${path}, which is not there (${flag})`)[0];
  const found: Record<Prerequisite, string | undefined> = {
    base: lost([`${model.path}/config.json`], "--model.path=DIR"),
    training: lists.length > 0 || fitsWorld(config)
      ? lost(lists, "--data.aurora=LIST, --data.epic=CSV")
      : "--data.aurora=LIST or --data.epic=CSV",
    bench: benches.length > 0 || !isReal ? lost(benches, "--bench=LIST") : "--bench=LIST",
    rewriter: probe.rewriter === "" || !isReal || hasKey ? undefined : "OPENAI_API_KEY for --probe.rewriter, or that left empty",
    videos: videos.length > 0 || !isReal ? lost(videos, "--annotate.videos=DIR") : "--annotate.videos=DIR, unlabelled videos",
    judge: judgeLack(judge.model, benches.length > 0, hasKey),
  };
  return Object.fromEntries(Object.entries(found).filter(([, text]) => text !== undefined));
}

/** The videos that are named, of one data set or several. */
function videosOf({ videos, datasets }: Config["annotate"]): string[] {
  return [...pathsOf(videos), ...Object.values(datasets).map((one) => one.videos)];
}

function judgeLack(model: string, isReal: boolean, hasKey: boolean): string | undefined {
  if (model !== "world") return hasKey ? undefined : "OPENAI_API_KEY";
  return isReal ? "--judge.model=gpt-4o-2024-11-20 or another model, and OPENAI_API_KEY" : undefined;
}

/** What is to be done about a stage: nothing, run it or go on with it, run it again from its start, or leave it out. */
export type StageStatus = "finished" | "open" | "again" | "left out";

/**
 * How a stage stands.
 *
 * @param stage the stage
 * @param path its folder's path
 * @param invocation of the reproduction
 * @returns finished, when its result is of this very configuration and of all that it is to measure
 * @throws UserError when what others build on was made with another configuration
 */
export function statusOf(stage: PaperStage, path: string, { config, flags, overrides }: Invocation): StageStatus {
  if (stage.lacks !== undefined) return "left out";
  if ("restart" in flags) return "again";
  const manifest = exists(`${path}/result.json`) ? readManifest(path) : undefined;
  if (!manifest?.finished) return "open";
  const own = [...overrides, { key: "seed", value: `${config.seed}` }, ...overridesOf(stage.args)];
  const given = { config: resolveConfig(flags["config"] ?? DEFAULT_CONFIG, own), flags, overrides: own };
  const changed = changedKey(manifest, (stage.task === "train-cwm" ? ofWorldModel(given) : given).config);
  if (stage.measures) return changed || measuresMore(stage, path, manifest) ? "again" : "finished";
  if (changed === undefined) return "finished";
  throw new UserError(
    `Cannot go on in ${path}: it was made with another "${changed}" than now; take it back, start over with --restart, or elsewhere with --run=DIR`,
  );
}

function overridesOf(args: readonly string[]): Override[] {
  return args.flatMap((arg) => {
    const match = /^--(\w+\.[\w.]+)=(.*)$/s.exec(arg);
    return match ? [{ key: match[1]!, value: match[2]! }] : [];
  });
}

/** The first key in which a run's configuration differs from another; on wasm a run may have taken a smaller one by itself. */
function changedKey(manifest: Manifest, config: Config): string | undefined {
  if (manifest.backend?.["name"] === "wasm") return;
  const whole = CONFIG.safeParse(manifest.config); // a key that did not exist yet had its default
  for (const [section, stored] of Object.entries(manifest.config)) {
    const before = whole.success ? whole.data[section as keyof Config] : stored;
    const now = config[section as keyof Config];
    if (JSON.stringify(before) === JSON.stringify(now)) continue;
    const keys = typeof before === "object" && before !== null ? Object.keys(before) : [];
    const key = keys.find((key) => JSON.stringify((before as never)[key]) !== JSON.stringify((now as never)[key]));
    return key === undefined ? section : `${section}.${key}`;
  }
}

/** Whether there are other systems than those measured, or files changed since. */
function measuresMore({ measures = [], task, args }: PaperStage, path: string, manifest: Manifest): boolean {
  const recorded = args.some((arg) => arg.startsWith("--pools="))
    ? undefined // what is newer says enough
    : task === "judge"
    ? digestOf(readResult(path, JUDGEMENT_RESULT).systems)
    : manifest.inputs["systems"];
  if (recorded !== undefined && recorded !== digestOf(measures)) return true;
  const finished = Date.parse(manifest.finished!);
  return measures.filter((name) => name !== "copy").some((name) => newestFile(parseNamed(name).path, 2) > finished);
}

/** When a file, or the newest below a folder, was changed, in milliseconds; 0 where there is nothing. */
function newestFile(path: string, depth: number): number {
  try {
    const { mtime, isDirectory } = Deno.statSync(path);
    if (!isDirectory) return mtime?.getTime() ?? 0;
    const below = depth === 0 ? [] : [...Deno.readDirSync(path)].filter(({ name }) => name !== "lock.json");
    return Math.max(0, ...below.map(({ name }) => newestFile(`${path}/${name}`, depth - 1)));
  } catch (error) {
    return unlessOfDisk(0)(error); // what is there would be taken for old
  }
}
