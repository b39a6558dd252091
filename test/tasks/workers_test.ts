/** --workers as a user runs it. */
import { sweep } from "../faults/worker_kills.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("train-cdm --workers goes on after a SIGKILL with another number of workers and ends as in one process", () =>
  withFolder(async (folder) => {
    const { kills, failures, difference } = await sweep(folder, 1, 5); // two workers, one killed after a checkpoint, then one
    assertEquals([kills, failures], [1, []]);
    assert(difference <= 1e-5, `the end differs by ${difference}`);
  }));

Deno.test("train-cwm says in one sentence what is wrong with its workers", async () => {
  const tfConfig = (count: number, index: number) =>
    JSON.stringify({
      cluster: { worker: Array.from({ length: count }, (_, i) => `127.0.0.1:${40_000 + i}`) },
      task: { type: "worker", index },
    });
  const cases: readonly (readonly [args: string[], env: Record<string, string>, sentence: RegExp])[] = [
    [["--workers=0"], {}, /Cannot use --workers="0": give a whole number from 1 to 256/],
    [["--workers=2"], { TF_CONFIG: tfConfig(4, 0) }, /Cannot start 2 workers as TF_CONFIG names 4 already: leave out --workers/],
    [[], { TF_CONFIG: tfConfig(2, 5) }, /worker 5 is beyond the last of 2/],
    [["--patience=x"], { TF_CONFIG: tfConfig(2, 0) }, /Cannot use --patience="x"/],
    [
      ["--cwm.synthetic=filter"],
      { TF_CONFIG: tfConfig(2, 1) },
      /Cannot go on without .*filter: run "deno task filter" first, in one process/,
    ],
  ];
  for (const [args, env, sentence] of cases) {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${ROOT}tasks/train_cwm.ts`, "--experiment=nowhere", "--data.world=8", ...args],
      ...{ cwd: ROOT, env: { NO_COLOR: "1", ...env } },
    });
    const { code, stderr } = await command.output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 1, said);
    assert(sentence.test(said) && !said.includes("    at "), said);
  }
});
