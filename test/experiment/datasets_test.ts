import { resolveConfig } from "../../lib/experiment/config.ts";
import { benchTrajectories, describeTraining, trainingTrajectories } from "../../lib/experiment/datasets.ts";
import type { Override } from "../../lib/experiment/config.ts";
import { writeFile } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const TINY = new URL("../../data/tiny", import.meta.url).pathname;

/** A configuration with some keys set. */
function configWith(...set: readonly [key: string, value: string][]) {
  return resolveConfig(undefined, [{ key: "model.path", value: TINY }, ...set.map(([key, value]): Override => ({ key, value }))]);
}

/** A list of one triplet whose pictures are plain. */
async function writeList(folder: string, name: string, level: number): Promise<string> {
  const png = await encodePng({ width: 4, height: 4, data: new Uint8Array(48).fill(level) });
  writeFile(`${folder}/${name}.png`, png);
  const path = `${folder}/${name}.json`;
  writeFile(path, JSON.stringify([{ input: `${name}.png`, output: `${name}.png`, instruction: "go", task: name }]));
  return path;
}

Deno.test("data and bench are two keys: neither list is ever read in the other's place", () =>
  withFolder(async (folder) => {
    const [train, test] = [await writeList(folder, "train", 1), await writeList(folder, "test", 2)];
    const both = configWith(["data.aurora", train], ["bench.aurora", test]);
    assertEquals(trainingTrajectories(both).trajectories.map(({ subset }) => subset), ["train"]);
    assertEquals(benchTrajectories(both).list.trajectories.map(({ subset }) => subset), ["test"]);
    const benchAlone = configWith(["bench.aurora", test], ["data.world", "3"]);
    assertEquals(trainingTrajectories(benchAlone).trajectories.length, 3); // the tiny world's, not the bench's
    assert(trainingTrajectories(benchAlone).trajectories.every(({ subset }) => subset !== "test"));
    assertThrows(() => benchTrajectories(configWith(["data.aurora", train])), UserError, "there is none to measure on; give --bench=LIST");
    assertEquals(describeTraining(both, ["filter.jsonl"]), `${train}, filter.jsonl`);
    assertEquals(describeTraining(benchAlone, []), "the tiny world (seed 1)");
  }));

Deno.test("a base other than the tiny one demands lists, to train on and to measure on", () =>
  withFolder((folder) => {
    const json = JSON.parse(Deno.readTextFileSync(`${TINY}/config.json`));
    writeFile(`${folder}/config.json`, JSON.stringify({ ...json, vq_config: { ...json.vq_config, resolution: 512 } }));
    const config = configWith(["model.path", folder]);
    assertThrows(
      () => trainingTrajectories(config),
      UserError,
      "it sees pictures of 512 pixels, the tiny world's have 64; give --data.aurora=LIST",
    );
    assertThrows(() => benchTrajectories(config), UserError, "give --bench=LIST");
    assertThrows(
      () => trainingTrajectories(configWith(["model.path", "data/anole-7b"])),
      UserError,
      "it is not there; give --data.aurora=LIST",
    );
  }));
