/**
 * Kills `train-cwm` at random moments until it is done, and compares the end with a training that nobody disturbed.
 *
 *   deno run -A test/faults/kill_sweep.ts 50
 *
 * @module
 */
import { randomStream } from "../../lib/engine/random.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const OPTIONS = [
  "--data.world=48",
  "--cwm.steps=48",
  "--cwm.batch=4",
  "--cwm.saveEvery=5",
  "--cwm.sampleEvery=0",
  "--cwm.samples=2",
  "--cwm.lora.dropout=0.05",
];

/** What a sweep found. */
export interface Sweep {
  /** Kills that hit a running training. */
  readonly kills: number;
  /** Restarts that did not go on. */
  readonly failures: readonly string[];
  /** Whether adapter and losses equal the undisturbed run's. */
  readonly equal: boolean;
}

/**
 * Runs a sweep.
 *
 * @param folder for the runs
 * @param wanted how many kills; when a training ends before, another begins
 * @param seed of the moments
 */
export async function sweep(folder: string, wanted: number, seed = 1): Promise<Sweep> {
  const random = randomStream("kills", seed);
  const [whole, noise] = start(`${folder}/whole`);
  const began = performance.now();
  if (!(await whole.status).success) return { kills: 0, failures: [await noise], equal: false };
  await noise;
  const usual = performance.now() - began;
  const failures: string[] = [];
  let [kills, equal, round] = [0, true, 0];
  while (kills < wanted) {
    const run = `${folder}/cut${round++}`;
    for (let attempt = 0;; attempt++) {
      const [child, errors] = start(run);
      const left = kills < wanted ? random() * usual : undefined;
      const timer = left === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), left);
      const { success, signal } = await child.status;
      clearTimeout(timer);
      if (signal === "SIGKILL") kills++;
      else if (!success) failures.push(await errors);
      await errors;
      if (success || attempt > 3 * wanted) break;
    }
    equal &&= same(`${folder}/whole`, run);
  }
  return { kills, failures, equal };
}

function start(run: string): [Deno.ChildProcess, Promise<string>] {
  const args = ["run", "-A", `${ROOT}tasks/train_cwm.ts`, ...OPTIONS, `--run=${run}`];
  const child = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null", stderr: "piped" }).spawn();
  return [child, new Response(child.stderr).text()];
}

function same(a: string, b: string): boolean {
  const bytes = (run: string) => Deno.readFileSync(`${run}/adapter/adapter_model.safetensors`);
  const losses = (run: string) =>
    Deno.readTextFileSync(`${run}/log.jsonl`).trim().split("\n").map((line) => JSON.parse(line)).map(({ step, loss }) => `${step} ${loss}`);
  return `${bytes(a)}` === `${bytes(b)}` && `${losses(a)}` === `${losses(b)}`;
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-kills-" });
  const { kills, failures, equal } = await sweep(folder, Number(Deno.args[0] ?? 50));
  Deno.removeSync(folder, { recursive: true });
  console.log(`${kills} kills, ${failures.length} restarts failed, the end is ${equal ? "the same" : "NOT the same"}`);
  for (const failure of failures) console.log(failure);
  Deno.exit(equal && failures.length === 0 ? 0 : 1);
}
