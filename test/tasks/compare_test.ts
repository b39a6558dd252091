import { encodePng } from "../../lib/tokens/images.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, denoFolder, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const WORLD = [`--config=${ROOT}data/configs/micro.yaml`, "--data.regime=scarce"];

async function run(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${path}`, ...WORLD, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_DIR: denoFolder() },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** The true targets of a seed's bench as a system's pictures. */
async function writeTruth(folder: string, seed: number): Promise<string> {
  await Deno.mkdir(folder);
  for (const { id, target } of worldTrajectories("easy", seed, "bench", 10, "scarce")) {
    await Deno.writeFile(`${folder}/${id}.png`, await encodePng(await target.load()));
  }
  return folder;
}

Deno.test("compare: judged runs of several seeds to one table with halves and a plot; what cannot be compared is refused", () =>
  withFolder(async (folder) => {
    for (const seed of [1, 2]) {
      const systems = `--systems=copy,truth=${await writeTruth(`${folder}/truth-${seed}`, seed)}`;
      const { code, text } = await run("tasks/judge.ts", systems, `--seed=${seed}`, `--run=${folder}/judge-${seed}`);
      assertEquals(code, 0, text);
    }
    const compare = (...args: string[]) => run("tasks/compare.ts", `--run=${folder}/compare`, ...args);
    const judged = [1, 2].map((seed) => `${folder}/judge-${seed}`);

    const { code, text } = await compare(...judged);
    assertEquals(code, 0, text);
    const rows = JSON.parse(Deno.readTextFileSync(`${folder}/compare/table.json`)) as Record<string, string | number | null>[];
    const truth = rows.filter(({ system }) => system === "truth");
    assertEquals(truth.map(({ part, score }) => [part, score]), [["all", 10], ["seen", 10], ["unseen", 10]]);
    assert((truth[0]!["difference"] as number) > 5 && truth[0]!["is better"] === "undecided below 5 seeds", text);
    assert(text.includes("Seeds 1, 2; differences to copy") && Deno.statSync(`${folder}/compare/scores.png`).size > 1000, text);

    const against = await compare(...judged, "--against=truth", "--dry-run");
    assertEquals([against.code, against.text.includes("→")], [0, true], against.text);
    for (const [args, wanted] of [[[], "give runs of task judge"], [[...judged, "--against=us"], "judged are copy, truth"]] as const) {
      const refused = await compare(...args);
      assert(refused.code === 1 && refused.text.includes(wanted), refused.text);
    }
  }));
