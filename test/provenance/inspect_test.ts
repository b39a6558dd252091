import { decodeImage, encodePng } from "../../lib/tokens/mod.ts";
import { inspectFile, type Provenance, provenanceXmp } from "../../lib/provenance/mod.ts";
import { writeMp4 } from "../../lib/video/mod.ts";
import { assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const ORIGIN: Provenance = { action: 'put <it> left & "say"\n🙂', seed: 7, base: "b1", adapter: "a2", candidate: 3, version: "0.1.0" };
const PICTURE = { width: 16, height: 16, data: new Uint8Array(768).fill(90) };

Deno.test("inspectFile() reads a picture's and a video's origin back; decoding and encoding again leaves none, as raters must not see it", () =>
  withFolder(async (folder) => {
    const xmp = provenanceXmp(ORIGIN);
    const png = await encodePng(PICTURE, xmp);
    Deno.writeFileSync(`${folder}/a.png`, png);
    assertEquals(await inspectFile(`${folder}/a.png`), ORIGIN);
    assertEquals(await encodePng(PICTURE, xmp), png);
    const again = await decodeImage(png, "a.png");
    assertEquals(again, PICTURE);
    Deno.writeFileSync(`${folder}/b.png`, await encodePng(again));
    assertEquals(await inspectFile(`${folder}/b.png`), undefined);
    await writeMp4(`${folder}/a.mp4`, [PICTURE, PICTURE], 6, { comment: xmp });
    assertEquals(await inspectFile(`${folder}/a.mp4`), ORIGIN);
    await writeMp4(`${folder}/b.mp4`, [PICTURE], 6);
    assertEquals(await inspectFile(`${folder}/b.mp4`), undefined);
    const bmp = new Uint8Array(58); // one white pixel
    bmp.set([0x42, 0x4d, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24]);
    Deno.writeFileSync(`${folder}/a.bmp`, bmp.fill(255, 54));
    assertEquals(await inspectFile(`${folder}/a.bmp`), undefined);
    Deno.writeTextFileSync(`${folder}/c.png`, "no picture");
    await assertRejects(() => inspectFile(`${folder}/c.png`), UserError, "it is none of PNG");
    Deno.writeFileSync(`${folder}/d.png`, png.subarray(0, png.length - 40));
    await assertRejects(() => inspectFile(`${folder}/d.png`), UserError, "is damaged");
  }));
