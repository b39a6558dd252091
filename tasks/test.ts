/**
 * Runs the tests, after installing the engine where it is missing. The last line is `N passed, N failed`.
 *
 * @module
 */
import { installLibtensorflow, planInstallation } from "../lib/engine/install.ts";

const plan = await planInstallation(false);
if (!plan.installed) {
  console.log(plan.text);
  await installLibtensorflow(false).catch((error) => console.log(`${error.message}: testing on wasm`));
}

// Two at a time: tests of tasks wait for processes that they started, so two cores are seldom busy with one test. Whoever is ready takes
// the next part; the longest come first. Types are checked once for all parts, not by each of them.
const [TASKS, GUIDES, TEXTS] = ["test/tasks", "test/docs_test.ts", ["mod.ts", "lib", "README.md", "docs"]];
const TEST = ["test", "--allow-all", "--no-check"];
const others = [...Deno.readDirSync("test")].map(({ name }) => `test/${name}`).filter((path) =>
  path !== TASKS && path !== GUIDES && (!path.includes(".") || path.endsWith("_test.ts"))
);
const parts = Deno.args.length > 0 ? [["test", "--allow-all", ...Deno.args]] : [
  [...TEST, TASKS],
  ["check", "--quiet", "--doc", ...TEXTS, "tasks", "test"],
  [...TEST, ...others],
  [...TEST, GUIDES],
  [...TEST, "--doc", "--preload=test/open_engine.ts", ...TEXTS],
];
const times: (readonly [seconds: number, name: string])[] = [];
let [passed, failed, broken] = [0, 0, false];

/** Runs one of them; shows what it says as it comes, or when it is over. */
async function run(args: readonly string[], isShown: boolean): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), { args: [...args], stdout: "piped", env: { NO_COLOR: "1" } }).spawn();
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (isShown) await Deno.stdout.write(new TextEncoder().encode(piece));
  }
  for (const match of text.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed/gm)) {
    passed += Number(match[1]);
    failed += Number(match[2]);
  }
  for (const match of text.matchAll(/^(\S.*?) \.\.\.[^]*?(?:ignored|(?:ok|FAILED) \((?:(\d+)m)?(?:(\d+)s)?(?:\d+ms)?\)$)/gm)) {
    times.push([60 * Number(match[2] ?? 0) + Number(match[3] ?? 0), match[1]!]);
  }
  broken ||= !(await child.status).success;
  return text;
}

const said: string[] = [];
const waiting = parts.entries();
await Promise.all([0, 1].map(async () => {
  for (const [i, args] of waiting) {
    const start = performance.now();
    said[i] = await run(args, i === 0);
    console.log(
      `\n${args.find((arg) => !TEST.includes(arg) && !arg.startsWith("-"))} … took ${Math.round((performance.now() - start) / 1000)} s`,
    );
  }
}));
console.log(said.slice(1).join(""));
if (broken && failed === 0) failed = 1; // a file that cannot be loaded fails no test of its own
console.log(
  `\nThe slowest:\n${times.sort(([a], [b]) => b - a).slice(0, 10).map(([seconds, name]) => `  ${seconds} s  ${name}`).join("\n")}\n`,
);
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 ? 1 : 0);
