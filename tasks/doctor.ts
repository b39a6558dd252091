/**
 * Says what the workbench finds on this machine, what is missing, and the command that mends it.
 *
 * @module
 */
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import {
  cardNames,
  checkCollectives,
  checkDevice,
  checkDraw,
  checkDriver,
  checkLibrary,
  checkMemory,
  checkProduct,
  checkSpeed,
  checkStep,
  checkXla,
  measureProducts,
  runChecks,
} from "../lib/experiment/gpu_checks.ts";
import { nvidiaMemory } from "../lib/experiment/plan.ts";
import { stepNumbersOf } from "../lib/experiment/training_step.ts";
import { UserError } from "../lib/errors.ts";
import { exists } from "../lib/files.ts";
import { mebibytes } from "../lib/model/memory.ts";
import { freeMemory } from "../lib/experiment/memory.ts";
import { VERSION } from "../lib/experiment/run.ts";
import { gpuMemory, libtensorflowFolder, openBackend, precisionOf, tf, toPrecision } from "../lib/engine/mod.ts";
import { planInstallation } from "../lib/engine/install.ts";
import { processorText } from "../lib/engine/processor.ts";

const TASK: TaskInfo = {
  name: "doctor",
  about: "Prints backend, version, threads, bfloat16, GPU and memory, what is missing, and the command that mends it.",
  sections: ["model"],
  switches: {
    json: "one JSON object, without user or home folder, for an issue",
    gpu: "ten checks of a GPU node, each with what mends it; the first that fails ends them",
  },
};

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  if ("gpu" in flags) return await checkGpu(config.model.path);
  const backend = await openBackend(config.model.backend);
  const narrow = toPrecision(tf.zeros([1]), "bfloat16");
  const { total } = Deno.systemMemoryInfo();
  const facts = {
    worldstrap: VERSION,
    deno: Deno.version.deno,
    system: `${Deno.build.os} ${Deno.build.arch}`,
    backend: `${backend.name} ${backend.version}`,
    threads: backend.threads,
    bfloat16: precisionOf(narrow) === "bfloat16" ? `yes${cpuFlags()}` : "no",
    gpu: backend.gpu ? "yes" : "no",
    memory: `${mebibytes(freeMemory())} free of ${mebibytes(total)}`,
    base: exists(`${config.model.path}/config.json`) ? config.model.path : "missing",
  };
  narrow.dispose();
  const missing = await missingParts(backend.name, facts.base, config.model.path);
  if ("json" in flags) return console.log(JSON.stringify({ ...facts, missing }, null, 2));
  for (const [name, value] of Object.entries(facts)) console.log(`${name.padEnd(12)}${value}`);
  console.log(missing.length === 0 ? "Nothing is missing." : missing.join("\n"));
}

/** From the libraries to a picture, in the order in which one builds on the other. */
async function checkGpu(base: string): Promise<void> {
  const folder = libtensorflowFolder();
  const wrong = await runChecks([
    { name: "library", run: () => checkLibrary(folder) },
    { name: "driver", run: () => checkDriver() },
    { name: "device", run: async () => checkDevice(await openBackend("tensorflow")) },
    { name: "product", run: () => checkProduct(4096) },
    { name: "XLA", run: () => checkXla(folder) },
    { name: "training step", run: async () => checkStep(await stepNumbersOf(base, true), await stepNumbersOf(base, false)) },
    { name: "collectives", run: () => checkCollectives(cardNames().length) },
    { name: "memory", run: () => checkMemory(nvidiaMemory() ?? gpuMemory() ?? 0) },
    { name: "speed", run: () => checkSpeed(cardNames()[0] ?? "", measureProducts(4096)) },
    { name: "draw", run: () => checkDraw(base) },
  ], console.log);
  if (wrong !== undefined) throw new UserError(wrong);
  console.log("The GPU is ready.");
}

async function missingParts(backend: string, base: string, path: string): Promise<string[]> {
  const missing: string[] = [];
  if (backend === "wasm" && !(await planInstallation(false)).installed) {
    missing.push("libtensorflow is not installed, wasm is slower and cannot pretrain: deno task setup");
  }
  if (base === "missing") {
    const mend = path === "data/tiny"
      ? "deno task pretrain-tiny --pretrain.out=data/tiny"
      : "deno task fetch anole-7b --accept puts one into data/anole-7b, or set --model.path";
    missing.push(`There is no checkpoint in ${path}: ${mend}`);
  }
  return missing;
}

/** Whether the processor multiplies bfloat16 itself. */
function cpuFlags(): string {
  const text = processorText();
  if (text === "") return "";
  const found = ["amx_bf16", "avx512_bf16"].filter((flag) => text.includes(flag));
  return found.length > 0 ? `, by ${found.join(" and ")}` : ", without processor support";
}

if (import.meta.main) await runTask(TASK, main);
