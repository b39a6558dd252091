/** evaluate-images as a user runs it. */
import { encodePng } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("evaluate-images knows which pictures it measured: with others it neither shows the old table nor goes on with the old parts", () =>
  withFolder(async (folder) => {
    const draw = async (level: number) => {
      const png = await encodePng({ width: 64, height: 64, data: new Uint8Array(3 * 64 * 64).fill(level) });
      for (const { id } of worldTrajectories("default", 1, "bench", 4)) Deno.writeFileSync(`${folder}/drawn/${id}.png`, png);
    };
    const evaluate = async (...more: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", `${ROOT}tasks/evaluate_images.ts`, "--bench.world=4", `--systems=copy,ours=${folder}/drawn`],
          ...[`--run=${folder}/run`, ...more],
        ],
        ...{ cwd: ROOT, env: { NO_COLOR: "1" } },
      }).output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    Deno.mkdirSync(`${folder}/drawn`);
    await draw(0);
    const first = await evaluate();
    assertEquals(first.code, 0, first.text);
    assert((await evaluate()).text.includes("is finished already"));
    await draw(255);
    const changed = await evaluate();
    assert(changed.code === 1 && /^evaluate-images: Cannot go on .*"inputs.pictures" was .*--restart/m.test(changed.text), changed.text);
    const table = () => Deno.readTextFileSync(`${folder}/run/table.csv`);
    const before = table();
    assertEquals((await evaluate("--restart")).code, 0);
    assert(table() !== before);
  }));
