/**
 * Measures predicted images of systems against their targets (paper Table 3), each metric with its interval; or the candidates of
 * task `verify`, for best-of-3 and Figure 8.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { batchesOf, type Work } from "../lib/experiment/batches.ts";
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { shardName } from "../lib/experiment/pipeline.ts";
import { type Asked, type Measured, measureOne } from "../lib/experiment/measured.ts";
import { openPools, poolNames, POOLS_FLAG } from "../lib/experiment/pools.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { workTogether } from "../lib/experiment/queue_work.ts";
import { digestOf } from "../lib/experiment/run.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { openSystems, picturesDigest, systemsOverlap } from "../lib/experiment/systems.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo, WORKER_FLAGS } from "../lib/experiment/task.ts";
import { appendLine, writeFile } from "../lib/files.ts";
import { resumeCandidates } from "../lib/judge/candidates.ts";
import { nameOf, readEntries, shownCandidates } from "../lib/judge/entries.ts";
import type { Candidate } from "../lib/judge/mod.ts";
import { type Estimate, estimate, pairedTest, pairedValues } from "../lib/metrics/mod.ts";
import { measurePicture, openPictureMetrics } from "../lib/metrics/picture_metrics.ts";
import { type TableRow, writeTable } from "../lib/report/mod.ts";
import { writePools } from "../lib/report/pools.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import type { RgbImage } from "../lib/tokens/mod.ts";
import { usableTrajectories } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "evaluate-images",
  about: "Measures predicted images of systems against their targets.",
  sections: ["bench", "evaluate"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...WORKER_FLAGS, systems: "whose images: copy, DIR, NAME=DIR, separated by commas", ...POOLS_FLAG },
};

/** Values of each metric by trajectory. */
type Values = Map<string, Readonly<Record<string, number>>>;

const TOGETHER = 64; // pictures in a batch

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const pools = listOf(flags["pools"]);
  const names = listOf(flags["systems"]);
  if (pools.length > 0 && names.length > 0) throw new UserError("Cannot evaluate systems and pools in one run: give --systems or --pools");
  if (pools.length > 0 && "queue" in flags) {
    throw new UserError("Cannot measure pools from a queue: --queue goes with --systems, --shard with --pools");
  }
  if (pools.length > 0) return await measurePools(invocation, pools);
  if ("shard" in flags) {
    throw new UserError("Cannot split the systems' pictures into shards: --shard goes with --pools, --queue with --systems");
  }
  const { list, digest } = benchTrajectories(config);
  const { trajectories } = usableTrajectories(list, true);
  if (names.length === 0) throw new UserError("Cannot evaluate without systems: give --systems=copy,DIR,NAME=DIR");
  const systems = openSystems(names);
  const inputs = { bench: digest, systems: digestOf(names), pictures: await picturesDigest(systems, trajectories) };
  const sections = ["seed", "data", "bench", "evaluate"] as const;
  const stage = await openStage(invocation, TASK, { sections, inputs, overlap: systemsOverlap(names) });
  if (!stage) return;
  const { folder } = stage;
  const { metrics, left, close } = await openPictureMetrics(config.evaluate);

  // 1. Every system's pictures; what is missing or broken is left out by name
  const asked = systems.flatMap((system) => trajectories.map((trajectory) => ({ system, trajectory })));
  const work: Work<Asked, Measured> = {
    ...{ name: TASK.name, unit: "pictures", folder, batches: batchesOf(asked, TOGETHER) },
    idOf: ({ system, trajectory }) => `${system.name}: ${trajectory.id}`,
    run: async ({ items }) => {
      const lines: Measured[] = [];
      for (const one of items) lines.push(await measureOne(one, metrics));
      return lines;
    },
  };
  const worked = await workTogether(work, flags["queue"]);
  await close();
  if (!worked) return; // another worker puts it together
  const values = new Map(systems.map(({ name }): [string, Values] => [name, new Map()]));
  for (const { system, id, scores } of worked.lines) if (scores) values.get(system)!.set(id, scores);
  const unread = worked.lines.flatMap(({ system, id, reason }) => reason === undefined ? [] : [{ id: `${system}: ${id}`, reason }]);
  writeSkipped(folder, [...list.problems, ...unread, ...worked.problems]);

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
  await worked.finish();
  console.log([table, "", ...signatureLines(signed, left)].join("\n"));
}

/** Measures the candidates of task verify (best-of-3, Figure 8); a run that was stopped goes on with the next. */
async function measurePools(invocation: Invocation, names: readonly string[]): Promise<void> {
  const { config, flags } = invocation;
  const { list, digest } = benchTrajectories(config);
  const trajectories = shardOf(usableTrajectories(list, true).trajectories, flags["shard"] ?? "0/1");
  const shown = shownCandidates(openPools(names, config), trajectories);
  const reading = showProgress("read", shown.length);
  const { entries, unread } = await readEntries(shown, reading.update);
  reading.stop();
  const stage = await openStage(invocation, TASK, {
    stage: shardName("evaluate-images-pools", flags["shard"]),
    sections: ["seed", "data", "bench", "evaluate"],
    inputs: { bench: digest, entries: digestOf(entries.map((entry) => [nameOf(entry), entry.digest])) },
    overlap: systemsOverlap(poolNames(names, config)),
  });
  if (!stage) return;
  const { folder } = stage;
  const { metrics, left, close } = await openPictureMetrics(config.evaluate);

  // 1. Candidates that look alike are measured once
  const done = resumeCandidates(folder).filter(({ unscored }) => unscored === undefined);
  const known = new Map<string, Readonly<Record<string, number>>>();
  const progress = showProgress("evaluate", entries.length, done.length);
  let target: { id: string; picture: RgbImage } | undefined;
  for (const { system, trajectory, candidate, digest, load } of entries.slice(done.length)) {
    const key = `${trajectory.id} ${digest}`;
    if (target?.id !== trajectory.id) target = { id: trajectory.id, picture: await trajectory.target.load() };
    const scores = known.get(key) ?? await measurePicture(metrics, (await load())!, target.picture, trajectory.id);
    known.set(key, scores);
    const line: Candidate = { ...candidate!, system, scores };
    appendLine(`${folder}/candidates.jsonl`, JSON.stringify(line), undefined, false);
    progress.update(done.push(line));
  }
  progress.stop();
  await close();
  const unscored = unread.map(({ shown, reason }): Candidate => ({
    ...shown.candidate!,
    ...{ system: shown.system, scores: {}, unscored: reason },
  }));
  writeFile(`${folder}/candidates.jsonl`, [...done, ...unscored].map((line) => JSON.stringify(line) + "\n").join(""));
  writeSkipped(folder, [...list.problems, ...unread.map(({ shown, reason }) => ({ id: nameOf(shown), reason }))]);

  // 2. Rows of Table 3, and a curve for each metric
  const { table, curves, pools } = await writePools(folder, [...done, ...unscored], "metrics", stage.note);
  const signatures = Object.fromEntries(metrics.map(({ name, signature }) => [name, signature]));
  const systems = [...new Set(done.map(({ system }) => system!))];
  stage.finish({ kind: "pools", by: "metrics", systems, signatures, pools, curves });
  const lines = [table, "", `${pools.scored} of ${pools.all} pools are measured whole; the others are left out of every number.`];
  console.log([...lines, ...signatureLines(signatures, left)].join("\n"));
}

function signatureLines(signatures: Readonly<Record<string, string>>, left: readonly string[]): string[] {
  const lines = Object.entries(signatures).map(([name, signature]) => `${name}: ${signature}`);
  return left.length === 0 ? lines : [...lines, `Left out, as there is no model or caption: ${left.join(", ")}`];
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
