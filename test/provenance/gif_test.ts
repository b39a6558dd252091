import sharp from "sharp";
import { gifWithXmp, inspectFile, provenanceXmp, xmpOf, xmpOfGif } from "../../lib/provenance/mod.ts";
import { decodeImage } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const ORIGIN = { action: "öffne <die> Tür", seed: 3, base: "ab12", adapter: "cd34", version: "0.1.0" };

async function twoFrames(): Promise<Uint8Array> {
  const data = new Uint8Array(8 * 16 * 3).map((_, i) => i < 8 * 8 * 3 ? 20 : 220);
  return new Uint8Array(
    await sharp(data, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } }).gif({ delay: [500, 500] }).toBuffer(),
  );
}

Deno.test("gifWithXmp() leaves a GIF that programs read as before, and says where it comes from", () =>
  withFolder(async (folder) => {
    const gif = await twoFrames();
    const path = `${folder}/a.gif`;
    Deno.writeFileSync(path, gifWithXmp(gif, provenanceXmp(ORIGIN)));
    assertEquals(await inspectFile(path), ORIGIN);
    assertEquals(await xmpOf(path), provenanceXmp(ORIGIN));
    assertEquals(await decodeImage(Deno.readFileSync(path), path), await decodeImage(gif, "plain"));
    assertEquals((await sharp(path, { animated: true }).metadata()).pages, 2);
    Deno.writeFileSync(path, gif);
    assertEquals(await inspectFile(path), undefined);
  }));

Deno.test("xmpOfGif() finds nothing in what is cut off, and gifWithXmp() refuses it", async () => {
  const whole = gifWithXmp(await twoFrames(), "<x/>");
  for (let cut = 1; cut < 270; cut += 7) {
    const found = xmpOfGif(whole.subarray(0, whole.length - cut));
    assert(found === undefined || found === "<x/>", found);
  }
  assertThrows(() => gifWithXmp(whole.subarray(0, 20), "<x/>"), UserError, "cut off");
});
