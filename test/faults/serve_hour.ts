/**
 * Memory while a live page serves for long: `deno run -A test/faults/serve_hour.ts [MINUTES]`. Three people at a time come, ask two questions
 * each and go; a line a minute, and at the end the slope of the second half.
 *
 * @module
 */
import { memoryOf, startServe, treeProblems, user } from "./serve_users.ts";

const [PEOPLE, QUESTIONS, PAUSE] = [3, 2, 6000]; // ms

/** The slope of a line through values at 0, 1, 2 …, by least squares. */
function slopeOf(values: readonly number[]): number {
  const [x, y] = [(values.length - 1) / 2, values.reduce((a, b) => a + b, 0) / values.length];
  const above = values.reduce((sum, value, i) => sum + (i - x) * (value - y), 0);
  return above / values.reduce((sum, _, i) => sum + (i - x) ** 2, 0);
}

if (import.meta.main) {
  const [minutes = 60] = Deno.args.map(Number);
  const folder = Deno.makeTempDirSync({ prefix: "serve-hour-" });
  const serving = await startServe(folder, 0);
  const memory = [memoryOf(serving)];
  let [answers, visitors] = [0, 0];
  for (const end = performance.now() + minutes * 60_000; performance.now() < end;) {
    const minute = performance.now() + 60_000;
    while (performance.now() < minute) {
      const people = Array.from({ length: PEOPLE }, () => user(() => serving, visitors++, QUESTIONS));
      answers += (await Promise.all(people)).reduce((sum, { took }) => sum + took.length, 0);
      await new Promise((done) => setTimeout(done, PAUSE));
    }
    memory.push(memoryOf(serving));
    console.log(`minute ${memory.length - 1}: ${memory.at(-1)!.toFixed(0)} MiB, ${answers} answers`);
  }
  serving.child.kill("SIGKILL");
  await serving.child.status;
  const half = memory.slice(Math.ceil(memory.length / 2));
  const problems = await treeProblems(folder);
  console.log(
    `${visitors} people, ${answers} answers of 4 pictures in ${minutes} minutes; ${memory[0]!.toFixed(0)} MiB at the start, ${
      Math.min(...half).toFixed(0)
    } to ${Math.max(...half).toFixed(0)} in the second half, ${
      (60 * slopeOf(half)).toFixed(1)
    } MiB an hour; problems on the disk ${problems.length}`,
  );
  Deno.removeSync(folder, { recursive: true });
  Deno.exit(problems.length > 0 ? 1 : 0);
}
