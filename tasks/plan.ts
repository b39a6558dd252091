/**
 * Memory and time of every stage of a configuration before any of them is run: on this device by a short probe
 * (`--plan.measure`), or on H100s by their data sheet.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories, pathsOf, trainingTrajectories } from "../lib/experiment/datasets.ts";
import { deviceMemory, memoryText, peakOf, stageMemory } from "../lib/experiment/plan.ts";
import {
  allReduceSeconds,
  type Amounts,
  H100,
  H100_RATES,
  hoursOn,
  measureRates,
  type StageTime,
  stageTimes,
  videoTime,
} from "../lib/experiment/plan_time.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { ensureEngine } from "../lib/experiment/stage.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { exists } from "../lib/files.ts";
import { type CheckpointPlan, planCheckpoint } from "../lib/model/mod.ts";
import { mebibytes } from "../lib/model/memory.ts";
import { ANOLE_7B, planShape } from "../lib/model/presets.ts";
import { markdownTable } from "../lib/report/table.ts";

const TASK: TaskInfo = {
  name: "plan",
  about: "Says what memory and time each stage of a configuration takes. Nothing is written.",
  sections: ["data", "bench", "model", "cdm", "cwm", "annotate", "sample", "verify", "evaluate", "plan"],
};

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  const { plan: options } = config;
  const link = options.link * 1e9;
  const measure = options.measure && !("dry-run" in flags);

  // 1. The base, and how much there is to do
  const checkpoint = basePlan(config);
  const amounts = amountsOf(config);
  console.log(
    `${amounts.trajectories} trajectories to train on, ${amounts.epic} more for the dynamics model, ${amounts.synthetic} synthetic ones, ` +
      `${amounts.pairs} pairs to annotate, ${amounts.bench} trajectories of the bench`,
  );

  // 2. What the device does in a second
  if (measure) await ensureEngine(config.model.backend);
  const rates = measure ? measureRates(config, checkpoint) : H100_RATES;
  const device = measure ? deviceMemory() : { name: H100.name, free: H100.memory };
  const tera = (rate: number) => (rate / 1e12).toPrecision(3);
  console.log(
    `${device.name}, ${rates.source}: ${tera(rates.train)} TFLOP/s trained, ${tera(rates.read)} read, ${tera(rates.draw)} TB/s drawn\n`,
  );

  // 3. Memory and time of each stage
  const times = stageTimes(config, checkpoint, amounts, rates, device);
  const rows = times.map((time) => {
    const memory = stageMemory(time.stage === "train-cft" ? "train-cwm" : time.stage, config, checkpoint)!;
    console.log(`${time.stage}: ${memoryText(memory, device)}`);
    const hours = options.gpus.map((count) => [`on ${count}`, hoursText(hoursOn(time, count, link))] as const);
    return {
      stage: time.stage,
      memory: mebibytes(peakOf(memory, device)),
      ...Object.fromEntries(hours),
    };
  });
  const total = times.reduce((sum, { hours }) => sum + hours, 0);
  const sum = (count: number) => hoursText(times.reduce((total, time) => total + hoursOn(time, count, link), 0));
  const all = Object.fromEntries(options.gpus.map((count) => [`on ${count}`, sum(count)]));
  console.log(`\n${markdownTable([...rows, { stage: "all", memory: "", ...all }])}`);
  console.log(`\n${hoursText(total)} of one device in all.`);

  // 4. What several devices tell each other, and annotation of far more video than the paper's
  for (const time of times) if (time.wire) console.log(wireText(time, Math.max(...options.gpus), link));
  console.log("Sequences of a step and items of a bench are split whole; --shard and --queue split what is not trained.\n");
  const annotation = times.find(({ stage }) => stage === "annotate")!;
  if (amounts.pairs === 0) return;
  const videos = videoTime(options.videoHours, annotation.hours / amounts.pairs, options.cores);
  console.log(markdownTable([{
    stage: videos.stage,
    ...Object.fromEntries(options.gpus.map((count) => [`on ${count}`, hoursText(hoursOn(videos, count, link))])),
    "devices' hours": Math.round(videos.device),
    [`hours of ${options.cores} cores`]: Math.round(videos.cores),
  }]));
  console.log(
    "Pairs an hour as the paper's (87,000 of 45 hours); decoding and motion at 18 times real time a core, as measured by bench video.",
  );
}

/** What a training's devices tell each other in a step, beside the step's own time. */
function wireText(time: StageTime, devices: number, link: number): string {
  const { steps, bytes } = time.wire!;
  const talk = allReduceSeconds(bytes, devices, link);
  const step = 3600 * hoursOn(time, devices, link) / steps;
  return `${time.stage}: ${steps} steps; ${mebibytes(bytes)} of gradients by a ring of ${devices} at ${link / 1e9} GB/s take ` +
    `${(1000 * talk).toPrecision(3)} ms of a step's ${step.toPrecision(3)} s`;
}

/** Hours as people say them. */
function hoursText(hours: number): string {
  if (hours < 1 / 60) return `${Math.ceil(3600 * hours)} s`;
  if (hours < 1) return `${(60 * hours).toFixed(hours < 1 / 6 ? 1 : 0)} min`;
  return `${hours.toFixed(hours < 10 ? 1 : 0)} h`;
}

/** The base's plan, or that of Anole-7B's shapes while its weights are not there. */
function basePlan({ model: { path, precision } }: Config): CheckpointPlan {
  if (exists(`${path}/config.json`)) return planCheckpoint(path, precision);
  console.log(`${path} is not there: planning with Anole-7B's shapes`);
  return planShape(ANOLE_7B, precision);
}

/** How much there is to do: counted where lists are there or the tiny world is, assumed elsewhere. */
function amountsOf(config: Config): Amounts {
  const { data, bench, model, annotate, filter, cwm, plan } = config;
  const [lists, benches] = [[...pathsOf(data.aurora), ...pathsOf(data.epic)], pathsOf(bench.aurora)];
  const missing = [...lists, ...benches].filter((path) => !exists(path));
  if (missing.length > 0) console.log(`${missing.join(", ")} not there: counting what plan.trajectories and plan.bench say`);
  const isReal = lists.length > 0 && lists.every(exists);
  const isTiny = lists.length === 0 && exists(`${model.path}/config.json`) && model.path === "data/tiny";
  const isBench = isTiny || (benches.length > 0 && benches.every(exists));
  return {
    trajectories: isReal || isTiny ? trainingTrajectories(config).trajectories.length : plan.trajectories,
    epic: isReal || isTiny ? 0 : data.epicLimit, // lists that are there hold it already
    synthetic: isTiny ? Math.round(annotate.world * filter.share) : plan.sources * cwm.syntheticLimit,
    pairs: isTiny ? annotate.world : plan.pairs,
    bench: isBench ? benchTrajectories(config).list.trajectories.length : plan.bench,
  };
}

if (import.meta.main) await runTask(TASK, main);
