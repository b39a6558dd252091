/**
 * What the notebooks share: adapters that are trained once, shortly.
 *
 * @module
 */
import { runTaskProcess } from "../lib/experiment/pipeline.ts";
import { exists } from "../lib/files.ts";

/**
 * The adapter of a stage: of the run in `runs/tiny/` where there is one, else one that is trained now, shortly: 60 steps on
 * 500 transitions take a minute or less, and show how things work, not how good they get.
 */
export async function trained(stage: "train-cdm" | "train-cft"): Promise<string> {
  if (exists(`runs/tiny/${stage}/adapter`)) return `runs/tiny/${stage}/adapter`;
  const folder = `runs/notebooks/${stage}`;
  const [task, section, ...flags] = stage === "train-cdm" ? ["train-cdm", "cdm"] : ["train-cwm", "cwm", "--cft"];
  const short = ["--data.world=500", `--${section}.steps=60`, `--${section}.warmup=10`, `--run=${folder}`];
  await runTaskProcess({ task, args: [...flags, ...short] });
  return `${folder}/adapter`;
}
