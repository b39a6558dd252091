import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("distill keeps the likeliest candidates to train on, and goes on where it was stopped with the same bits", () =>
  withFolder(async (folder) => {
    const run = async (task: string, ...args: string[]) => {
      const micro = task === "inspect" ? [] : [`--config=${ROOT}data/configs/micro.yaml`, `--experiment=test-${Deno.pid}-distill`];
      const all = ["run", "-A", `${ROOT}tasks/${task}.ts`, ...micro, ...args];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assertEquals(code, 0, text);
      return text;
    };
    const own = ["--distill.adapter=base", "--distill.cdm=base", "--distill.sources=9", "--distill.candidates=2", "--distill.together=4"];
    await run("distill", ...own, `--run=${folder}/distill`);
    const log = Deno.readTextFileSync(`${folder}/distill/log.jsonl`);
    const kept = Deno.readTextFileSync(`${folder}/distill/trajectories.jsonl`);
    const scores = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line).score as number);
    assertEquals([scores(log).length, scores(kept).length], [9, 5]); // half of nine, rounded
    assert(Math.max(...scores(kept)) === Math.max(...scores(log)));

    const manifest = JSON.parse(Deno.readTextFileSync(`${folder}/distill/manifest.json`));
    Deno.writeTextFileSync(`${folder}/distill/manifest.json`, JSON.stringify({ ...manifest, finished: null }));
    Deno.writeTextFileSync(`${folder}/distill/log.jsonl`, log.split("\n").slice(0, 6).join("\n") + "\n"); // in the middle of a chunk
    await run("distill", ...own, `--run=${folder}/distill`);
    assertEquals(Deno.readTextFileSync(`${folder}/distill/log.jsonl`), log);
    assertEquals(Deno.readTextFileSync(`${folder}/distill/trajectories.jsonl`), kept);

    const sheet = await run("inspect", `${folder}/distill/pairs.png`);
    assert(/made by a model[\s\S]*action .* \| /.test(sheet), sheet); // a sheet names all of its actions

    const files = [`--cwm.synthetic=${folder}/distill/trajectories.jsonl`, `--run=${folder}/cwm`];
    const text = await run("train_cwm", ...files);
    assert(text.includes("distill/trajectories.jsonl"), text);
    assert(/adapter +of the training [0-9a-f]{8}/.test(await run("inspect", `${folder}/cwm/predictions.png`)));
    const again = await run("train_cwm", `--cwm.init=${folder}/cwm/adapter`, `--run=${folder}/longer`);
    assert(again.includes("adapter/"), again);
    const digest = JSON.parse(Deno.readTextFileSync(`${folder}/longer/manifest.json`)).inputs.init;
    assert(/^[0-9a-f]{8,}$/.test(digest), `the adapter that was gone on from has the digest ${digest}`);
  }));

for (const task of ["distill", "train_cwm"]) {
  Deno.test(`${task} leaves EPIC-Kitchens to the dynamics model where cwm.epic is false`, async () => {
    const args = ["--dry-run", "--data.world=4", "--data.epic=no-such.csv"];
    const run = async (...more: string[]) => {
      const all = ["run", "-A", `${ROOT}tasks/${task}.ts`, ...args, ...more];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const read = await run();
    assert(read.code === 1 && read.text.includes("no-such.csv as it is not there"), read.text);
    const left = await run("--cwm.epic=false");
    assert(left.code === 0 && left.text.includes('"epic": ""'), left.text);
  });
}
