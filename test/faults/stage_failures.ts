/**
 * A disk that fails at the n-th call, for every stage: with each of some n the stage must end with one sentence and exit code 1 (or do without
 * what failed), and must then go on to the files of a run that nothing disturbed.
 *
 *   deno run -A test/faults/stage_failures.ts 12 [--reads | --inputs | --finished] [STAGE …]
 *
 * It is calls that write; with `--reads` calls that read or look, of a stage that goes on from its middle; with `--inputs` of a stage that
 * begins, also in what stages before it left; with `--finished` calls that write, of a stage that is begun again when it is whole: of
 * `reproduce`, which starts others, its own alone are left.
 *
 * @module
 */
import { chosenStages, type End, openRoot, problemsOf, run, type Stage } from "./stages.ts";

const FAILING = new URL("failing_files.ts", import.meta.url).pathname;

const MODES = ["--writes", "--reads", "--inputs", "--finished"] as const;

/** A stage, and of which calls one fails. */
interface Trial {
  readonly stage: Stage;
  readonly root: string;
  readonly mode: typeof MODES[number];
}

/** The calls that are tried: all of them where there are so few, else the first and last ones and others evenly between. */
export function tried(calls: number, most: number): number[] {
  if (calls <= most) return Array.from({ length: calls }, (_, i) => i + 1);
  return [...new Set(Array.from({ length: most }, (_, i) => Math.round(1 + i * (calls - 1) / (most - 1))))];
}

async function copyFolder(from: string, to: string): Promise<void> {
  await new Deno.Command("cp", { args: ["-r", from, to] }).output();
}

/** Runs a stage whose n-th call fails, none for 0; how it ended, and how many calls there were. */
async function failingAt({ stage, root, mode }: Trial, folder: string, n: number): Promise<End & { readonly calls: number }> {
  const report = `${root}/calls`;
  const env = {
    ...{ FAIL_BELOW: mode === "--inputs" ? `${root}/` : `${folder}/run`, FAIL_AT: `${n}`, FAIL_COUNT: report },
    ...((mode === "--reads" || mode === "--inputs") && { FAIL_READS: "1" }),
  };
  const end = await run(stage, root, folder, { cache: `${root}-cache`, env, preload: FAILING });
  return { ...end, calls: Number(Deno.readTextFileSync(report)) };
}

/** The same where nothing fails; how many calls there were. */
async function countIn(trial: Trial, folder: string): Promise<number> {
  const { code, words, calls } = await failingAt(trial, folder, 0);
  if (code !== 0) throw new Error(`${trial.stage.name}: ${words}`);
  return calls;
}

/** Makes what a stage is compared with and begins from, once it is whole; how many calls it then has. */
async function prepare(trial: Trial, writes: number): Promise<number> {
  const { stage: { name }, root, mode } = trial;
  const at = `${root}/${name}`;
  if (mode === "--writes") return writes;
  if (mode === "--finished") await copyFolder(at, `${at}-whole`);
  if (mode === "--reads") { // what goes on reads what is there
    await failingAt({ ...trial, mode: "--writes" }, `${at}-half`, Math.ceil(writes / 2));
    await copyFolder(`${at}-half`, `${at}-counted`);
  }
  return await countIn(trial, mode === "--finished" ? at : `${at}-counted`);
}

/** One failure: whether it was told in a sentence, and what is wrong. */
async function failOnce(trial: Trial, n: number): Promise<{ readonly isTold: boolean; readonly problems: readonly string[] }> {
  const { stage: { name }, root, mode } = trial;
  const at = `${root}/${name}`;
  const folder = mode === "--finished" ? at : `${at}-${n}`; // there its stages know where they lie
  if (mode === "--reads") await copyFolder(`${at}-half`, folder);
  const failed = await failingAt(trial, folder, n);
  const again = failed.code === 0 ? failed : await failingAt(trial, folder, 0);
  const problems = problemsOf(name, failed, again, `${at}${mode === "--finished" ? "-whole" : ""}/run`, `${folder}/run`);
  if (failed.calls < n) problems.push(`it has ${failed.calls} calls alone`);
  if (mode !== "--finished") Deno.removeSync(folder, { recursive: true });
  return { isTold: failed.code === 1 && problems.length === 0, problems };
}

if (import.meta.main) {
  const mode = MODES.find((mode) => Deno.args.includes(mode)) ?? "--writes";
  const [most = "12", ...names] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const root = await openRoot();
  Deno.mkdirSync(`${root}-cache`);
  let [all, wrong] = [0, 0];
  for (const { stage, isNamed } of chosenStages(names)) {
    const trial: Trial = { stage, root, mode };
    const { name } = stage;
    const writes = await countIn({ ...trial, mode: "--writes" }, `${root}/${name}`);
    if (!isNamed) continue;
    const calls = await prepare(trial, writes);
    const chosen = tried(calls, Number(most));
    let sentences = 0;
    for (const n of chosen) {
      const { isTold, problems } = await failOnce(trial, n);
      if (isTold) sentences++;
      wrong += problems.length;
      for (const problem of problems) console.log(`${name}, call ${n} of ${calls}: WRONG: ${problem}`);
    }
    all += chosen.length;
    console.log(`${name}: ${chosen.length} of ${calls} calls failed, ${sentences} told in a sentence, the others done without`);
  }
  for (const folder of [root, `${root}-cache`]) Deno.removeSync(folder, { recursive: true });
  console.log(`${all} failures, ${wrong === 0 ? "nothing wrong" : `${wrong} wrong`}`);
  Deno.exit(wrong === 0 ? 0 : 1);
}
