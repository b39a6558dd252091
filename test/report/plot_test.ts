import { decodeImage } from "../../lib/tokens/mod.ts";
import { plotLines } from "../../lib/report/mod.ts";
import { assert, withFolder } from "../support.ts";

Deno.test({
  name: "plotLines() writes an SVG with its axes' titles, and a PNG",
  sanitizeOps: false, // Vega keeps a timer
  sanitizeResources: false,
  fn: () =>
    withFolder(async (folder) => {
      await plotLines(`${folder}/loss`, [1, 2, 3].map((x) => ({ x, y: 1 / x, line: "loss" })), { x: "step", y: "loss per token" });
      assert(Deno.readTextFileSync(`${folder}/loss.svg`).includes("loss per token"));
      assert((await decodeImage(Deno.readFileSync(`${folder}/loss.png`), "loss.png")).width > 100);
    }),
});
