import { contactSheet, pairSheet } from "../../lib/report/video_sheets.ts";
import type { AnnotatedTrajectory } from "../../lib/synthesis/mod.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { writeMp4 } from "../../lib/video/mod.ts";
import type { MotionSample } from "../../lib/video/motion.ts";
import { assert, assertEquals, assertRejects, withFolder } from "../support.ts";
import { flat, readSheet } from "./pictures.ts";

Deno.test("pairSheet() has a row for each trajectory, its frames from the folder", () =>
  withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/frames`);
    for (const [name, red] of [["a", 50], ["b", 100], ["c", 150]] as const) {
      Deno.writeFileSync(`${folder}/frames/${name}.png`, await encodePng(flat(red, 0, 0)));
    }
    const of = (source: string, target: string) =>
      ({
        source: `frames/${source}.png`,
        target: `frames/${target}.png`,
        action: "roll it",
        score: -1,
        label: "roll",
      }) as AnnotatedTrajectory;
    const { cells } = await readSheet(await pairSheet(folder, [of("a", "b"), of("c", "a")]), 2, 2);
    assertEquals(cells, [["50,0,0", "100,0,0"], ["150,0,0", "50,0,0"]]);
    await assertRejects(
      () => pairSheet(folder, [of("a", "none")]),
      Error,
      "as it is not there",
    );
  }));

Deno.test("contactSheet() shows eight frames in even steps from first to last, then the pairs", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.mp4`;
    const level = (index: number) => 10 + 8 * index;
    await writeMp4(path, Array.from({ length: 29 }, (_, i) => flat(level(i), level(i), level(i), 32)), 12);
    const samples = Array.from(
      { length: 29 },
      (_, index): MotionSample => ({ index, time: index / 12, motion: 0, isCut: false, isBlank: false }),
    );
    const pair = { source: samples[3]!, target: samples[9]!, images: [flat(1, 2, 3), flat(4, 5, 6)] as const, number: 0 };
    const sheet = await contactSheet({ id: "a", path, label: "x" }, { samples, pairs: [pair] }, [{
      action: "roll it",
      score: -0.5,
      sum: -1,
    }]);
    const { cells } = await readSheet(sheet, 4, 3);
    const found = cells.slice(0, 2).flat().map((cell) => Number(cell.split(",")[0]));
    found.forEach((value, i) => assert(Math.abs(value - level(4 * i)) <= 4, `frame ${i} has ${value}, wanted ${level(4 * i)}`));
    assertEquals(cells[2]!.slice(0, 3), ["1,2,3", "4,5,6", "255,255,255"]);
  }));
