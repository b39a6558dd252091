import { parseArguments } from "../../lib/experiment/cli.ts";
import { adapterFolder } from "../../lib/experiment/pipeline.ts";
import { runFolder } from "../../lib/experiment/run.ts";
import type { Invocation, TaskInfo } from "../../lib/experiment/task.ts";
import { configFor, inputsOfRehearsal, ofWorldModel, stepsOf } from "../../lib/experiment/training_config.ts";
import { assertEquals } from "../support.ts";

const TASK: TaskInfo = { name: "train-cwm", about: "", sections: ["cwm"], switches: { cft: "the baseline" } };
const [WASM, TENSORFLOW] = [{ name: "wasm" }, { name: "tensorflow" }] as const;

function invoke(...args: string[]): Invocation {
  return ofWorldModel(parseArguments(args, TASK)!);
}

Deno.test("the baseline has no weights and no synthesis, and cwm.epic=false no EPIC, on every backend and whatever else is set", () => {
  const invocation = invoke("--cft", "--cwm.weights=l2", "--cwm.synthetic=filter", "--cwm.epic=false", "--data.epic=epic.csv");
  for (const { cwm, data } of [invocation.config, configFor(TENSORFLOW, invocation), configFor(WASM, invocation)]) {
    assertEquals([cwm.weights, cwm.synthetic, data.epic], ["none", "", ""]);
  }
  const { config: { cwm, data } } = invoke("--cwm.synthetic=filter", "--data.epic=epic.csv");
  assertEquals([cwm.weights, cwm.synthetic, data.epic], ["l2", "filter", "epic.csv"]);
});

Deno.test("configFor() takes a smaller configuration on wasm alone, and none when a file is given", () => {
  const steps = (backend: typeof WASM | typeof TENSORFLOW, ...args: string[]) => configFor(backend, invoke(...args)).cwm.steps;
  assertEquals([steps(TENSORFLOW), steps(WASM), steps(WASM, "--cwm.steps=7")], [1500, 150, 7]);
  assertEquals(steps(WASM, "--config=data/configs/tiny.yaml"), 1500);
});

Deno.test("on wasm a training leaves its adapter where the stages that need it look", () => {
  const invocation = invoke("--cft");
  const folder = adapterFolder("train-cft", invocation.config);
  assertEquals(folder, "runs/tiny/train-cft/adapter");
  assertEquals(`${runFolder(configFor(WASM, invocation), "train-cft", {})}/adapter`, folder);
  assertEquals(configFor(WASM, invoke("--experiment=mine")).experiment, "mine");
});

Deno.test("a run that rehearses depends on the difficulty of what is rehearsed; another has the digest that it always had", () => {
  const inputs = (section: "cdm" | "cwm", ...args: string[]) => inputsOfRehearsal(section, parseArguments(args, TASK)!.config);
  assertEquals(inputs("cdm", "--cdm.rehearse=4", "--pretrain.difficulty=hard"), { "pretrain.difficulty": "hard" });
  assertEquals(inputs("cdm", "--cdm.rehearse=4"), { "pretrain.difficulty": "default" });
  assertEquals([inputs("cdm", "--pretrain.difficulty=hard"), inputs("cwm", "--cdm.rehearse=4")], [{}, {}]);
});

Deno.test("stepsOf() takes the steps asked for, or those after which each trajectory was seen in every epoch", () => {
  const { cdm, cwm } = parseArguments(["--cdm.rehearse=4", "--cdm.epochs=3", "--cdm.accumulate=2"], TASK)!.config;
  assertEquals(stepsOf(cdm, 100), 2000);
  assertEquals(stepsOf({ ...cdm, steps: 0 }, 100), 13); // 300 rows, 12 of 16 in each of two micro-batches
  assertEquals(stepsOf({ ...cwm, steps: 0, epochs: 3 }, 100), 19);
});
