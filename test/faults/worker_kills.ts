/**
 * Kills workers of `train-cdm --workers=2 … 4` at random moments until it is done, each start with another number of workers, and
 * compares the end with a training in one process that nobody disturbed.
 *
 *   deno run -A test/faults/worker_kills.ts 30
 *
 * @module
 */
import { randomInt, randomStream } from "../../lib/engine/random.ts";
import { readLog } from "../../lib/train/loop.ts";
import { readHeader, readInto } from "../../lib/model/safetensors.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const OPTIONS = [
  ...["--data.world=32", "--cdm.steps=16", "--cdm.batch=8", "--cdm.saveEvery=4", "--cdm.sampleEvery=0", "--cdm.samples=1"],
  ...["--model.precision=float32", "--cdm.lora.rank=4", "--cdm.lora.alpha=4", "--cdm.validation=0.2", "--cdm.validateEvery=8"],
  "--cdm.checkpointing=true", // sums go beside the backward pass
];

/** What a sweep found. */
export interface Sweep {
  /** Kills that hit a running worker. */
  readonly kills: number;
  /** What was not as it should be. */
  readonly failures: readonly string[];
  /** The largest difference of a loss or a trained number from the undisturbed run's. */
  readonly difference: number;
}

/**
 * Runs a sweep.
 *
 * @param folder for the runs
 * @param wanted how many kills; when a training ends before, another begins
 * @param seed of moments, numbers of workers, and victims
 */
export async function sweep(folder: string, wanted: number, seed = 1): Promise<Sweep> {
  const random = randomStream("worker kills", seed);
  const whole = start(`${folder}/whole`, 1);
  if (!(await whole.child.status).success) return { kills: 0, failures: [await whole.errors], difference: NaN };
  await whole.errors;
  const failures: string[] = [];
  let [kills, difference, round] = [0, 0, 0];
  while (kills < wanted) {
    const run = `${folder}/cut${round++}`;
    for (let done = false; !done;) {
      const workers = kills < wanted ? 2 + randomInt(random, 3) : 1 + randomInt(random, 4);
      const { child, errors } = start(run, workers);
      const victim = kills < wanted ? killOne(child, random, `${run}/log.jsonl`) : Promise.resolve(false);
      const { success, code } = await child.status;
      const [killed, said] = await Promise.all([victim, errors]);
      if (killed) kills++;
      if (killed && !success && (code !== 1 || !/Cannot go on as worker \d of \d ended with/.test(said))) failures.push(said);
      if (!killed && !success) failures.push(said);
      done = success || failures.length > wanted;
    }
    difference = Math.max(difference, differenceOf(`${folder}/whole`, run));
  }
  return { kills, failures, difference };
}

/** Kills one of the workers: while they start, or some steps later. */
async function killOne(launcher: Deno.ChildProcess, random: () => number, log: string): Promise<boolean> {
  const [victim, steps, early] = [random(), 1 + randomInt(random, 8), random() < 0.3];
  const linesOf = () => {
    try {
      return Deno.readTextFileSync(log).split("\n").length;
    } catch {
      return 1;
    }
  };
  const before = linesOf();
  const wait = early ? 4000 * random() : 0;
  for (let ended = false; !ended;) {
    const pids = childrenOf(launcher.pid);
    if (pids.length > 1 && (early || linesOf() >= before + steps)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        Deno.kill(pids[Math.floor(victim * pids.length)]!, "SIGKILL");
        return true;
      } catch {
        return false; // it has ended
      }
    }
    ended = await Promise.race([launcher.status.then(() => true), new Promise<false>((resolve) => setTimeout(resolve, 20, false))]);
  }
  return false;
}

function childrenOf(pid: number): number[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter((text) => text !== "").map(Number);
  } catch {
    return [];
  }
}

function start(run: string, workers: number): { child: Deno.ChildProcess; errors: Promise<string> } {
  const args = ["run", "-A", `${ROOT}tasks/train_cdm.ts`, ...OPTIONS, `--workers=${workers}`, `--run=${run}`];
  const child = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null", stderr: "piped" }).spawn();
  return { child, errors: new Response(child.stderr).text() };
}

/** The largest difference of two runs: losses on both kinds of trajectories, and the adapter. */
function differenceOf(a: string, b: string): number {
  const losses = (run: string) =>
    [...readLog(run), ...Deno.readTextFileSync(`${run}/validation.jsonl`).trim().split("\n").map((line) => JSON.parse(line))].map((
      { loss },
    ) => loss as number);
  const [own, other] = [a, b].map((run) => [...losses(run), ...adapterOf(run)]) as [number[], number[]];
  if (own.length !== other.length) return Infinity;
  return own.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
}

function adapterOf(run: string): number[] {
  return [...readHeader(`${run}/adapter/adapter_model.safetensors`).values()].flatMap((tensor) => {
    const bytes = new Uint8Array(tensor.size);
    readInto(tensor, bytes);
    return [...new Float32Array(bytes.buffer)];
  });
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-kills-" });
  const { kills, failures, difference } = await sweep(folder, Number(Deno.args[0] ?? 30), Number(Deno.args[1] ?? 1));
  Deno.removeSync(folder, { recursive: true });
  console.log(`${kills} kills, ${failures.length} restarts failed, the end differs by ${difference}`);
  for (const failure of failures) console.log(failure);
  Deno.exit(difference <= 1e-5 && failures.length === 0 ? 0 : 1);
}
