import { freshState } from "../../lib/train/adamw.ts";
import { loadPoint, pointSteps, savePoint } from "../../lib/train/checkpoints.ts";
import { exists } from "../../lib/files.ts";
import { dispose, tf } from "../../lib/engine/mod.ts";
import { assert, assertEquals, engine, failingDisk, withFolder } from "../support.ts";

await engine();
Deno.test("loadPoint() passes over a damaged checkpoint with a warning and takes the one before", () =>
  withFolder((folder) => {
    const checkpoints = `${folder}/checkpoints`;
    const state = freshState([tf.ones([3, 2])]);
    for (const step of [6, 9, 12]) savePoint(checkpoints, { step, state }, "regression");
    dispose(state);
    assertEquals(pointSteps(checkpoints), [12, 9]); // the oldest is pruned
    const path = `${checkpoints}/000012.safetensors`;
    const sound = Deno.readFileSync(path);
    const damages: Uint8Array[] = [
      sound.slice(0, sound.length - 5),
      new Uint8Array(),
      sound.map((b, i) => i === sound.length - 3 ? b ^ 1 : b),
    ];
    for (const damaged of damages) {
      Deno.writeFileSync(path, damaged);
      const warnings: string[] = [];
      const point = loadPoint(checkpoints, "regression", [[3, 2]], (message) => warnings.push(message))!;
      assertEquals([point.step, warnings.length], [9, 1]);
      assert(warnings[0]!.startsWith(`The checkpoint ${path} is passed over: `), warnings[0]);
      dispose(point.state);
    }
  }));

Deno.test("savePoint() keeps the old checkpoint whole whichever disk call fails", () =>
  withFolder((folder) => {
    const state = freshState([tf.ones([2])]);
    savePoint(folder, { step: 1, state }, "d");
    for (let n = 1;; n++) {
      const { disk, calls } = failingDisk(n);
      let failed = false;
      try {
        savePoint(folder, { step: 2, state }, "d", disk);
      } catch (error) {
        failed = true;
        assert((error as Error).message.includes("disk is full"), (error as Error).message);
      }
      const warnings: string[] = [];
      const point = loadPoint(folder, "d", [[2]], (message) => warnings.push(message))!;
      assertEquals(warnings, []);
      assert(point.step === 1 || point.step === 2);
      dispose(point.state);
      assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tmp")), []);
      if (!failed) {
        assert(calls() < n && n > 5, "every call failed once");
        break;
      }
      if (exists(`${folder}/000002.safetensors`)) Deno.removeSync(`${folder}/000002.safetensors`);
    }
    dispose(state);
  }));

Deno.test("loadPoint() refuses a checkpoint of another config", () =>
  withFolder((folder) => {
    const state = freshState([tf.ones([2])]);
    savePoint(folder, { step: 1, state }, "one");
    const warnings: string[] = [];
    assertEquals(loadPoint(folder, "two", [[2]], (message) => warnings.push(message)), undefined);
    assert(warnings[0]!.includes("belongs to another config"));
    dispose(state);
  }));
