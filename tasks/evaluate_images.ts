/**
 * Measures predicted images of systems against their targets (paper Table 3), each metric with its interval.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { digestOf } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { openSystems, systemsOverlap } from "../lib/experiment/systems.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { listOf } from "../lib/experiment/cli.ts";
import { UserError } from "../lib/errors.ts";
import { readJson } from "../lib/files.ts";
import {
  cosine,
  type Estimate,
  estimate,
  type ImageEncoder,
  L1_SIGNATURES,
  l1Distance,
  openImageEncoder,
  pairedTest,
  pairedValues,
  PROTOCOLS,
} from "../lib/metrics/mod.ts";
import { type TableRow, writeTable } from "../lib/report/mod.ts";
import type { RgbImage } from "../lib/tokens/mod.ts";
import { type Problem, usableTrajectories } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "evaluate-images",
  about: "Measures predicted images of systems against their targets.",
  sections: ["bench", "evaluate"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, systems: "whose images: copy, DIR, NAME=DIR, separated by commas" },
};

/** A metric of pictures; undefined where a trajectory has none. */
interface Metric {
  readonly name: string;
  readonly signature: string;
  readonly measure: (picture: RgbImage, target: RgbImage, id: string) => Promise<number | undefined>;
}

/** L1, and what there are models for. */
async function openMetrics(
  { clip, dino, captions }: Config["evaluate"],
): Promise<{ metrics: Metric[]; left: string[]; close: () => Promise<void> }> {
  const metrics = PROTOCOLS.map((protocol): Metric => ({
    name: `l1_${protocol}`,
    signature: L1_SIGNATURES[protocol],
    measure: (picture, target) => Promise.resolve(l1Distance(picture, target, protocol)),
  }));
  const encoders: ImageEncoder[] = [];
  const open = async (folder: string) => encoders[encoders.push(await openImageEncoder(folder)) - 1]!;
  const alike = (name: string, encoder: ImageEncoder): Metric => ({
    ...{ name, signature: encoder.signature },
    measure: async (picture, target) => cosine(await encoder.picture(picture), await encoder.picture(target)),
  });
  const clipEncoder = clip === "" ? undefined : await open(clip);
  if (clipEncoder) metrics.push(alike("clip_i", clipEncoder));
  if (dino !== "") metrics.push(alike("dino", await open(dino)));
  const sentence = captions === "" ? undefined : clipEncoder?.sentence;
  if (sentence) {
    const said = readJson(captions) as Record<string, string>;
    metrics.push({
      ...{ name: "clip_t", signature: `${clipEncoder!.signature}|captions of ${captions}` },
      measure: async (picture, _, id) =>
        said[id] === undefined ? undefined : cosine(await clipEncoder!.picture(picture), await sentence(said[id])),
    });
  }
  const left = [
    clipEncoder ? "" : "CLIP-I (evaluate.clip)",
    dino === "" ? "DINO (evaluate.dino)" : "",
    sentence ? "" : "CLIP-T (evaluate.captions)",
  ];
  return {
    metrics,
    left: left.filter((name) => name !== ""),
    close: async () => void await Promise.all(encoders.map((one) => one.close())),
  };
}

/** Values of each metric by trajectory. */
type Values = Map<string, Readonly<Record<string, number>>>;

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { list, digest } = benchTrajectories(config);
  const { trajectories } = usableTrajectories(list, true);
  const names = listOf(flags["systems"]);
  if (names.length === 0) throw new UserError("Cannot evaluate without systems: give --systems=copy,DIR,NAME=DIR");
  const systems = openSystems(names);
  const inputs = { bench: digest, systems: digestOf(names) };
  const sections = ["seed", "data", "bench", "evaluate"] as const;
  const stage = await openStage(invocation, TASK, { sections, inputs, overlap: systemsOverlap(names) });
  if (!stage) return;
  const { folder } = stage;
  const { metrics, left, close } = await openMetrics(config.evaluate);

  // 1. Every system's pictures; what is missing or broken is left out by name
  const problems: Problem[] = [...list.problems];
  const values = new Map<string, Values>();
  const progress = showProgress("evaluate", systems.length * trajectories.length);
  for (const [number, system] of systems.entries()) {
    const measured: Values = new Map();
    for (const [i, trajectory] of trajectories.entries()) {
      try {
        const [picture, target] = [await system.predict(trajectory), await trajectory.target.load()];
        if (!picture) problems.push({ id: `${system.name}: ${trajectory.id}`, reason: "it has no prediction" });
        else measured.set(trajectory.id, await measureAll(metrics, picture, target, trajectory.id));
      } catch (error) {
        problems.push({ id: `${system.name}: ${trajectory.id}`, reason: (error as Error).message });
      }
      progress.update(number * trajectories.length + i + 1, system.name);
    }
    values.set(system.name, measured);
  }
  progress.stop();
  await close();
  writeSkipped(folder, problems);

  // 2. Means with intervals, by subset; paired tests against the first system
  const subsets = new Map([["all", trajectories], ...Map.groupBy(trajectories, ({ subset }) => subset)]);
  const result: Record<string, Record<string, Record<string, Estimate>>> = {};
  for (const [name, measured] of values) {
    for (const [subset, own] of subsets) {
      const estimates = metrics.flatMap((metric) => {
        const seen = own.flatMap(({ id }) => measured.get(id)?.[metric.name] ?? []);
        return seen.length === 0 ? [] : [[metric.name, estimate(seen)] as const];
      });
      if (estimates.length > 0) (result[name] ??= {})[subset] = Object.fromEntries(estimates);
    }
  }
  const rows = Object.entries(result).flatMap(([system, bySubset]) =>
    Object.entries(bySubset).map(([subset, estimates]) => ({
      ...{ system, subset, n: `${estimates[metrics[0]!.name]?.n ?? 0} of ${subsets.get(subset)!.length}` },
      ...Object.fromEntries(metrics.map(({ name }) => [name, estimates[name] ? Number(estimates[name].mean.toFixed(4)) : null])),
    }))
  );
  const table = writeTable(`${folder}/table`, rows, stage.note);
  const tests = pairedTests(values, metrics.map(({ name }) => name), systems.map(({ name }) => name));
  if (tests.length > 0) writeTable(`${folder}/tests`, tests, stage.note);
  const signed = Object.fromEntries(metrics.map(({ name, signature }) => [name, signature]));
  stage.finish({ kind: "images", systems: result, signatures: signed, tests });
  const signatures = metrics.map(({ name, signature }) => `${name}: ${signature}`);
  console.log(
    [table, "", ...signatures, ...(left.length > 0 ? [`Left out, as there is no model or caption: ${left.join(", ")}`] : [])].join("\n"),
  );
}

async function measureAll(metrics: readonly Metric[], picture: RgbImage, target: RgbImage, id: string): Promise<Record<string, number>> {
  const measured: Record<string, number> = {};
  for (const { name, measure } of metrics) {
    const value = await measure(picture, target, id);
    if (value !== undefined) measured[name] = value;
  }
  return measured;
}

/** Each system against the first, on the trajectories that both have. */
function pairedTests(values: ReadonlyMap<string, Values>, metrics: readonly string[], [first, ...others]: readonly string[]): TableRow[] {
  return others.flatMap((name) =>
    metrics.map((metric) => {
      const [a, b] = pairedValues(valuesOf(values.get(first!)!, metric), valuesOf(values.get(name)!, metric));
      return { metric, system: name, against: first!, n: a.length, p: a.length === 0 ? null : pairedTest(a, b) };
    })
  );
}

/** One metric of a system by trajectory. */
function valuesOf(measured: Values, metric: string): Map<string, number> {
  return new Map([...measured].flatMap(([id, values]) => values[metric] === undefined ? [] : [[id, values[metric]] as const]));
}

if (import.meta.main) await runTask(TASK, main);
