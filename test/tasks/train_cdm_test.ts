/** train-cdm as a user runs it: in a process of its own. */
import { encodePng } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("train-cdm learns from filtered trajectories of an earlier round beside the others, and compresses no frame of a video again", () =>
  withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/frames`);
    for (const [i, side] of ["source", "target"].entries()) {
      const picture = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(90 + 60 * i) };
      Deno.writeFileSync(`${folder}/frames/${side}.png`, await encodePng(picture));
    }
    const one = {
      id: "v#0",
      video: "v",
      label: "roll",
      source: "frames/source.png",
      target: "frames/target.png",
      action: "roll it",
      score: -1,
    };
    const lines = [one, { ...one, id: "v#1", action: "push it" }];
    Deno.writeTextFileSync(`${folder}/trajectories.jsonl`, lines.map((line) => JSON.stringify(line) + "\n").join(""));
    const args = ["--data.world=4", "--cdm.steps=2", "--cdm.batch=4", "--cdm.samples=1", "--cdm.asVideo=true"];
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}tasks/train_cdm.ts`, ...args, `--cdm.synthetic=${folder}/trajectories.jsonl`, `--run=${folder}/run`],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
    assertEquals(code, 0, err);
    assert(out.includes(`Training on 10 trajectories of the tiny world (seed 1), ${folder}/trajectories.jsonl`), out); // 4, 4 copies, 2
    const { config } = JSON.parse(Deno.readTextFileSync(`${folder}/run/manifest.json`)) as { config: { cdm: { synthetic: string } } };
    assertEquals(config.cdm.synthetic, `${folder}/trajectories.jsonl`);
  }));
