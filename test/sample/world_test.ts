import { openBackend } from "../../lib/engine/mod.ts";
import { open } from "../../lib/sample/mod.ts";
import { encodePng, type RgbImage } from "../../lib/tokens/mod.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

await openBackend();

Deno.test("open() imagines the same candidates for a seed from pixels and from a file, the likeliest first, and says what was done", () =>
  withFolder(async (folder) => {
    const [transition] = worldTrajectories("easy", 1, "bench", 1);
    const [source, target] = await renderScenes([transition!.before, transition!.after]);
    const path = `${folder}/source.png`;
    Deno.writeFileSync(path, await encodePng(source!));
    const world = await open({ model: "data/tiny" });
    try {
      const drawn = await Array.fromAsync(world.imagine(source!, transition!.action, { candidates: 3, seed: 5 }));
      assertEquals(await Array.fromAsync(world.imagine(path, transition!.action, { candidates: 3, seed: 5 })), drawn);
      assertEquals(drawn.map(({ logLikelihood }) => logLikelihood), drawn.map(({ logLikelihood }) => logLikelihood).sort((a, b) => b - a));
      assertEquals(new Set(drawn.map(({ candidate }) => candidate)), new Set([0, 1, 2]));
      const [one] = await Array.fromAsync(world.imagine(source!, transition!.action, { candidates: 1, seed: 5 }));
      assertEquals(one!.codes, drawn.find(({ candidate }) => candidate === 0)!.codes);
      const rows: number[] = [];
      const onRow = (pictures: readonly RgbImage[], row: number) => void rows.push(pictures.length * 100 + row);
      assertEquals(await Array.fromAsync(world.imagine(source!, transition!.action, { candidates: 3, seed: 5, onRow })), drawn);
      assertEquals(rows, Array.from({ length: 8 }, (_, row) => 300 + row + 1));
      const [next] = await Array.fromAsync(world.imagine(drawn[0]!, "add a red circle", { candidates: 1, seed: 5 })); // from its tokens
      assertEquals(next!.codes.length, 64);
      assert((await world.describe(source!, target!)).length > 0);
      const display = (one as unknown as Record<symbol, () => Promise<Record<string, string>>>)[Symbol.for("Jupyter.display")]!;
      assertEquals((await display())["image/png"]!.slice(0, 8), "iVBORw0K");
      await assertRejects(() => Array.fromAsync(world.imagine(`${folder}/none.png`, "open it")), UserError, "is not there");
      await assertRejects(() => Array.fromAsync(world.imagine(source!, "open it", { candidates: 0 })), UserError, "at least one");
    } finally {
      world.close();
    }
    await assertRejects(() => open({ model: folder }), UserError);
  }));
