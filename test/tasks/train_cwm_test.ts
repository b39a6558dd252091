/** train-cwm as a user runs it: in a process of its own. */
import { picturesOf, writeTrainedPictures } from "../../lib/experiment/overlap.ts";
import { exists, writeFile } from "../../lib/files.ts";
import { loadAdapter, planCheckpoint } from "../../lib/model/mod.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { decodeImage, encodePng } from "../../lib/tokens/mod.ts";
import { readAurora } from "../../lib/trajectories/mod.ts";
import { sweep } from "../faults/kill_sweep.ts";
import { assert, assertEquals, engine, sharedData, withFolder } from "../support.ts";

await engine();
const ROOT = new URL("../..", import.meta.url).pathname;
const MICRO = ["--data.world=32", "--cwm.steps=8", "--cwm.batch=8", "--cwm.samples=2", "--cwm.sampleEvery=4"];
const shared = sharedData();

async function task(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}tasks/train_cwm.ts`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

Deno.test("train-cwm leaves an adapter, pictures, numbers and a manifest, and a clean terminal", () =>
  withFolder(async (folder) => {
    const { code, out, err } = await task(...MICRO, `--run=${folder}/run`);
    assertEquals(code, 0, err);
    assert(!/absl|oneDNN|XLA|warn/i.test(err + out), err);
    const { config } = planCheckpoint(`${ROOT}data/tiny`, "bfloat16");
    disposeAdapter(loadAdapter(`${folder}/run/adapter`, config));
    for (const name of ["predictions.png", "loss.png", "samples/000004.png"]) {
      await decodeImage(Deno.readFileSync(`${folder}/run/${name}`), name);
    }
    const manifest = JSON.parse(Deno.readTextFileSync(`${folder}/run/manifest.json`));
    assertEquals([manifest.seed, manifest.config.cwm.batch, typeof manifest.finished], [1, 8, "string"]);
    assertEquals(JSON.parse(Deno.readTextFileSync(`${folder}/run/result.json`)).steps, 8);
    assert(!Deno.readTextFileSync(`${folder}/run/adapter/adapter_config.json`).includes(Deno.env.get("HOME") ?? "/home/"));
    const again = await task(...MICRO, `--run=${folder}/run`);
    assert(again.out.includes("is finished already"), again.out);
    const other = await task(...MICRO, "--cwm.lr=0.5", `--run=${folder}/run`);
    assertEquals(other.code, 1);
    assert(other.err.includes('"cwm.lr" was 0.003 and is now 0.5'), other.err);
  }));

Deno.test("train-cwm --dry-run writes nothing and says what would happen", () =>
  withFolder(async (folder) => {
    const { code, out } = await task(...MICRO, "--dry-run", `--run=${folder}/run`);
    assertEquals([code, [...Deno.readDirSync(folder)]], [0, []]);
    assert(/Memory: .* free/.test(out) && out.includes("Nothing was written"), out);
  }));

Deno.test("train-cwm says in one sentence what is wrong, with exit code 1 and nothing written", () =>
  withFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify([{ input: "list.json", output: "list.json", instruction: "x" }]));
    Deno.writeTextFileSync(`${folder}/file`, "");
    const cases: readonly (readonly [args: string[], sentence: RegExp])[] = [
      [["--cwm.batchsize=3"], /there is no key "cwm.batchsize"; the nearest is "cwm.batch" in section "cwm"/],
      [["--model.path=nowhere"], /Cannot read nowhere\/config.json as it is not there/],
      [["--data.aurora=nowhere.json"], /Cannot read nowhere.json as it is not there/],
      [[`--data.aurora=${folder}/list.json`], /1 of 1 trajectories cannot be used[\s\S]*as an image/],
      [[`--run=${folder}/file/run`], /Cannot write .*file\/run/],
      [["--cwm.batch=5000"], /Cannot train as it takes .* are free: try --cwm.checkpointing=true/],
      [["--cwm.batch=100000000"], /are free: --cwm.batch=100000000 is far too large/],
    ];
    for (const [args, sentence] of cases) {
      const { code, err } = await task(...MICRO, `--run=${folder}/run`, ...args);
      assertEquals(code, 1, err);
      assert(sentence.test(err), err);
      assert(!err.includes("    at "), err);
    }
  }));

Deno.test("train-cwm does not go on from an adapter that was trained on the bench", () =>
  withFolder(async (folder) => {
    writeFile(`${folder}/a.png`, await encodePng({ width: 4, height: 4, data: new Uint8Array(48).fill(9) }));
    writeFile(`${folder}/bench.json`, JSON.stringify([{ input: "a.png", output: "a.png", instruction: "wait" }]));
    for (const file of ["adapter_config.json", "adapter_model.safetensors"]) writeFile(`${folder}/first/adapter/${file}`, "x");
    writeTrainedPictures(`${folder}/first`, await picturesOf(readAurora(`${folder}/bench.json`)));
    const args = [`--cwm.init=${folder}/first/adapter`, `--bench=${folder}/bench.json`, `--run=${folder}/run`];
    const { code, err } = await task(...MICRO, ...args);
    assert(code === 1 && err.includes("pictures of the bench are among those trained on (1)"), err);
    assert(!exists(`${folder}/run`));
  }));

Deno.test({
  name: "train-cwm runs on real triplets",
  ignore: !shared,
  fn: () =>
    withFolder(async (folder) => {
      const { code, err } = await task(...MICRO, `--data.aurora=${shared}/aurora-bench/test.json`, "--data.limit=8", `--run=${folder}/run`);
      assertEquals(code, 0, err);
    }),
});

Deno.test("train-cwm goes on after SIGKILLs at random moments and ends with the same bits", () =>
  withFolder(async (folder) => {
    const { kills, failures, equal } = await sweep(folder, 4);
    assertEquals([kills, failures, equal], [4, [], true]);
  }));
