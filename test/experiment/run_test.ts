import { UserError } from "../../lib/errors.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { exists, fileNameOf, writeFile } from "../../lib/files.ts";
import { openRun, refuseRun, runFolder, type RunOptions } from "../../lib/experiment/run.ts";
import { saidOfEach } from "../faults/failing_files.ts";
import { assert, assertEquals, assertThrows, withFolder } from "../support.ts";

const BACKEND = { name: "wasm", version: "0", reason: "a test", threads: 1, gpu: false } as const;
const RESULT = { kind: "training", steps: 1, loss: { first: 1, last: 1 }, tokensPerSecond: 1, trajectories: 1 } as const;

function options(folder: string, lr = "0.1"): RunOptions {
  const config = resolveConfig(undefined, [{ key: "cwm.lr", value: lr }]);
  return { task: "t", folder, config, sections: ["cwm"], inputs: { list: "abc" }, backend: BACKEND };
}

Deno.test("openRun() goes on with the same config, and refuses another with the key that differs", () =>
  withFolder((folder) => {
    const run = openRun(options(folder));
    assertEquals(openRun(options(folder)).digest, run.digest);
    assertThrows(() => openRun(options(folder, "0.2")), UserError, '"cwm.lr" was 0.1 and is now 0.2. Start over with --restart');
    const more = { ...options(folder), inputs: { list: "abc", pictures: "def" } };
    assertThrows(() => openRun(more), UserError, '"inputs.pictures" was not recorded and is now "def". Start over with --restart');
    run.finish(RESULT);
    assert(openRun(options(folder)).finished);
    const anew = openRun({ ...options(folder, "0.2"), restart: true });
    assertEquals([anew.finished, exists(`${folder}/result.json`)], [false, false]);
  }));

Deno.test({
  name: "openRun() leaves a run alone that a living process works in, and takes over a dead one's",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder((folder) => {
      writeFile(`${folder}/lock.json`, JSON.stringify({ pid: 1 }));
      assertThrows(() => openRun(options(folder)), UserError, "process 1 works in it");
      for (const left of ['{"pid":99999999}', '{"pid":1,"start":"another process of that number"}', '{"pi', "[]"]) {
        writeFile(`${folder}/lock.json`, left);
        openRun(options(folder));
      }
    }),
});

Deno.test({
  name: "openRun() starts over in no run that a living process works in, nor around one, and in a dead one's",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder((folder) => {
      const inner = `${folder}/inner`;
      const anew = () => openRun({ ...options(folder, "0.2"), restart: true });
      for (const run of [folder, inner]) openRun(options(run));
      writeFile(`${folder}/log.jsonl`, "x");
      for (const run of [folder, inner]) {
        writeFile(`${run}/lock.json`, JSON.stringify({ pid: Deno.ppid }));
        assertThrows(anew, UserError, `Cannot use ${run} as process ${Deno.ppid} works in it`);
        assertEquals([`${folder}/log.jsonl`, `${run}/manifest.json`, `${run}/lock.json`].map(exists), [true, true, true]);
        writeFile(`${run}/lock.json`, JSON.stringify({ pid: 99999999 }));
      }
      assertEquals([anew().finished, exists(`${folder}/log.jsonl`), exists(inner)], [false, false, false]);
    }),
});

Deno.test("openRun() takes no run that another may work in for its own when the disk fails", () =>
  withFolder((folder) => {
    openRun(options(folder));
    const said = saidOfEach(folder, () => openRun(options(folder)));
    assert(said.length > 8 && said.every((one) => one.includes("os error 5")), `${said}`);
  }));

Deno.test("openRun() removes what a kill cut off, in its own run alone", () =>
  withFolder((folder) => {
    openRun(options(folder));
    const inner = `${folder}/inner`;
    openRun(options(inner));
    const cut = [`${folder}/checkpoints/000004.safetensors.12345.tmp`, `${folder}/videos/a.mp4.12.tmp`];
    const others = [`${inner}/log.jsonl.7.tmp`, `${folder}/notes.tmp`];
    for (const file of [...cut, ...others]) writeFile(file, "x");
    openRun(options(folder));
    assertEquals([...cut, ...others].map(exists), [false, false, true, true]);
  }));

Deno.test("openRun() says so when the folder cannot be made", () =>
  withFolder((folder) => {
    writeFile(`${folder}/file`, "");
    const { message } = assertThrows(() => openRun(options(`${folder}/file/run`)));
    assert(message.startsWith(`Cannot write ${folder}/file/run/lock.json`), message);
  }));

Deno.test("runFolder() gives each shard a folder of its own, by --run too", () => {
  const { config } = options("");
  const folders = [{}, { run: "a" }, { run: "a", shard: "0/2" }, { run: "a-0-of-2", shard: "0/2" }].map((flags) =>
    runFolder(config, "s", flags)
  );
  assertEquals(folders, ["runs/tiny/s", "a", "a-0-of-2", "a-0-of-2"]);
});

Deno.test("openRun() leaves another task's run alone, and says whose it is", () =>
  withFolder((folder) => {
    openRun(options(folder)).finish(RESULT);
    for (const restart of [false, true]) {
      const refused = () => openRun({ ...options(folder), task: "judge", restart });
      assertThrows(refused, UserError, `Cannot use ${folder} for judge, as it holds a run of task t; choose another folder with --run=DIR`);
    }
    assertThrows(() => refuseRun(folder), UserError, "it holds a run of task t");
    assert(exists(`${folder}/result.json`));
  }));

Deno.test({
  name: "a task with the permissions of deno.json sees who works in its folder, and knows its peak of memory",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const run = async (name: string) =>
        await new Deno.Command(Deno.execPath(), {
          args: ["task", "--quiet", "judge", "--systems=copy", "--bench.world=2", `--run=${folder}/${name}`],
          env: { NO_COLOR: "1" },
        }).output();
      writeFile(`${folder}/held/lock.json`, JSON.stringify({ pid: Deno.pid }));
      const held = await run("held");
      assertEquals(held.code, 1);
      assert(new TextDecoder().decode(held.stderr).includes(`process ${Deno.pid} works in it`));
      assertEquals((await run("free")).code, 0);
      const script = `import { processStatus } from "${new URL("../../lib/engine/processor.ts", import.meta.url)}";`;
      writeFile(`${folder}/status.ts`, `${script} console.log(processStatus());`);
      const status = await new Deno.Command(Deno.execPath(), { args: ["run", "--no-check", "--allow-ffi", `${folder}/status.ts`] })
        .output();
      assert(/VmHWM:\s+\d+ kB/.test(new TextDecoder().decode(status.stdout)), new TextDecoder().decode(status.stderr));
    }),
});

Deno.test("openRun() starts over in our folders alone, removes what tasks wrote, and leaves the rest", () =>
  withFolder((folder) => {
    const own = `${folder}/own`;
    openRun(options(own)).finish(RESULT);
    for (const file of ["images/a.png", "adapter/adapter_config.json", "precious.txt", "images/notes.md", "corrections.jsonl"]) {
      writeFile(`${own}/${file}`, "x");
    }
    openRun({ ...options(own), restart: true });
    const left = ["images/a.png", "adapter", "precious.txt", "images/notes.md", "corrections.jsonl"].map((file) =>
      exists(`${own}/${file}`)
    );
    assertEquals(left, [false, false, true, true, true]);
    const foreign = `${folder}/foreign`;
    writeFile(`${foreign}/manifest.json`, JSON.stringify({ name: "an app" }));
    writeFile(`${foreign}/precious.txt`, "x");
    for (const restart of [true, false]) {
      assertThrows(() => openRun({ ...options(foreign), restart }), UserError, "its manifest.json is not Worldstrap's");
    }
    assertEquals([...Deno.readDirSync(foreign)].map(({ name }) => name).sort(), ["manifest.json", "precious.txt"]);
    writeFile(`${folder}/home/letter.txt`, "x");
    assertThrows(() => openRun(options(`${folder}/home`)), UserError, 'it holds files of another kind ("letter.txt")');
  }));

Deno.test("openRun() starts over without the pictures of ids of any script, and leaves those that no task names so", () =>
  withFolder((folder) => {
    openRun(options(folder)).finish(RESULT);
    const names = ["跳/1.mp4", "a b/हिंदी.mp4", "ag-0@1", "\u{1f600}"].map((id) => fileNameOf(id));
    const ours = names.flatMap((
      name,
    ) => [`frames/${name}-0-source.png`, `images/0/${name}-1.png`, `sheets/${name}.png`, `actions/${name}.jsonl`]);
    const others = ["images/my photo.png", "frames/a(1).png"];
    for (const file of [...ours, "curves-判官.svg", ...others]) writeFile(`${folder}/${file}`, "x");
    openRun({ ...options(folder), restart: true });
    assertEquals([...ours, "curves-判官.svg"].filter((file) => exists(`${folder}/${file}`)), []);
    assertEquals(others.filter((file) => exists(`${folder}/${file}`)), others);
  }));
