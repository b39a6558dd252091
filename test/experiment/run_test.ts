import { UserError } from "../../lib/errors.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { exists, writeFile } from "../../lib/files.ts";
import { duration, openRun, type RunOptions } from "../../lib/experiment/run.ts";
import { assert, assertEquals, assertThrows, withFolder } from "../support.ts";

const BACKEND = { name: "wasm", version: "0", reason: "a test", threads: 1, gpu: false } as const;

function options(folder: string, lr = "0.1"): RunOptions {
  const config = resolveConfig(undefined, [{ key: "cwm.lr", value: lr }]);
  return { task: "t", stage: "s", config, sections: ["cwm"], inputs: { list: "abc" }, backend: BACKEND, flags: { run: folder } };
}

Deno.test("openRun() goes on with the same config, and refuses another with the key that differs", () =>
  withFolder((folder) => {
    const run = openRun(options(folder));
    assertEquals(openRun(options(folder)).digest, run.digest);
    assertThrows(() => openRun(options(folder, "0.2")), UserError, '"cwm.lr" was 0.1 and is now 0.2. Begin anew with --restart');
    run.finish({ loss: 1 });
    assert(openRun(options(folder)).finished);
    const anew = openRun({ ...options(folder, "0.2"), flags: { run: folder, restart: "" } });
    assertEquals([anew.finished, exists(`${folder}/result.json`)], [false, false]);
  }));

Deno.test({
  name: "openRun() leaves a run alone that a living process works in, and takes over a dead one's",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder((folder) => {
      writeFile(`${folder}/lock.json`, JSON.stringify({ pid: 1 }));
      assertThrows(() => openRun(options(folder)), UserError, "process 1 works in it");
      for (const left of ['{"pid":99999999}', '{"pi']) {
        writeFile(`${folder}/lock.json`, left);
        openRun(options(folder));
      }
    }),
});

Deno.test("openRun() says so when the folder cannot be made", () =>
  withFolder((folder) => {
    writeFile(`${folder}/file`, "");
    const { message } = assertThrows(() => openRun(options(`${folder}/file/run`)));
    assert(message.startsWith(`Cannot write ${folder}/file/run/lock.json`), message);
  }));

Deno.test("duration() says seconds as people do", () => {
  assertEquals([duration(5), duration(130), duration(7300)], ["5 s", "2 min 10 s", "2 h 2 min"]);
});
