import { drawActions } from "../../lib/report/mod.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assertEquals, withFolder } from "../support.ts";
import { flat, readSheet } from "./pictures.ts";

Deno.test("drawActions() shows source and target of each trajectory, cut to the square that the model sees", () =>
  withFolder(async (folder) => {
    const [world] = worldTrajectories("easy", 1, "bench", 1);
    const half: RgbImage = {
      width: 40,
      height: 8,
      data: Uint8Array.from({ length: 960 }, (_, i) => Math.floor(i / 3) % 40 < 16 ? 250 : 60),
    }; // the square begins at 16
    const of = (source: RgbImage, target: RgbImage) => ({
      trajectory: {
        ...world!,
        source: { ...world!.source, load: () => Promise.resolve(source) },
        target: { ...world!.target, load: () => Promise.resolve(target) },
      },
      ...{ source: new Uint16Array(), target: new Uint16Array(), distances: new Float32Array() },
    });
    const items = [of(flat(200, 0, 0), flat(0, 200, 0)), of(half, flat(0, 0, 200))];
    await drawActions(`${folder}/a.png`, items, [["open it", ""]], 8);
    const { width, cells } = await readSheet(Deno.readFileSync(`${folder}/a.png`), 2, 2);
    assertEquals([width, cells], [2 * 140 + 12, [["200,0,0", "0,200,0"], ["60,60,60", "0,0,200"]]]);
    await drawActions(`${folder}/b.png`, items, [["open it", ""], ["close it", "go"]], 8);
    assertEquals((await readSheet(Deno.readFileSync(`${folder}/b.png`), 2, 2)).width, 4 * 140 + 12); // room for two models' captions
  }));
