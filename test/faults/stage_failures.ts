/**
 * A disk that fails at the n-th call, for every stage: with each of some n the stage must end with one sentence and exit code 1 (or do without
 * what failed), and must then go on to the files of a run that nothing disturbed.
 *
 *   deno run -A test/faults/stage_failures.ts 12 [--reads | --finished] [STAGE …]
 *
 * With `--reads` it is calls that read or look, of a stage that goes on from its middle. With `--finished` it is calls that write, of a stage
 * that is begun again when it is whole: of `reproduce`, which starts others, its own alone are left.
 *
 * @module
 */
import { chosenStages, type End, openRoot, problemsOf, run } from "./stages.ts";

const FAILING = new URL("failing_files.ts", import.meta.url).pathname;

/** The calls that are tried: all of them where there are so few, else the first and last ones and others evenly between. */
export function tried(calls: number, most: number): number[] {
  if (calls <= most) return Array.from({ length: calls }, (_, i) => i + 1);
  return [...new Set(Array.from({ length: most }, (_, i) => Math.round(1 + i * (calls - 1) / (most - 1))))];
}

async function copyFolder(from: string, to: string): Promise<void> {
  await new Deno.Command("cp", { args: ["-r", from, to] }).output();
}

if (import.meta.main) {
  const [isReads, isFinished] = ["--reads", "--finished"].map((mode) => Deno.args.includes(mode)) as [boolean, boolean];
  const [most = "12", ...names] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const root = await openRoot();
  const [cache, report] = [`${root}/cache`, `${root}/calls`];
  let [all, wrong] = [0, 0];
  for (const { stage, isNamed } of chosenStages(names)) {
    const { name } = stage;
    const failingAt = async (folder: string, n: number, reads = false): Promise<End> => {
      const env = { FAIL_BELOW: `${folder}/run`, FAIL_AT: `${n}`, FAIL_COUNT: report, ...(reads && { FAIL_READS: "1" }) };
      return await run(stage, root, folder, { cache, env, preload: FAILING });
    };
    const countIn = async (folder: string, reads: boolean): Promise<number> => {
      const whole = await failingAt(folder, 0, reads);
      if (whole.code !== 0) throw new Error(`${name}: ${whole.words}`);
      return Number(Deno.readTextFileSync(report));
    };
    let calls = await countIn(`${root}/${name}`, false);
    if (!isNamed) continue;
    const half = `${root}/${name}-half`;
    if (isReads) { // what goes on reads what is there
      await failingAt(half, Math.ceil(calls / 2));
      await copyFolder(half, `${root}/${name}-counted`);
      calls = await countIn(`${root}/${name}-counted`, true);
    }
    const whole = `${root}/${name}${isFinished ? "-whole" : ""}`;
    if (isFinished) {
      await copyFolder(`${root}/${name}`, whole);
      calls = await countIn(`${root}/${name}`, false);
    }
    const chosen = tried(calls, Number(most));
    let sentences = 0;
    for (const n of chosen) {
      const folder = isFinished ? `${root}/${name}` : `${root}/${name}-${n}`; // its stages know where they lie
      if (isReads) await copyFolder(half, folder);
      const failed = await failingAt(folder, n, isReads);
      const again = failed.code === 0 ? failed : await failingAt(folder, 0);
      const problems = problemsOf(name, failed, again, `${whole}/run`, `${folder}/run`);
      if (failed.code === 1 && problems.length === 0) sentences++;
      wrong += problems.length;
      for (const problem of problems) console.log(`${name}, call ${n} of ${calls}: WRONG: ${problem}`);
      if (!isFinished) Deno.removeSync(folder, { recursive: true });
    }
    all += chosen.length;
    console.log(`${name}: ${chosen.length} of ${calls} calls failed, ${sentences} told in a sentence, the others done without`);
  }
  Deno.removeSync(root, { recursive: true });
  console.log(`${all} failures, ${wrong === 0 ? "nothing wrong" : `${wrong} wrong`}`);
  Deno.exit(wrong === 0 ? 0 : 1);
}
