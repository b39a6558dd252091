import { tablesOf, writeReport } from "../../lib/report/report.ts";
import { exists, readText, writeFile } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";
import { flat } from "./pictures.ts";
import { CONFIG, finishRun, judgement, scoreOf } from "./runs.ts";

Deno.test({
  name: "writeReport() writes every run's tables under names of their own, and a page with all pictures and scores",
  sanitizeOps: false, // Vega keeps a timer
  sanitizeResources: false,
  fn: () =>
    withFolder(async (folder) => {
      const trajectories = worldTrajectories(CONFIG.data.difficulty, CONFIG.seed, "bench", 2);
      const [first, second] = trajectories.map(({ id }) => id) as [string, string];
      writeFile(`${folder}/mine/${first}.png`, await encodePng(flat(9, 9, 9, 300)));
      const scores = [
        scoreOf("copy", first, 0, 10),
        scoreOf("mine", first, 8.25, 6, { reason: "a <b> reason" }),
        { system: "copy", id: second, subset: "edit", action: "x", unscored: "the model refused" },
      ];
      for (const run of ["a/judge", "b/judge"]) {
        finishRun(`${folder}/${run}`, judgement(["copy", `mine=${folder}/mine`]), { "scores.jsonl": scores });
      }
      const [runs, to] = [[`${folder}/a/judge`, `${folder}/b/judge`], `${folder}/out`];
      const tables = await tablesOf(runs, to);
      await writeReport({ config: CONFIG, to, tables, first: [{ title: "Before all" }], shown: runs });
      assertEquals(new Set(tables.map(({ name }) => name)).size, tables.length);
      for (const { name } of tables) assert(["md", "csv", "json"].every((ending) => exists(`${folder}/out/${name}.${ending}`)), name);
      assert(exists(`${folder}/out/a-judge.md`) && exists(`${folder}/out/b-judge.md`));
      const html = readText(`${folder}/out/report.html`);
      assertEquals([...html.matchAll(/<div class="item">/g)].length, 4); // two trajectories of two runs
      assertEquals([...html.matchAll(/<figure>/g)].length, 14); // source, target, copy; the other system has one picture of two
      for (const text of ["Before all", "6.0: success 8.3, minimal 6.0. a &#60;b&#62; reason", "unscored: the model refused", "4 shown"]) {
        assert(html.includes(text), text);
      }
      for (const { action } of trajectories) assert(html.includes(action), action);
      assert(!/(src|href)="(?!data:)/.test(html), "the page asks for something");
    }),
});

Deno.test("writeReport() leaves out a picture of the bench that is broken", () =>
  withFolder(async (folder) => {
    writeFile(`${folder}/whole.png`, await encodePng(flat(9, 9, 9, 300)));
    writeFile(`${folder}/broken.png`, new Uint8Array([0x89, 0x50, 0x4e, 0x47]));
    const triplet = { input: "whole.png", output: "broken.png", instruction: "break it", task: "ag" };
    writeFile(`${folder}/list.json`, JSON.stringify([triplet]));
    const config = { ...CONFIG, bench: { ...CONFIG.bench, aurora: `${folder}/list.json` } };
    finishRun(`${folder}/judge`, judgement(["copy"]), { "scores.jsonl": [scoreOf("copy", "ag-0", 0, 10)] }, 0, config);
    await writeReport({ config, to: folder, tables: [], shown: [`${folder}/judge`] });
    const html = readText(`${folder}/report.html`);
    assertEquals([...html.matchAll(/<figure>/g)].length, 2); // the source and the copy of it
    assert(html.includes("break it"));
  }));
