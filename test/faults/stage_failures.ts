/**
 * A disk that fails at the n-th call, for every stage: with each of some n the stage must end with one sentence and exit code 1 (or do without
 * what failed), and must then go on to the files of a run that nothing disturbed.
 *
 *   deno run -A test/faults/stage_failures.ts 12 [STAGE …]
 *
 * @module
 */
import { differences, STAGES, start } from "./stages.ts";

const FAILING = new URL("failing_files.ts", import.meta.url).pathname;

/** The calls that are tried: all of them where there are so few, else the first and last ones and others evenly between. */
function tried(calls: number, most: number): number[] {
  if (calls <= most) return Array.from({ length: calls }, (_, i) => i + 1);
  return [...new Set(Array.from({ length: most }, (_, i) => Math.round(1 + i * (calls - 1) / (most - 1))))];
}

const endOf = (stderr: Uint8Array) => new TextDecoder().decode(stderr).trim();

if (import.meta.main) {
  const [most = "12", ...names] = Deno.args;
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-failing-" });
  const [cache, report] = [`${root}/cache`, `${root}/calls`];
  const at = (stage: string) => `${root}/${stage}/run`;
  let [all, wrong] = [0, 0];
  for (const [name, task, args] of STAGES) {
    const failingAt = async (folder: string, n: number) => {
      const env = { FAIL_BELOW: `${folder}/run`, FAIL_AT: `${n}`, FAIL_COUNT: report };
      return await start(task, folder, args(at), { cache, env, preload: FAILING }).output();
    };
    const whole = await failingAt(`${root}/${name}`, 0);
    if (whole.code !== 0) throw new Error(`${name}: ${endOf(whole.stderr)}`);
    const calls = Number(Deno.readTextFileSync(report));
    const chosen = names.length === 0 || names.includes(name) ? tried(calls, Number(most)) : [];
    let sentences = 0;
    for (const n of chosen) {
      const folder = `${root}/${name}-${n}`;
      const failed = await failingAt(folder, n);
      const sentence = endOf(failed.stderr);
      const again = failed.code === 0 ? failed : await failingAt(folder, 0);
      const problems = [
        ...(failed.code > 1 ? [`exit code ${failed.code}`] : []),
        ...(failed.code === 1 && (!sentence.split("\n").at(-1)!.startsWith(`${name}: `) || /bug in/.test(sentence))
          ? [sentence.slice(-800)]
          : []),
        ...(again.code === 0 ? differences(at(name), `${folder}/run`).map((path) => `${path} differs`) : [endOf(again.stderr).slice(-600)]),
      ];
      if (failed.code === 1 && problems.length === 0) sentences++;
      wrong += problems.length;
      for (const problem of problems) console.log(`${name}, call ${n} of ${calls}: WRONG: ${problem}`);
      Deno.removeSync(folder, { recursive: true });
    }
    all += chosen.length;
    console.log(`${name}: ${chosen.length} of ${calls} calls failed, ${sentences} told in a sentence, the others done without`);
  }
  Deno.removeSync(root, { recursive: true });
  console.log(`${all} failures, ${wrong === 0 ? "nothing wrong" : `${wrong} wrong`}`);
  Deno.exit(wrong === 0 ? 0 : 1);
}
