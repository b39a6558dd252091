/**
 * `deno task bench start`: how long a user waits before the first step of a training, and how fast pictures become tokens. The first step
 * of `train-cwm` in a process of its own, with a cache folder of its own: tokens kept and nothing compiled before, then both kept, in
 * alternating pairs. Pictures are drawn and encoded in one process; the limit is the time of the encoder's multiplications alone.
 */
import { compile, libtensorflowFolder, openBackend, type Tensor, tf } from "../lib/engine/mod.ts";
import { exists } from "../lib/files.ts";
import { loadModel, type Vqgan } from "../lib/model/mod.ts";
import { encodeTrajectories } from "../lib/trajectories/mod.ts";
import { worldTrajectories } from "../lib/world/mod.ts";
import { cpuSeconds, loadText, machine, machineText, othersShare } from "./machine.ts";
import { median, round } from "./pairs.ts";

interface Start {
  readonly seconds: number; // from the start of the process to the end of its first step
  readonly cpu: number; // seconds of all its threads until then
}

const [PAIRS, TRANSITIONS] = [5, 2000];
const BUSY = 0.1; // of the machine: from here on the numbers are marked

/** Runs the bench; `only` is "first step" or "pictures". The last line is one JSON object. */
export async function main(only = ""): Promise<void> {
  const here = machine();
  console.log(machineText(here));
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  const others: number[] = [];
  try {
    const first = "first step".includes(only) ? await firstSteps(folder, others) : undefined;
    const pictures = "pictures".includes(only) ? await encodedPictures(folder, others) : undefined;
    const busy = Math.max(...others) > BUSY;
    if (busy) console.log(`The machine was busy with others' work: seconds say little, seconds of the processor more. Load ${loadText()}`);
    console.log(JSON.stringify({ bench: "start", machine: here, load_after: Number(loadText()), busy, first, pictures }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The first step with nothing kept, then pairs of starts without and with compiled functions. */
async function firstSteps(folder: string, others: number[]): Promise<Record<"nothing_kept" | "tokens_kept" | "all_kept", Start>> {
  const nothing = await firstStep(folder);
  console.log(`Nothing kept: ${startText(nothing)}`);
  const [cold, warm]: [Start[], Start[]] = [[], []];
  for (let pair = 0; pair < PAIRS; pair++) {
    others.push(await othersShare());
    Deno.removeSync(`${folder}/worldstrap/compiled`, { recursive: true });
    cold.push(await firstStep(folder));
    warm.push(await firstStep(folder));
  }
  const [tokens, all] = [medianOf(cold), medianOf(warm)];
  console.log(`Tokens kept: ${startText(tokens)}; compiled functions too: ${startText(all)}`);
  return { nothing_kept: nothing, tokens_kept: tokens, all_kept: all };
}

/** Trains a step in a process whose caches lie in `folder`. */
async function firstStep(folder: string): Promise<Start> {
  const run = `${folder}/run`;
  const task = new URL("../tasks/train_cwm.ts", import.meta.url).pathname;
  const args = ["run", "-A", task, `--run=${run}`, "--restart", "--cwm.steps=1", "--cwm.samples=1", "--cwm.sampleEvery=0"];
  const home = `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/deno`;
  const env = { XDG_CACHE_HOME: folder, DENO_DIR: Deno.env.get("DENO_DIR") ?? home, LIBTENSORFLOW_DIR: libtensorflowFolder() };
  if (exists(run)) Deno.removeSync(run, { recursive: true });
  const began = performance.now();
  const child = new Deno.Command(Deno.execPath(), { args, env, stdout: "null", stderr: "null" }).spawn();
  let start: Start | undefined;
  const timer = setInterval(() => {
    if (!start && exists(`${run}/log.jsonl`)) start = { seconds: (performance.now() - began) / 1000, cpu: cpuSeconds(child.pid) };
  }, 10);
  const { success } = await child.status;
  clearInterval(timer);
  if (!success || !start) throw new Error("train-cwm ended before its first step: run deno task train-cwm to see why");
  return start;
}

/** Pictures of the tiny world, drawn and encoded for the first time. */
async function encodedPictures(folder: string, others: number[]): Promise<Record<string, number>> {
  await openBackend("tensorflow");
  const { vqgan } = loadModel(new URL("../data/tiny", import.meta.url).pathname, "float32");
  const world = worldTrajectories("default", 1, "train", TRANSITIONS);
  await encodeTrajectories(world.slice(0, 64), vqgan, `${folder}/before`); // compiles
  others.push(await othersShare());
  const [began, cpu] = [performance.now(), cpuSeconds(Deno.pid)];
  await encodeTrajectories(world, vqgan, `${folder}/pictures`);
  const [seconds, used] = [(performance.now() - began) / 1000, cpuSeconds(Deno.pid) - cpu];
  const count = 2 * TRANSITIONS;
  const limit = productSpeed() / (2 * multiplications(vqgan)); // pictures a second
  const result = {
    a_second: round(count / seconds),
    a_second_of_a_core: round(count / used),
    share_of_limit: round(count / seconds / limit),
  };
  console.log(`${count} pictures drawn and encoded: ${result.a_second} a second, ${result.a_second_of_a_core} a second of a core`);
  console.log(
    `  ${(100 * result.share_of_limit).toFixed(0)} % of ${limit.toFixed(0)}, the multiplications alone at a float32 product's speed`,
  );
  return result;
}

/** Multiplications of a picture, its strides merged: three inputs of each pixel under a filter, and the grid's convolutions as they are. */
function multiplications({ config, weights }: Vqgan): number {
  const { channelMultiplier, baseChannels, resolution, codes, embedDim } = config;
  const stride = 2 ** (channelMultiplier.length - 1);
  const onGrid = Object.entries(weights).filter(([name]) => /^(encoder\.(mid|conv_out)|quant_conv).*conv.*\.weight$/.test(name));
  const filters = onGrid.reduce((sum, [, { size }]) => sum + size, 0) + 3 * (2 * stride + 1) ** 2 * baseChannels;
  return (resolution / stride) ** 2 * (filters + codes * embedDim);
}

/** Operations a second of a float32 product of 1024 rows and columns, the best of twenty. */
function productSpeed(): number {
  const x = tf.randomNormal([1024, 1024], 0, 1, "float32", 1) as Tensor;
  const product = compile((a: Tensor) => tf.matMul(a, a) as Tensor);
  const times = Array.from({ length: 20 }, () => {
    const start = performance.now();
    product(x).dispose();
    return (performance.now() - start) / 1000;
  });
  x.dispose();
  return 2 * 1024 ** 3 / Math.min(...times);
}

/** The middle of both numbers. */
function medianOf(starts: readonly Start[]): Start {
  return { seconds: round(median(starts.map(({ seconds }) => seconds))), cpu: round(median(starts.map(({ cpu }) => cpu))) };
}

function startText({ seconds, cpu }: Start): string {
  return `first step after ${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s of the processor`;
}

if (import.meta.main) await main(Deno.args[0]);
