import { resolveConfig } from "../../lib/experiment/config.ts";
import { benchTrajectories } from "../../lib/experiment/datasets.ts";
import {
  benchPictures,
  overlapNote,
  picturesOf,
  requireNoOverlap,
  seenPictures,
  shared,
  withEarlier,
  writeTrainedPictures,
} from "../../lib/experiment/overlap.ts";
import { writeFile } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { readAurora } from "../../lib/trajectories/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";

const TINY = new URL("../../data/tiny", import.meta.url).pathname;

Deno.test("a picture of the bench is found among those trained on, whatever it is called", () =>
  withFolder(async (folder) => {
    const png = async (level: number) => await encodePng({ width: 4, height: 4, data: new Uint8Array(48).fill(level) });
    for (const [name, level] of [["train/a", 1], ["train/b", 2], ["bench/c", 3], ["bench/same-as-b", 2]] as const) {
      writeFile(`${folder}/${name}.png`, await png(level));
    }
    const list = (path: string, input: string, output: string) => {
      writeFile(`${folder}/${path}`, JSON.stringify([{ input, output, instruction: "go" }]));
      return `${folder}/${path}`;
    };
    const train = readAurora(list("train/list.json", "a.png", "b.png"));
    const bench = list("bench/list.json", "c.png", "same-as-b.png");
    const config = resolveConfig(undefined, [{ key: "bench.aurora", value: bench }, { key: "model.path", value: TINY }]);
    const trained = await picturesOf(train);
    assertEquals([trained.length, shared(await benchPictures(config), trained)], [2, 1]);
    writeTrainedPictures(`${folder}/run`, trained);
    assertEquals(await seenPictures(benchTrajectories(config), [`${folder}/run/adapter`, `${folder}/elsewhere/adapter`]), 1);
  }));

Deno.test("a training that goes on from an adapter has seen what that one's training saw, and so on", () =>
  withFolder((folder) => {
    writeTrainedPictures(`${folder}/a`, ["11", "33"]);
    const second = withEarlier(["22", "33"], [`${folder}/a/adapter`]);
    assertEquals(second, ["11", "22", "33"]);
    writeTrainedPictures(`${folder}/b`, second);
    assertEquals(withEarlier(["44"], [`${folder}/b/adapter`, `${folder}/elsewhere/adapter`]), ["11", "22", "33", "44"]);
    assertEquals(withEarlier(["44"], []), ["44"]);
  }));

Deno.test("an overlap is refused, or said in every table", () => {
  requireNoOverlap(0, {});
  assertThrows(() => requireNoOverlap(3, {}), UserError, "pictures of the bench are among those trained on (3)");
  requireNoOverlap(3, { "allow-overlap": "" });
  assert(overlapNote(3).includes("pictures of the bench were trained on (3") && overlapNote(0) === "");
});

Deno.test("picturesOf() leaves out what is no picture's file, and takes nothing for unseen as the disk failed", async () => {
  const list = (words: string) => {
    const observation = { name: "", key: () => Promise.reject(new UserError(words)), load: () => Promise.reject(new UserError(words)) };
    return { trajectories: [{ id: "a", subset: "ag", action: "go", source: observation, target: observation }] };
  };
  assertEquals(await picturesOf(list("Cannot read a.png as it is not there")), []);
  await assertRejects(() => picturesOf(list("Cannot read a.png: Input/output error (os error 5)")), UserError, "os error 5");
});
