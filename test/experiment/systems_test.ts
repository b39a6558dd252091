import { openSystems, picturesDigest, systemsOverlap } from "../../lib/experiment/systems.ts";
import { openRun } from "../../lib/experiment/run.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { writeFile } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";

const TRAJECTORIES = worldTrajectories("easy", 1, "bench", 3);

/** A finished run of task sample in a folder, with a flat picture for some trajectories. */
async function predict(folder: string, level: number, numbers: readonly number[], overlap = 0): Promise<void> {
  const png = await encodePng({ width: 4, height: 4, data: new Uint8Array(48).fill(level) });
  const run = openRun({
    task: "sample",
    folder,
    config: resolveConfig(undefined, []),
    sections: ["sample"],
    inputs: { level: `${level}` },
    overlap,
  });
  for (const number of numbers) writeFile(`${folder}/images/${TRAJECTORIES[number]!.id}.png`, png);
  run.finish({ kind: "samples", predictions: numbers.length, skipped: 0, score: 1, right: null, scored: "x" });
}

Deno.test("openSystems() joins the shards of a folder, under one name, in order of the command line", () =>
  withFolder(async (folder) => {
    await predict(`${folder}/cwm-0-of-2`, 10, [0]);
    await predict(`${folder}/cwm-1-of-2`, 20, [1]);
    await predict(`${folder}/other`, 30, [0, 1, 2]);
    const systems = openSystems(["copy", `CWM=${folder}/cwm`, `${folder}/other`]);
    assertEquals(systems.map(({ name }) => name), ["copy", "CWM", `${folder}/other`]);
    const levels = async (i: number) => await Promise.all(TRAJECTORIES.map(async (one) => (await systems[i]!.predict(one))?.data[0]));
    assertEquals([await levels(1), await levels(2)], [[10, 20, undefined], [30, 30, 30]]);
    assertEquals(await systems[0]!.predict(TRAJECTORIES[0]!), await TRAJECTORIES[0]!.source.load());
  }));

Deno.test("openSystems() names a shard that is missing, and a folder that is not there", () =>
  withFolder(async (folder) => {
    await predict(`${folder}/cwm-0-of-2`, 10, [0]);
    assertThrows(() => openSystems([`${folder}/cwm`]), UserError, "1/2 is not finished");
    assertThrows(() => openSystems(["copy", "copy"]), UserError, "both called copy");
    assertThrows(() => openSystems([`a=${folder}/none`]), UserError, `Cannot evaluate the system a: there is no folder ${folder}/none`);
  }));

Deno.test("picturesDigest() tells other pictures, missing ones and those of other shards, and says nothing of when they were made", () =>
  withFolder(async (folder) => {
    const digest = () => picturesDigest(openSystems(["copy", `CWM=${folder}/cwm`]), TRAJECTORIES);
    await predict(`${folder}/cwm-0-of-2`, 10, [0]);
    await predict(`${folder}/cwm-1-of-2`, 20, [1]);
    const first = await digest();
    Deno.utimeSync(`${folder}/cwm-0-of-2/images/${TRAJECTORIES[0]!.id}.png`, 1, 1);
    assertEquals(await digest(), first);
    Deno.removeSync(`${folder}/cwm-1-of-2`, { recursive: true });
    await predict(`${folder}/cwm-1-of-2`, 21, [1]);
    const second = await digest();
    Deno.removeSync(`${folder}/cwm-0-of-2/images/${TRAJECTORIES[0]!.id}.png`);
    const third = await digest();
    Deno.mkdirSync(`${folder}/cwm-0-of-2/images/${TRAJECTORIES[0]!.id}.png`); // no picture: measuring it says so
    assertEquals(new Set([first, second, third, await digest()]).size, 4);
  }));

Deno.test("picturesDigest() takes no picture that the disk failed to read for another", () =>
  withFolder(async (folder) => {
    await predict(folder, 10, [0]);
    const systems = openSystems([`CWM=${folder}`]);
    const real = Deno.readFileSync;
    Deno.readFileSync = () => {
      throw new Error("Input/output error (os error 5)");
    };
    try {
      await assertRejects(() => picturesDigest(systems, TRAJECTORIES), UserError, "os error 5");
    } finally {
      Deno.readFileSync = real;
    }
  }));

Deno.test("systemsOverlap() is the most that any shard of any system was trained on", () =>
  withFolder(async (folder) => {
    await predict(`${folder}/a-0-of-2`, 10, [0], 2);
    await predict(`${folder}/a-1-of-2`, 10, [1], 5);
    await predict(`${folder}/b`, 10, [1], 1);
    Deno.mkdirSync(`${folder}/by-hand`);
    assertEquals(systemsOverlap(["copy", `a=${folder}/a`, `${folder}/b`, `${folder}/by-hand`]), 5);
    assertEquals(systemsOverlap(["copy"]), 0);
  }));
