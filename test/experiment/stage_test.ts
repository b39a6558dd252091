import { resolveConfig } from "../../lib/experiment/config.ts";
import type { Result } from "../../lib/experiment/results.ts";
import { openRun } from "../../lib/experiment/run.ts";
import { digestFor, openStage, writeSkipped } from "../../lib/experiment/stage.ts";
import type { Invocation, TaskInfo } from "../../lib/experiment/task.ts";
import { exists, readText, writeFile } from "../../lib/files.ts";
import { assert, assertEquals, assertRejects, assertThrows, engine, UserError, withFolder } from "../support.ts";

await engine();
const TASK: TaskInfo = { name: "filter", about: "", sections: ["filter"] };
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const FILTERED: Result = {
  kind: "filter",
  annotated: 2,
  filtered: 1,
  right: { annotated: null, filtered: null },
  classes: [],
  datasets: [],
};

function invoke(folder: string, flags: Readonly<Record<string, string>> = {}, experiment = "tiny"): Invocation {
  const overrides = [{ key: "model.path", value: TINY }, { key: "experiment", value: experiment }];
  return { config: resolveConfig(undefined, overrides), flags: { run: folder, ...flags }, overrides: [] };
}

/** What is printed meanwhile. */
async function printed(body: () => Promise<unknown>): Promise<string> {
  const [log, lines] = [console.log, [] as string[]];
  console.log = (text: string) => lines.push(text);
  try {
    await body();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}

Deno.test("openStage() opens a run; once it is finished it prints its table and gives nothing, until --restart", () =>
  withFolder(async (parent) => {
    const folder = `${parent}/filter`;
    const stage = (await openStage(invoke(folder), TASK, { inputs: { list: "abc" } }))!;
    assertEquals([stage.backend, stage.note, stage.finished, stage.inputs["list"]], [undefined, "", false, "abc"]);
    writeFile(`${folder}/table.md`, "| a table |");
    stage.finish(FILTERED);
    const text = await printed(async () => assertEquals(await openStage(invoke(folder), TASK, { inputs: { list: "abc" } }), undefined));
    assert(text.includes("| a table |") && text.includes("is finished already; --restart starts over"), text);
    assert(await openStage(invoke(folder, { restart: "" }), TASK, { inputs: { list: "abc" } }));
    assert(!exists(`${folder}/result.json`));
  }));

Deno.test("openStage() refuses another task's folder before it runs what is missing", () =>
  withFolder(async (folder) => {
    openRun({ task: "train-cwm", folder, config: invoke(folder).config, sections: ["cwm"], inputs: {} });
    const open = () => openStage(invoke(folder, { "no-deps": "" }, "none"), TASK, { adapters: { cdm: "train-cdm" } });
    await assertRejects(open, UserError, "for filter, as it holds a run of task train-cwm; choose another folder");
  }));

Deno.test("digestFor() says of a training that is not finished that it goes on", () =>
  withFolder((folder) => {
    openRun({ task: "train-cwm", folder, config: invoke(folder).config, sections: ["cwm"], inputs: {} });
    for (const named of [folder, `${folder}/adapter`]) {
      assertThrows(() => digestFor(named, undefined), UserError, "the training in its folder (train-cwm) is not finished");
    }
  }));

Deno.test("a dry run says the configuration, the inputs and the folder, and writes nothing", () =>
  withFolder(async (parent) => {
    const folder = `${parent}/filter`;
    const plan = { inputs: { list: "abc" }, adapters: { cdm: "train-cdm" } };
    const open = () => openStage(invoke(folder, { "dry-run": "", shard: "1/4" }, "none"), TASK, plan);
    const text = await printed(async () => assertEquals(await open(), undefined));
    for (
      const part of [
        "runs/none/train-cdm is not there: train-cdm would run first",
        '"share": 0.5',
        "list abc",
        "shard 1/4",
        "Stage: filter-1-of-4",
        `the run would go to ${folder}`,
      ]
    ) {
      assert(text.includes(part), text);
    }
    assertEquals([...Deno.readDirSync(parent)], []);
  }));

Deno.test("openStage() refuses an adapter that was trained on another base, and names both", () =>
  withFolder(async (parent) => {
    const config = resolveConfig(undefined, []);
    openRun({ task: "train-cdm", folder: `${parent}/cdm`, config, sections: ["cdm"], inputs: { base: "0123456789abcdef" } });
    writeFile(`${parent}/cdm/adapter/adapter_model.safetensors`, "x");
    const open = () =>
      openStage(invoke(`${parent}/run`), { ...TASK, sections: ["filter", "model"] }, {
        adapters: { text: `${parent}/cdm/adapter`, image: "base" },
      });
    const { message } = await assertRejects(open, UserError, "it was trained on another base (0123456789abcdef) than model.path is (");
    assert(!exists(`${parent}/run`), message);
  }));

Deno.test("openStage() refuses an adapter that is not there before the run's folder is made, so that the right one can follow", () =>
  withFolder(async (parent) => {
    const task = { ...TASK, sections: ["filter", "model"] as const };
    const open = (name: string) => openStage(invoke(`${parent}/run`), task, { adapters: { text: `${parent}/${name}` } });
    for (const file of ["adapter_config.json", "adapter_model.safetensors"]) writeFile(`${parent}/adapter/${file}`, "x");
    writeFile(`${parent}/half/adapter_model.safetensors`, "x");
    await assertRejects(() => open("adaptor"), UserError, "it lacks adapter_config.json and adapter_model.safetensors");
    await assertRejects(() => open("half"), UserError, "it lacks adapter_config.json; give a stage");
    assert(!exists(`${parent}/run`));
    assert(await open("adapter"));
  }));

Deno.test("openStage() refuses pictures of the bench that were trained on, or notes them for every table", () =>
  withFolder(async (parent) => {
    await assertRejects(() => openStage(invoke(`${parent}/a`), TASK, { overlap: 3 }), UserError, "among those trained on (3)");
    const allowed = await openStage(invoke(`${parent}/b`, { "allow-overlap": "" }), TASK, { overlap: 3 });
    assert(allowed!.note.includes("(3"), allowed!.note);
  }));

Deno.test("writeSkipped() writes a line for each, says the commonest kinds, and writes no empty file", () =>
  withFolder((folder) => {
    const [warn, said] = [console.warn, [] as string[]];
    console.warn = (text: string) => said.push(text);
    try {
      writeSkipped(folder, []);
      assertEquals(exists(`${folder}/skipped.jsonl`), false);
      writeSkipped(folder, [{ id: "a", reason: "lost" }, { id: "b", reason: "lost" }, { id: "c", reason: "odd \x1b[2J" }]);
    } finally {
      console.warn = warn;
    }
    assertEquals(readText(`${folder}/skipped.jsonl`).trim().split("\n").map((line) => JSON.parse(line).id), ["a", "b", "c"]);
    assertEquals(said, [`Left out 3 (${folder}/skipped.jsonl): 2 × lost; 1 × odd \\u001b[2J`]);
  }));
