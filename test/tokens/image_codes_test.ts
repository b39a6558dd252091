import { decodedImages, encodePictures, type RgbImage } from "../../lib/tokens/mod.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const SCENES = worldTrajectories("default", 5, "bench", 70).map(({ before }) => before);

Deno.test("encodePictures() gives a picture the codes that it gets alone, beyond one batch, in order", () =>
  withoutLeaks(async () => {
    const model = loadModel(TINY, "float32");
    const pictures = await renderScenes(SCENES);
    const codes = encodePictures(model.vqgan, pictures);
    assertEquals([codes.length, new Set(codes.map(({ length }) => length))], [70, new Set([64])]);
    for (const i of [0, 63, 64, 69]) {
      const [alone] = encodePictures(model.vqgan, [pictures[i]!]);
      const apart = alone!.filter((code, place) => code !== codes[i]![place]).length; // a tie may fall the other way
      assert(apart <= 1, `picture ${i}: ${apart} of 64 codes differ`);
    }
    assertEquals(encodePictures(model.vqgan, []), []);
    disposeModel(model);
  }));

Deno.test("decodedImages() gives back what encodePictures() saw, nearly, and each picture the nearest to its own", () =>
  withoutLeaks(async () => {
    const model = loadModel(TINY, "float32");
    const pictures = await renderScenes(SCENES.slice(0, 12));
    const decoded = decodedImages(model.vqgan, encodePictures(model.vqgan, pictures));
    const distance = (a: RgbImage, b: RgbImage) => a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;
    decoded.forEach((image, i) => {
      assertEquals([image.width, image.height], [64, 64]);
      const distances = pictures.map((picture) => distance(image, picture));
      assert(distances[i]! < 8 && distances[i] === Math.min(...distances), `${i}: ${distances.map((value) => value.toFixed(1))}`);
    });
    disposeModel(model);
  }));
