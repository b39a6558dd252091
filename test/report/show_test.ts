import { show, type Showable } from "../../lib/report/mod.ts";
import { decodeImage, encodePng } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const RED = { width: 2, height: 2, data: Uint8Array.from([255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0]) };

async function outputs(value: Showable): Promise<Readonly<Record<string, string>>> {
  return await show(value)[Symbol.for("Jupyter.display")]!();
}

/** The picture of a cell's output. */
async function pictureOf(value: Showable) {
  const { "image/png": text, ...others } = await outputs(value);
  assertEquals(others, {});
  return await decodeImage(Uint8Array.from(atob(text!), (letter) => letter.charCodeAt(0)), "output");
}

Deno.test("show() gives a picture as it is, be it pixels, a PNG or a file's path", () =>
  withFolder(async (folder) => {
    const png = await encodePng(RED);
    Deno.writeFileSync(`${folder}/red.png`, png);
    for (const value of [RED, png, `${folder}/red.png`]) assertEquals((await pictureOf(value)).data, RED.data);
  }));

Deno.test("show() draws trajectories as pairs with their actions, one or several", async () => {
  const [one, two] = worldTrajectories("easy", 1, "bench", 2) as [never, never];
  const [single, both] = [await pictureOf(one), await pictureOf([one, two])];
  assert(both.height > single.height && both.width === single.width, `${single.height}, ${both.height}`);
});

Deno.test("show() draws candidates side by side", async () => {
  const imagined = (candidate: number) => ({ picture: RED, codes: [1], candidate, logLikelihood: -candidate });
  const [two, three] = [await pictureOf([imagined(0), imagined(1)]), await pictureOf([0, 1, 2].map(imagined))];
  assert(three.width > two.width && three.height === two.height);
});

Deno.test("show() gives rows as a table", async () => {
  assertEquals(await outputs([{ system: "C-FT", score: 4.5 }]), { "text/markdown": "| system | score |\n| --- | --- |\n| C-FT | 4.50 |" });
});
