/**
 * The gates of the tiny world: whether its pictures, its base and the models fine-tuned from it are good enough for the
 * paper's experiments to mean something. A gate is tried when the one before has passed.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { passedArguments, runTaskProcess, type TaskRun } from "../lib/experiment/pipeline.ts";
import { loadModels, type Models } from "../lib/experiment/models.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { openStage } from "../lib/experiment/stage.ts";
import { duration } from "../lib/experiment/progress.ts";
import { readManifest } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { writeFile } from "../lib/files.ts";
import {
  countChangedTokens,
  type EncodedWorldTrajectory,
  judgeRoundTrip,
  measureActions,
  measureEdits,
  measureNaming,
  shareByFamily,
} from "../lib/gates/mod.ts";
import { preferencesBySubset, probe } from "../lib/probe/mod.ts";
import { loadAdapter, type LoraAdapter } from "../lib/model/mod.ts";
import { cacheFolder } from "../lib/engine/mod.ts";
import { mean } from "../lib/metrics/mod.ts";
import { encodeTrajectories } from "../lib/trajectories/mod.ts";
import { counterfactualActions, DIFFICULTIES, FAMILIES, worldTrajectories } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "gates",
  about: "Tries the gates of the tiny world, in order: the VQGAN, the base, the dynamics model, the world model.",
  sections: ["data", "model", "cdm", "cwm", "gates"],
  switches: { all: "go on after a gate that fails" },
};

/** What a gate found. */
interface Outcome {
  readonly passed: boolean;
  readonly found: string;
  readonly numbers: unknown;
}

/** What gates are tried with. */
interface Bench extends Models {
  readonly config: Config;
  readonly invocation: Invocation;
  readonly folder: string;
  readonly items: readonly EncodedWorldTrajectory[];
}

const GATES: readonly { readonly gate: string; readonly asked: string; readonly attempt: (bench: Bench) => Promise<Outcome> }[] = [
  { gate: "1 VQGAN", asked: "targets right after encode and decode ≥ 97 %", attempt: vqganGate },
  { gate: "2 base", asked: "colour, shape, place named ≥ 90 %; truth preferred in 40 … 65 %", attempt: baseGate },
  { gate: "3 dynamics model", asked: "actions right by meaning ≥ 60 %, within 6 min", attempt: dynamicsGate },
  { gate: "4 world model (C-FT)", asked: "right and minimal ≥ 25 % with one sample, within 10 min", attempt: worldGate },
];

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const stage = await openStage(invocation, TASK, {});
  if (!stage) return;
  const { folder } = stage;
  const bench = await openBench(invocation, folder);

  const rows: string[] = ["| gate | asked | found | |", "|---|---|---|---|"];
  const numbers: Record<string, unknown> = {};
  for (const { gate, asked, attempt } of GATES) {
    const { passed, found, numbers: own } = await attempt(bench);
    rows.push(`| ${gate} | ${asked} | ${found} | ${passed ? "passed" : "failed"} |`);
    numbers[gate] = own;
    console.log(`Gate ${gate} ${passed ? "passed" : "FAILED"}: ${found} (asked: ${asked})`);
    if (!passed && !("all" in flags)) break;
  }
  writeFile(`${folder}/table.md`, rows.join("\n") + "\n");
  stage.finish({ kind: "gates", gates: numbers });
  console.log(`\n${rows.join("\n")}\n\n${folder}/table.md, result.json   (seed ${config.seed})`);
}

async function openBench(invocation: Invocation, folder: string): Promise<Bench> {
  const { config: { data, gates, seed }, config } = invocation;
  const models = loadModels(config, {});
  const trajectories = worldTrajectories(data.difficulty, seed, "bench", gates.bench * FAMILIES.length);
  const { encoded } = await encodeTrajectories(trajectories, models.vqgan, cacheFolder());
  return { ...models, config, invocation, folder, items: encoded as readonly EncodedWorldTrajectory[] };
}

async function vqganGate({ vqgan, items }: Bench): Promise<Outcome> {
  const right = shareOf(judgeRoundTrip(vqgan, items).map((judgement) => judgement.right));
  const tokens = await countChangedTokens(items);
  const leak = `an action changes ${tokens.changed.toFixed(1)} of ${items[0]!.source.length} tokens, ${
    tokens.outside.toFixed(1)
  } where no pixel does`;
  return { passed: right >= 0.97, found: `${percent(right)}; ${leak}`, numbers: { right, tokens } };
}

async function baseGate({ config: { data, seed }, vqgan, vocabulary, text, image, items }: Bench): Promise<Outcome> {
  const nameIn = (most: number) => measureNaming({ text, vqgan, vocabulary }, DIFFICULTIES[data.difficulty], most, seed);
  const [naming, fuller] = [await nameIn(1), await nameIn(3)];
  const counterfactuals = counterfactualActions(items.map(({ trajectory }) => trajectory), data.difficulty, seed);
  const points = await probe({ text, image, vqgan, vocabulary }, items, counterfactuals, seed);
  const preferences = preferencesBySubset(points).filter(({ subset }) => subset === "all");
  const prefers = mean(preferences.map(({ prefersReference }) => prefersReference));
  const { colour, shape, place } = naming;
  return {
    passed: Math.min(colour, shape, place) >= 0.9 && prefers >= 0.4 && prefers <= 0.65,
    found: `${percent(colour)}, ${percent(shape)}, ${percent(place)} (among three objects ${
      Object.values(fuller).map(percent).join(", ")
    }); ${percent(prefers)}`,
    numbers: { naming, fuller, preferences, prefers },
  };
}

async function dynamicsGate(bench: Bench): Promise<Outcome> {
  const { text, vqgan, vocabulary, items } = bench;
  const tried = await trySeeds(bench, { task: "train-cdm", args: [] }, async (adapter) => {
    const measured = await measureActions({ text: { ...text, adapter }, vqgan, vocabulary }, items);
    return { share: shareOf(measured.right), byFamily: shareByFamily(items, measured.right), said: measured.predicted };
  });
  const shares = tried.map(({ share }) => share);
  const families = FAMILIES.map((family) => `${family} ${percent(mean(tried.map((one) => one.byFamily[family]!)))}`).join(", ");
  const slowest = Math.max(...tried.map(({ seconds }) => seconds));
  return {
    passed: mean(shares) >= 0.6 && slowest <= 360,
    found: `${shares.map(percent).join(", ")} (${families}); ${duration(slowest)} at most`,
    numbers: tried,
  };
}

async function worldGate(bench: Bench): Promise<Outcome> {
  const { image, vocabulary, vqgan, items, config } = bench;
  const tried = await trySeeds(bench, { task: "train-cwm", args: ["--cft"] }, (adapter, seed) => {
    const measured = measureEdits({ ...image, adapter }, vqgan, vocabulary, items, { temperature: config.cwm.temperature, seed });
    return { ...measured, byFamily: shareByFamily(items, measured.judgements.map(({ right }) => right)) };
  });
  const slowest = Math.max(...tried.map(({ seconds }) => seconds));
  const list = (key: "right" | "copied" | "success" | "minimal", show: (value: number) => string) =>
    tried.map((one) => show(one[key])).join(", ");
  const points = (value: number) => value.toFixed(1);
  return {
    passed: mean(tried.map(({ right }) => right)) >= 0.25 && slowest <= 600,
    found:
      `${list("right", percent)} right; of the failures ${list("copied", percent)} copies; editing success ${list("success", points)}, ` +
      `minimal editing ${list("minimal", points)}; ${duration(slowest)} at most`,
    numbers: tried,
  };
}

/** Trains a model for each seed, in a process of its own, and measures it. */
async function trySeeds<T>(
  { config, invocation, folder, chameleon }: Bench,
  { task, args }: TaskRun,
  measure: (adapter: LoraAdapter, seed: number) => T | Promise<T>,
): Promise<(T & { readonly seed: number; readonly seconds: number })[]> {
  const tried = [];
  for (let seed = config.seed; seed < config.seed + config.gates.seeds; seed++) {
    const run = `${folder}/${task}-${seed}`;
    await runTaskProcess({ task, args: [...args, ...passedArguments(invocation), `--seed=${seed}`, `--run=${run}`] });
    const { seconds } = readManifest(run)!;
    tried.push({ seed, seconds, ...await measure(loadAdapter(`${run}/adapter`, chameleon.config), seed) });
  }
  return tried;
}

function shareOf(values: readonly boolean[]): number {
  return mean(values.map(Number));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

if (import.meta.main) await runTask(TASK, main);
