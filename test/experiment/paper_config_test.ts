import { configKeys, resolveConfig } from "../../lib/experiment/config.ts";
import { CONFIG } from "../../lib/experiment/schema.ts";
import { assert, assertEquals } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PATH = `${ROOT}data/configs/paper.yaml`;
const LINES = Deno.readTextFileSync(PATH).split("\n");
const TINY_WORLD = ["pretrain", "export", "gates"]; // stages that only the tiny world has

const PLACE = /# .*(§\d|A\.\d|eq\. \d|Table \d|Figure \d|footnote \d|our guess)/;
const isValue = (line: string) => /^ *(- |[\w.-]+: )/.test(line) && !/^ *[\w.-]+: +#/.test(line);

Deno.test("paper.yaml has a section for every stage of the schema", () => {
  const stages = Object.entries(CONFIG.shape).filter(([, { description }]) => description?.startsWith("task ")).map(([name]) => name);
  assert(stages.length >= 10, "stages are no longer described as tasks");
  const sections = LINES.flatMap((line) => /^(\w+):/.exec(line)?.[1] ?? []);
  for (const section of ["model", "data", "bench", ...stages]) {
    assertEquals(sections.includes(section), !TINY_WORLD.includes(section), section);
  }
});

Deno.test("each value of paper.yaml has the paper's place, or is our guess", () => {
  const values = LINES.filter(isValue);
  assert(values.length > 90, `${values.length} values`);
  assertEquals(values.filter((line) => !PLACE.test(line)), []);
  for (const line of ["  batch: 4", "  batch: 4 # because", "    - data/x.json"]) assert(isValue(line) && !PLACE.test(line), line);
});

Deno.test("paper.yaml holds the numbers that the paper states, and its words to the letter", () => {
  const { data, cdm, cwm, annotate, filter, probe, sample, verify, judge, humanEval } = resolveConfig(PATH, []);
  assertEquals([data.downsample["kubric"], data.epicLimit, data.aurora.length], [10000, 15000, 4]);
  assertEquals([cdm.epochs, cdm.batch * cdm.accumulate, cdm.lr, cdm.warmup, cdm.steps], [10, 64, 2e-4, 500, 0]);
  assertEquals([cwm.epochs, cwm.batch * cwm.accumulate, cwm.lr, cwm.warmup, cwm.steps], [40, 96, 5e-4, 400, 0]);
  for (const { lora } of [cdm, cwm]) assertEquals([lora.rank, lora.dropout], [16, 0.05]);
  assertEquals([cwm.weights, cwm.normalise, cwm.floor, cwm.head, cwm.epic], ["l2", "none", 0, "all", false]);
  assertEquals([annotate.pairs, annotate.bursts, annotate.least, annotate.share, annotate.temperature], ["peaks", 3, 0, 0, 1]);
  assertEquals([cwm.synthetic, cwm.syntheticLimit, filter.keep, Object.keys(annotate.datasets).length], ["filter", 7000, 7000, 3]);
  assertEquals([probe, filter, verify].map(({ likelihood }) => likelihood), ["sum", "sum", "sum"]);
  assertEquals([sample.temperature, sample.topP, verify.candidates, verify.repeats], [1, 1, 8, 3]);
  assertEquals([judge.model, humanEval.perSubset, humanEval.participants], ["gpt-4o-2024-11-20", 5, 14]);
});

Deno.test("the commands at the head of paper.yaml are tasks with keys that exist", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as { tasks: Record<string, unknown> };
  const commands = LINES.flatMap((line) => /^# {3}deno task (.*--config=data\/configs\/paper\.yaml.*)$/.exec(line)?.[1] ?? []);
  assert(commands.length >= 20, `${commands.length} commands`);
  for (const command of commands) {
    const [task, ...args] = command.split(/ (?=[a-z-])/);
    assert(task! in tasks, command);
    const overrides = args.flatMap((arg) => {
      const [, key, value] = /^--([\w.]+)=(.*)$/.exec(arg) ?? [];
      return key?.includes(".") ? [{ key, value: value!.replaceAll('"', "") }] : [];
    });
    resolveConfig(PATH, overrides);
    assert(overrides.every(({ key }) => configKeys().includes(key)), command);
  }
  for (const task of ["probe", "train-cdm", "annotate", "filter", "train-cwm", "sample", "verify", "judge", "human-eval", "report"]) {
    assert(commands.some((command) => command.startsWith(task)), `nothing runs ${task}`);
  }
});

Deno.test("tiny.yaml takes none of the paper's words that differ from our defaults", () => {
  const { cwm, annotate, filter, probe, verify, sample } = resolveConfig(`${ROOT}data/configs/tiny.yaml`, []);
  assertEquals([cwm.normalise, cwm.floor, cwm.head, cwm.epic], ["mean", 0.8, "image", true]);
  assertEquals([annotate.pairs, annotate.bursts, annotate.temperature, annotate.clips, annotate.hours], ["calm", 2, 0, 0, 0]);
  assertEquals([probe.likelihood, probe.head, filter.likelihood, verify.likelihood], ["mean", "image", "mean", "mean"]);
  assertEquals([sample.topK, sample.topP], [0, 1]);
});
