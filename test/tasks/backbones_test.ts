import { exists } from "../../lib/files.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Pretraining of a few steps: nothing is learnt, but every part is there. */
const FEW = ["groups=12", "vqSteps=2", "vqLocalSteps=1", "steps=2", "nearSteps=1", "batch=4"].map((setting) => `--pretrain.${setting}`);

for (const backbone of ["emu3", "janus"]) {
  Deno.test(`a tiny ${backbone} goes through pretraining, both trainings, sampling and verification by the ordinary tasks`, () =>
    withFolder(async (folder) => {
      const at = (name: string) => `${folder}/${name}`;
      const run = async (task: string, name: string, ...args: string[]) => {
        const common = [`--config=${ROOT}data/configs/${backbone}.yaml`, "--data.world=8", "--bench.world=2", `--run=${at(name)}`];
        const all = ["run", "-A", "--no-check", `${ROOT}tasks/${task}.ts`, ...common, ...args];
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
        assertEquals(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
      };
      await run("pretrain_tiny", "base", ...FEW);
      const base = `--model.path=${at("base/model")}`;
      const short = (section: string) => ["steps=2", "batch=2", "samples=1", "lora.rank=4"].map((setting) => `--${section}.${setting}`);
      await run("train_cdm", "cdm", base, ...short("cdm"));
      await run("train_cwm", "cwm", base, ...short("cwm"));
      const adapters = [`--verify.adapter=${at("cwm/adapter")}`, `--verify.cdm=${at("cdm/adapter")}`];
      await run("verify", "verify", base, ...adapters, "--verify.repeats=1", "--verify.candidates=2");
      await run("sample", "sample", base, `--sample.adapter=${at("cwm/adapter")}`);
      const lines = Deno.readTextFileSync(at("sample/predictions.jsonl")).trim().split("\n");
      assertEquals(lines.length, 2);
      assert(exists(at("cdm/predictions.png")) && exists(at("cwm/predictions.png")) && exists(at("verify/candidates.jsonl")));
    }));
}
