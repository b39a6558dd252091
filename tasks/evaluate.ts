/**
 * Measures predictions. Without systems: the dynamics model's actions (paper Table 1). With `--systems=copy,DIR,NAME=DIR`:
 * predicted pictures against their targets (paper Table 3), each metric with its interval.
 *
 * @module
 */
import { DEPENDENCY_FLAGS, type Invocation, runTask, type TaskInfo } from "../lib/cli.ts";
import { benchTrajectories } from "../lib/data.ts";
import { type Estimate, estimate, L1_SIGNATURES, l1Distance, openSystem, pairedTest, PROTOCOLS } from "../lib/judge/mod.ts";
import { writeTable } from "../lib/report/mod.ts";
import { digestOf, dryRunText, finishedText, openRun, runFolder, showProgress, writeSkipped } from "../lib/run.ts";
import { type Problem, usableTrajectories } from "../lib/trajectories/mod.ts";
import { evaluateActions } from "./evaluate_actions.ts";

const TASK: TaskInfo = {
  name: "evaluate",
  about: "Measures predicted actions against what was done, or the pictures of systems against their targets.",
  sections: ["data", "model", "evaluate"],
  flags: {
    ...DEPENDENCY_FLAGS,
    systems: "pictures of these: copy, DIR, NAME=DIR, with commas between; without: actions",
    bench: "an AURORA list, as --data.aurora",
  },
};

/** The metrics of pictures. */
const METRICS = PROTOCOLS.map((protocol) => `l1_${protocol}` as const);

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const data = flags["bench"] ? { ...config.data, aurora: flags["bench"] } : config.data;
  const own = { ...invocation, config: { ...config, data } };
  return flags["systems"]
    ? await evaluatePictures(own, flags["systems"].split(",").filter((name) => name !== ""))
    : await evaluateActions(own);
}

/** Values of each metric by trajectory. */
type Values = Map<string, Readonly<Record<string, number>>>;

async function evaluatePictures({ config, flags }: Invocation, names: readonly string[]): Promise<void> {
  const { list } = benchTrajectories(config, config.evaluate.bench);
  const { trajectories } = usableTrajectories(list, true);
  const folder = runFolder(config, "evaluate", flags);
  const inputs = { trajectories: digestOf(trajectories.map(({ id, action }) => [id, action])), systems: digestOf(names) };
  if ("dry-run" in flags) return console.log(dryRunText({ config, stage: "evaluate", sections: ["data"], inputs, folder }));
  const systems = names.map(openSystem);
  const run = openRun({ task: TASK.name, stage: "evaluate", config, sections: ["data"], inputs, flags });
  if (run.finished) return console.log(`${Deno.readTextFileSync(`${folder}/table.md`)}\n${finishedText(folder)}`);

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
        else {measured.set(
            trajectory.id,
            Object.fromEntries(PROTOCOLS.map((protocol) => [`l1_${protocol}`, l1Distance(picture, target, protocol)])),
          );}
      } catch (error) {
        problems.push({ id: `${system.name}: ${trajectory.id}`, reason: (error as Error).message });
      }
      progress.update(number * trajectories.length + i + 1, system.name);
    }
    values.set(system.name, measured);
  }
  progress.stop();
  writeSkipped(folder, problems);

  // 2. Means with intervals, by subset; paired tests against the first system
  const subsets = new Map([["all", trajectories], ...Map.groupBy(trajectories, ({ subset }) => subset)]);
  const result: Record<string, Record<string, Record<string, Estimate>>> = {};
  for (const [name, measured] of values) {
    for (const [subset, own] of subsets) {
      const seen = own.flatMap(({ id }) => measured.has(id) ? [measured.get(id)!] : []);
      if (seen.length === 0) continue;
      (result[name] ??= {})[subset] = Object.fromEntries(METRICS.map((metric) => [metric, estimate(seen.map((one) => one[metric]!))]));
    }
  }
  const rows = Object.entries(result).flatMap(([system, bySubset]) =>
    Object.entries(bySubset).map(([subset, metrics]) => ({
      ...{ system, subset, n: `${metrics[METRICS[0]!]!.n} of ${subsets.get(subset)!.length}` },
      ...Object.fromEntries(METRICS.map((metric) => [metric, Number(metrics[metric]!.mean.toFixed(4))])),
    }))
  );
  const table = writeTable(`${folder}/table`, rows);
  const tests = pairedTests(values, names.map((_, i) => systems[i]!.name));
  if (tests.length > 0) writeTable(`${folder}/tests`, tests);
  run.finish({ ...result, signatures: L1_SIGNATURES, tests });
  const left = METRICS.map((metric, i) => `${metric}: ${L1_SIGNATURES[PROTOCOLS[i]!]}`);
  console.log(`${table}\n\n${left.join("\n")}\nCLIP-I, CLIP-T and DINO are left out: there are no models for them`);
}

/** Each system against the first, on the trajectories that both have. */
function pairedTests(values: ReadonlyMap<string, Values>, names: readonly string[]) {
  const first = values.get(names[0]!)!;
  return names.slice(1).flatMap((name) =>
    METRICS.map((metric) => {
      const shared = [...first.keys()].filter((id) => values.get(name)!.has(id));
      const [a, b] = [first, values.get(name)!].map((one) => shared.map((id) => one.get(id)![metric]!)) as [number[], number[]];
      return { metric, system: name, against: names[0]!, n: shared.length, p: shared.length === 0 ? null : pairedTest(a, b) };
    })
  );
}

if (import.meta.main) await runTask(TASK, main);
