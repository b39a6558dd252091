/** Hostile and broken input through the command line: one sentence, exit code 1, in seconds, nothing lost and nothing written. */
import { exists } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Runs train-cwm in a process of its own, which is ended after ten seconds. */
async function train(folder: string, ...args: string[]): Promise<{ code: number; err: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}tasks/train_cwm.ts`, "--data.world=4", "--cwm.steps=1", `--run=${folder}/run`, ...args],
    ...{ cwd: ROOT, env: { NO_COLOR: "1" }, stdout: "null", stderr: "piped", signal: AbortSignal.timeout(10_000) },
  });
  const { code, stderr } = await command.output();
  return { code, err: new TextDecoder().decode(stderr).trim() };
}

Deno.test("devices, pipes and folders as config, list, picture or weights are refused in a sentence, at once", () =>
  withFolder(async (folder) => {
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify([{ input: "pipe", output: "pipe", instruction: "go" }]));
    Deno.mkdirSync(`${folder}/base`);
    for (const file of ["config.json", "tokenizer.json"]) Deno.copyFileSync(`${ROOT}data/tiny/${file}`, `${folder}/base/${file}`);
    Deno.symlinkSync("/dev/zero", `${folder}/base/model.safetensors`);
    const cases: readonly (readonly [arg: string, said: RegExp])[] = [
      ["--config=/dev/zero", /Cannot read \/dev\/zero as it is no regular file but a device or a pipe/],
      [`--config=${folder}/pipe`, /as it is no regular file/],
      [`--config=${folder}`, /as it is a folder/],
      [`--data.aurora=${folder}/pipe`, /as it is no regular file/],
      [`--data.aurora=${folder}/list.json`, /1 of 1 trajectories cannot be used[\s\S]*"pipe" and "pipe" not found/],
      [`--model.path=${folder}/base`, /model\.safetensors as it is no regular file/],
    ];
    for (const [arg, said] of cases) {
      const { code, err } = await train(folder, arg);
      assertEquals(code, 1, `${arg}: ${err}`);
      assert(said.test(err) && !err.includes("    at ") && !/os error/.test(err), `${arg}: ${err}`);
      assert(!exists(`${folder}/run`), arg);
    }
  }));

Deno.test("--restart in a folder of somebody else's loses nothing, and says why it does not go on", () =>
  withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/run`);
    Deno.writeTextFileSync(`${folder}/run/manifest.json`, '{"name": "another program\'s"}');
    Deno.writeTextFileSync(`${folder}/run/precious.txt`, "x");
    for (const args of [["--restart"], []]) {
      const { code, err } = await train(folder, ...args);
      assertEquals(code, 1, err);
      assert(err.includes("its manifest.json is not Worldstrap's"), err);
    }
    assertEquals([...Deno.readDirSync(`${folder}/run`)].length, 2);
  }));

Deno.test("control characters and long texts from files do not reach the terminal", () =>
  withFolder(async (folder) => {
    const name = `\u001b[2J${"x".repeat(1e5)}`;
    Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify([{ input: name, output: name, instruction: name, task: name }]));
    const { code, err } = await train(folder, `--data.aurora=${folder}/list.json`);
    assertEquals(code, 1);
    assert(!err.includes("\u001b") && err.length < 3000, err.slice(0, 500));
  }));

Deno.test("sample --bench=LIST in an empty folder of runs trains on the training lists, and no picture of the bench reaches a batch", () =>
  withFolder(async (folder) => {
    const experiment = `test-${Deno.pid}-bench`;
    const png = async (level: number) => await encodePng({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(level) });
    for (const [name, level] of [["a", 40], ["b", 41], ["c", 42], ["d", 43]] as const) {
      Deno.writeFileSync(`${folder}/${name}.png`, await png(level));
    }
    const list = (name: string, input: string, output: string) => {
      Deno.writeTextFileSync(
        `${folder}/${name}.json`,
        JSON.stringify([{ input, output, instruction: "remove the red circle", task: name }]),
      );
      return `${folder}/${name}.json`;
    };
    const [train, bench, both] = [list("train", "a.png", "b.png"), list("bench", "c.png", "d.png"), list("both", "b.png", "d.png")];
    const sample = async (...more: string[]) => {
      const args = [
        "run",
        "-A",
        `${ROOT}tasks/sample.ts`,
        `--config=${ROOT}data/configs/micro.yaml`,
        `--experiment=${experiment}`,
        ...more,
      ];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const runs = `${ROOT}runs/${experiment}`;
    try {
      const refused = await sample(`--data.aurora=${both}`, `--bench=${bench}`);
      assert(refused.code === 1 && refused.text.includes("pictures of the bench are among those trained on (1)"), refused.text);
      assert(!exists(`${runs}/train-cwm/adapter`));
      const done = await sample(`--data.aurora=${train}`, `--bench=${bench}`);
      assertEquals(done.code, 0, done.text);
      assert(done.text.includes(`running train-cwm first`) && done.text.includes(`Training on 1 trajectories of ${train}`), done.text);
      const trained = Deno.readTextFileSync(`${runs}/train-cwm/pictures.sha256`).trim().split("\n");
      assertEquals(trained.length, 2);
      const again = await sample(`--data.aurora=${train}`, `--bench=${both}`, `--run=${folder}/again`);
      assert(again.code === 1 && again.text.includes("would measure memory"), again.text);
      const allowed = await sample(`--data.aurora=${train}`, `--bench=${both}`, `--run=${folder}/again`, "--allow-overlap");
      assert(
        allowed.code === 0 && allowed.text.includes("Not a clean measurement: pictures of the bench were trained on (1"),
        allowed.text,
      );
      assertEquals(JSON.parse(Deno.readTextFileSync(`${folder}/again/manifest.json`)).overlap, 1);
    } finally {
      await Deno.remove(runs, { recursive: true }).catch(() => {});
    }
  }));

Deno.test("rollout refuses what it cannot start from, before it trains the adapter that is missing", async () => {
  const roll = async (...args: string[]) => {
    const all = ["run", "-A", `${ROOT}tasks/rollout.ts`, "--experiment=no-such-experiment", ...args];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
    return `${code} ${new TextDecoder().decode(stdout)}${new TextDecoder().decode(stderr)}`;
  };
  const idle = await roll(`--rollout.image=${ROOT}data/pictures/world.png`);
  assert(/^1 \nrollout: Cannot roll out from .*world.png without actions: give --rollout.actions/.test(idle), idle);
  const acted = await roll("--rollout.actions=[push it]");
  assert(acted.startsWith("1 \nrollout: Cannot do rollout.actions in scenes of the tiny world, which have their own"), acted);
  const large = await roll("--model.path=no/such/base");
  assert(
    large.startsWith("1 \nrollout: Cannot roll out with the base no/such/base on the tiny world: it is not there; give --rollout"),
    large,
  );
});
