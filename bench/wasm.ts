/**
 * `deno task bench wasm`: the tiny model trained and drawn from on wasm beside libtensorflow, in alternating pairs, and the time in
 * which a machine without libtensorflow has its first picture.
 *
 * @module
 */
import { loadText, machine, machineText, othersShare } from "./machine.ts";
import { median, round } from "./pairs.ts";
import { type BenchCase, type Child, report, startChild } from "./peer.ts";
import type { Answer, Ask } from "./wasm_ours.ts";

interface WasmCase extends BenchCase {
  readonly spread: readonly [number, number]; // the pairs' lowest and highest ratio
  readonly of_processor: number; // ours in its own processor time, which others' work does not lengthen: it has one thread
  readonly others: number; // the largest share of the machine that others took before a pair
}

const CASES: readonly { readonly name: string; readonly ask: Ask }[] = [
  { name: "a LoRA step, 8 × 147", ask: { work: "train" } },
  { name: "one image of 64 tokens", ask: { work: "draw", candidates: 1 } },
  { name: "8 images of one source", ask: { work: "draw", candidates: 8 } },
];
const PAIRS = 5;

/** Runs the bench; `only` picks cases whose name contains it, "first picture" the time to that. */
export async function main(only = ""): Promise<void> {
  const here = machine();
  console.log(machineText(here));
  const side = (backend: string) => startChild(Deno.execPath(), ["run", "-A", new URL("wasm_ours.ts", import.meta.url).pathname, backend]);
  const [wasm, tensorflow] = [side("wasm"), side("tensorflow")];
  const results: WasmCase[] = [];
  try {
    for (const { name, ask } of CASES.filter(({ name }) => name.includes(only))) results.push(await pairs(name, ask, wasm, tensorflow));
  } finally {
    await Promise.all([wasm.stop(), tensorflow.stop()]);
  }
  const picture = "first picture".includes(only) ? await firstPicture() : undefined;
  if (picture !== undefined) console.log(`The first picture on wasm after ${picture} s`);
  report("wasm", results, { machine: here, load_after: Number(loadText()), first_picture_s: picture });
}

/** Alternating pairs of one question, after two that are not counted. */
async function pairs(name: string, ask: Ask, wasm: Child, tensorflow: Child): Promise<WasmCase> {
  for (const side of [wasm, tensorflow, wasm, tensorflow]) await side.ask(ask); // libtensorflow compiles
  const [ours, peers, others]: [Answer[], Answer[], number[]] = [[], [], []];
  for (let pair = 0; pair < PAIRS; pair++) {
    others.push(await othersShare());
    ours.push(await wasm.ask<Answer>(ask));
    peers.push(await tensorflow.ask<Answer>(ask));
  }
  const ratios = ours.map(({ speed }, i) => speed / peers[i]!.speed);
  const speeds = (answers: readonly Answer[]) => answers.map(({ speed }) => speed);
  const result = {
    ...{
      case: name,
      unit: "tokens/s",
      ours: round(median(speeds(ours))),
      peer: round(median(speeds(peers))),
      ratio: round(median(ratios)),
    },
    of_processor: round(median(ours.map(({ ofProcessor }) => ofProcessor))),
    memory_ratio: round(ours.at(-1)!.memory / peers.at(-1)!.memory),
    ...{ spread: [round(Math.min(...ratios)), round(Math.max(...ratios))] as const, others: round(Math.max(...others)) },
  };
  console.log(`${name}: wasm ${result.ours} tokens/s, ${result.of_processor} of its processor time; libtensorflow ${result.peer}`);
  return result;
}

/** Seconds of `train-cwm` on wasm, from nothing but the project and its packages to the picture. */
async function firstPicture(): Promise<number> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  const deno = (args: string[], env: Record<string, string> = {}) =>
    new Deno.Command(Deno.execPath(), { args, env, stderr: "null" }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode((await deno(["info", "--json"])).stdout));
  try {
    const start = performance.now();
    const task = ["task", "train-cwm", "--model.backend=wasm", `--run=${folder}/run`];
    const { success } = await deno(task, { DENO_DIR: denoDir, XDG_CACHE_HOME: folder }); // with its packages, without encoded images
    if (!success) throw new Error("train-cwm failed");
    Deno.statSync(`${folder}/run/predictions.png`);
    return Math.round((performance.now() - start) / 1000);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

if (import.meta.main) await main(Deno.args[0]);
