/** --workers as a user runs it. */
import { sweep } from "../faults/worker_kills.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { requireShardable } from "../../lib/experiment/training.ts";
import { readLog } from "../../lib/train/loop.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("train-cdm --workers goes on after a SIGKILL with another number of workers and ends as in one process", () =>
  withFolder(async (folder) => {
    const { kills, failures, difference } = await sweep(folder, 1, 5); // two workers, one killed after a checkpoint, then one
    assertEquals([kills, failures], [1, []]);
    assert(difference <= 1e-5, `the end differs by ${difference}`);
  }));

Deno.test("train-cwm --workers=2 --sharded gives the bits of two workers that hold the whole base", () =>
  withFolder(async (folder) => {
    const options = [
      ...["--data.world=8", "--cwm.steps=3", "--cwm.batch=4", "--cwm.saveEvery=2", "--cwm.samples=1", "--cwm.checkpointing=true"],
      ...["--model.precision=float32", "--cwm.lora.rank=4", "--cwm.lora.targets=[q_proj,down_proj]", "--workers=2"],
    ];
    const train = async (name: string, ...more: string[]) => {
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", `${ROOT}tasks/train_cwm.ts`, "--cft", `--run=${folder}/${name}`, ...options, ...more],
        ...{ cwd: ROOT, env: { NO_COLOR: "1" } },
      });
      const { success, stderr } = await command.output();
      assert(success, new TextDecoder().decode(stderr));
      const adapter = Deno.readFileSync(`${folder}/${name}/adapter/adapter_model.safetensors`);
      return { steps: readLog(`${folder}/${name}`).map(({ loss, norm }) => [loss, norm]), adapter };
    };
    const whole = await train("whole");
    assertEquals(whole.steps.length, 3);
    assertEquals(await train("spread", "--sharded"), whole);
    assertEquals([...Deno.readDirSync(`${folder}/spread`)].filter(({ name }) => name.endsWith("predictions.png")), []);
  }));

Deno.test("requireShardable() refuses what a spread base cannot do, each in one sentence", () => {
  const config = resolveConfig(undefined, []);
  const ask = (count: number, more: object) => () => requireShardable({ ...config, cwm: { ...config.cwm, ...more } }, "cwm", count);
  const able = { checkpointing: true, batch: 3 };
  ask(3, able)();
  assertThrows(ask(1, able), UserError, "as there is one: add --workers=N");
  assertThrows(ask(3, { batch: 3 }), UserError, "add --cwm.checkpointing=true");
  assertThrows(ask(3, { ...able, validation: 0.1 }), UserError, "leave out cwm.validation");
  assertThrows(ask(3, { ...able, accumulate: 2 }), UserError, "make cwm.accumulate a multiple of 3"); // 1, 2 and 1 micro-batches
});

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
    [["--sharded"], {}, /Cannot spread the base over workers by --sharded as there is one: add --workers=N/],
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
