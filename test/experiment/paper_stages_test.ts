import { resolveConfig } from "../../lib/experiment/config.ts";
import { lackingOf, type PaperStage, paperStages, statusOf } from "../../lib/experiment/paper_stages.ts";
import type { Config } from "../../lib/experiment/schema.ts";
import type { Invocation } from "../../lib/experiment/task.ts";
import { digestOf } from "../../lib/experiment/run.ts";
import { saidOfEach } from "../faults/failing_files.ts";
import { assert, assertEquals, assertThrows, withFolder } from "../support.ts";

const config = (...overrides: string[]) => resolveConfig(undefined, overrides.map((text) => keyed(text)));
const keyed = (text: string) => ({ key: text.slice(0, text.indexOf("=")), value: text.slice(text.indexOf("=") + 1) });
const stagesOf = (overrides: string[], hasKey = false, systems: string[] = []) =>
  paperStages(config(...overrides), systems, (folder) => `at/${folder}`, lackingOf(config(...overrides), hasKey));
const lacksOf = (stages: readonly PaperStage[]) => new Map(stages.map(({ folder, lacks }) => [folder, lacks]));

Deno.test("lackingOf() asks for nothing on the tiny world, and on real lists for what has no stand-in", () => {
  assertEquals(lackingOf(config(), false), {});
  const real = ["data.aurora=deno.json", "bench.aurora=deno.json"]; // files that are there; lackingOf() does not read them
  assertEquals(Object.keys(lackingOf(config(...real), true)), ["videos", "judge"]);
  assertEquals(Object.keys(lackingOf(config(...real, "judge.model=gpt-4o"), true)), ["videos"]);
  assertEquals(lackingOf(config("judge.model=gpt-4o"), false), { judge: "OPENAI_API_KEY" });
  assertEquals(lackingOf(config("probe.rewriter=qwen"), false), {}); // the tiny world says itself what contradicts an action
  assertEquals(Object.keys(lackingOf(config(...real, "probe.rewriter=qwen"), false)), ["rewriter", "videos", "judge"]);
  assertEquals(Object.keys(lackingOf(config(...real, "probe.rewriter=qwen"), true)), ["videos", "judge"]);
  assertEquals(
    lackingOf(config("data.aurora=none.json"), false).training,
    "none.json, which is not there (--data.aurora=LIST, --data.epic=CSV)",
  );
  assertEquals(lackingOf(config("data.aurora=deno.json"), false).bench, "--bench=LIST"); // never the tiny world's bench for real lists
  assertEquals(Object.keys(lackingOf(config("model.path=none"), false)), ["base", "training", "bench", "videos"]);
});

Deno.test("paperStages() leaves out what builds on what is lacking, and nothing else", () => {
  const lacks = lacksOf(stagesOf(["data.aurora=deno.json", "bench.aurora=deno.json"]));
  const left = [...lacks].filter(([, text]) => text !== undefined).map(([folder]) => folder);
  assertEquals(left, [
    "annotate",
    "filter",
    "cwm",
    "cwm-without-weights",
    "sample-cwm",
    "sample-cwm-without-weights",
    "verify-cwm",
    "judge",
    "judge-pools",
  ]);
  const pools = stagesOf(["data.aurora=deno.json", "bench.aurora=deno.json"]).find(({ folder }) => folder === "pictures-pools")!;
  assertEquals([pools.args, pools.lacks], [["--pools=C-FT=at/verify-c-ft"], undefined]); // of the world model there are none
  const base = lacksOf(stagesOf(["model.path=none", "bench.aurora=deno.json", "evaluate.actions=VILA-U=deno.json"], true, ["GoT=test"]));
  const run = [...base].filter(([, text]) => text === undefined).map(([folder]) => folder);
  assertEquals(run, ["actions", "pictures"]); // what others made needs no base
});

Deno.test("paperStages() compares copying, the others, the untouched base and ours, and trains a second CDM where Kubric is downsampled", () => {
  const stages = stagesOf([], false, ["GoT=dir"]);
  const argsOf = (folder: string) => stages.find((stage) => stage.folder === folder)!.args;
  assert(argsOf("judge")[0]!.startsWith("--systems=copy,GoT=dir,C-ZS=at/sample-c-zs,C-FT=at/sample-c-ft,CWM="), argsOf("judge")[0]);
  assertEquals(argsOf("actions"), ['--evaluate.dynamics=["C-ZS=base","CDM=at/train-cdm/adapter"]']);
  const both = stagesOf(["data.downsample.kubric=5"]);
  assertEquals(both.find(({ folder }) => folder === "train-cdm-all")!.args, ["--data.downsample={}"]);
  assertEquals(both.find(({ folder }) => folder === "actions")!.args, [
    '--evaluate.dynamics=["C-ZS=base","CDM=at/train-cdm-all/adapter","CDM + DS=at/train-cdm/adapter"]',
  ]);
  const given = stagesOf(["cwm.synthetic=made.jsonl", "bench.aurora=deno.json"]);
  assertEquals(lacksOf(given).get("cwm"), undefined); // filtered before: no videos are needed
});

Deno.test("statusOf() knows a world model that was trained without EPIC-Kitchens, as paper.yaml has it, for finished", () =>
  withFolder((folder) => {
    const [file, lists] = ["data/configs/paper.yaml", { epic: "EPIC_100_train.csv", aurora: "train.json" }];
    const overrides = Object.entries(lists).map(([key, value]) => ({ key: `data.${key}`, value }));
    const paper = resolveConfig(file, overrides);
    const stages = paperStages(paper, [], (name) => `${folder}/${name}`, {});
    const status = (name: string, data: Config["data"]) => {
      const stage = stages.find((stage) => stage.folder === name)!;
      const own = stage.args.filter((arg) => arg.startsWith("--cwm.")).map((arg) => keyed(arg.slice(2)));
      const manifest = { task: stage.task, digest: "0".repeat(16), config: { data, cwm: resolveConfig(file, [...overrides, ...own]).cwm } };
      const rest = { seed: 1, inputs: {}, overlap: 0, versions: {}, backend: null, started: "", seconds: 1, peakMemoryMiB: 1 };
      Deno.mkdirSync(`${folder}/${name}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/${name}/manifest.json`, JSON.stringify({ ...manifest, ...rest, finished: "2026-01-01T00:00:00Z" }));
      Deno.writeTextFileSync(`${folder}/${name}/result.json`, "{}");
      return statusOf(stage, `${folder}/${name}`, { config: paper, flags: { config: file }, overrides });
    };
    const without = { ...paper.data, epic: "" }; // what train-cwm trains on, and records
    for (const name of ["c-ft", "cwm", "cwm-without-synthesis", "cwm-without-weights"]) assertEquals(status(name, without), "finished");
    assertEquals(status("train-cdm", paper.data), "finished"); // the dynamics model learns from it
    assertThrows(() => status("train-cdm", without), Error, 'another "data.epic"');
  }));

Deno.test("statusOf(): finished only for this very configuration and all that is to be measured; trained otherwise is an error", () =>
  withFolder((folder) => {
    const here = (...overrides: string[]): Invocation => ({ config: config(...overrides), flags: {}, overrides: overrides.map(keyed) });
    const write = (stage: PaperStage, sections: readonly string[], inputs: Record<string, string> = {}) => {
      const resolved = resolveConfig(
        "data/configs/tiny.yaml",
        stage.args.filter((arg) => /^--\w+\./.test(arg)).map((arg) => keyed(arg.slice(2))),
      );
      const own = Object.fromEntries(sections.map((section) => [section, resolved[section as "seed"]]));
      const manifest = { task: stage.task, digest: "0".repeat(16), config: own, seed: 1, inputs, overlap: 0, versions: {}, backend: null };
      const times = { started: "2026-01-01T00:00:00Z", finished: new Date(Date.now() + 1000).toISOString(), seconds: 1, peakMemoryMiB: 1 };
      Deno.mkdirSync(`${folder}/${stage.folder}`);
      Deno.writeTextFileSync(`${folder}/${stage.folder}/manifest.json`, JSON.stringify({ ...manifest, ...times }));
      Deno.writeTextFileSync(`${folder}/${stage.folder}/result.json`, "{}");
    };
    Deno.mkdirSync(`${folder}/got`);
    const stages = paperStages(config(), [`GoT=${folder}/got`], (name) => `${folder}/${name}`, {});
    const [cft, pictures] = ["c-ft", "pictures"].map((name) => stages.find((stage) => stage.folder === name)!) as [PaperStage, PaperStage];
    const status = (stage: PaperStage, invocation: Invocation) => statusOf(stage, `${folder}/${stage.folder}`, invocation);
    assertEquals(status(cft, here()), "open");
    write(cft, ["seed", "data", "cwm"]);
    assertEquals(status(cft, here()), "finished");
    assertThrows(() => status(cft, here("data.epic=epic.csv")), Error, 'another "data.epic"');
    assertEquals(status(cft, here("judge.concurrency=2")), "finished"); // no section of its own
    assertThrows(() => status(cft, here("cwm.lr=0.1")), Error, 'it was made with another "cwm.lr" than now');
    assertThrows(() => status(cft, { ...here(), config: { ...config(), seed: 2 } }), Error, 'another "seed"');
    assertEquals(status(cft, { ...here("cwm.lr=0.1"), flags: { restart: "" } }), "again");
    assertEquals(status({ ...cft, lacks: "--data.aurora=LIST" }, here()), "left out");
    const paper = { ...cft, folder: "as-in-the-paper", args: [...cft.args, "--cwm.epic=false"] };
    write(paper, ["seed", "data", "cwm"]);
    assertEquals(status(paper, here("data.epic=epic.csv")), "finished"); // the dynamics model's alone
    write(pictures, ["seed", "evaluate"], { systems: digestOf(pictures.measures) });
    assertEquals(status(pictures, here()), "finished");
    assertEquals(status({ ...pictures, measures: [...pictures.measures!, "SmartEdit=x"] }, here()), "again");
    Deno.writeTextFileSync(`${folder}/got/a.png`, "x");
    Deno.utimeSync(`${folder}/got/a.png`, new Date(), new Date(Date.now() + 60_000));
    assertEquals(status(pictures, here()), "again"); // a picture was changed since
    const said = saidOfEach(`${folder}/got`, () => status(pictures, here()));
    assert(said.length > 2 && said.every((one) => one.includes("os error 5")), `${said}`);
  }));
