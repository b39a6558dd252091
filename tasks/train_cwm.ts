/**
 * Trains the world model (paper §3.2, A.8.3): a LoRA adapter on the base, source image and action in, target image out,
 * tokens that change weighted by recognition; supervised and synthetic trajectories. With `--cft` the baseline of A.8.2.
 *
 * @module
 */
import { DEPENDENCY_FLAGS, type Invocation, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import { configFor, fineTune, type FineTuning } from "../lib/experiment/fine_tune.ts";
import { pathsOf } from "../lib/experiment/datasets.ts";
import { freezeHead } from "../lib/model/mod.ts";
import { drawPredictions } from "../lib/report/mod.ts";
import { longestSequence, worldBatch, worldSequenceOf } from "../lib/trajectories/mod.ts";
import { ensureEngine } from "./setup.ts";
import { trajectoriesFile } from "./stages.ts";

const TASK: TaskInfo = {
  name: "train-cwm",
  about: "Trains the world model: a LoRA adapter that predicts the next observation from an observation and an action.",
  sections: ["data", "model", "cwm"],
  flags: { ...DEPENDENCY_FLAGS, cft: "the baseline C-FT: no recognition weights, no synthetic trajectories" },
};

/** What sets the training of the world model apart; see docs/swap.md for how to change a part of it. */
export const WORLD_MODEL: Omit<FineTuning, "stage" | "synthetic"> = {
  task: TASK.name,
  section: "cwm",
  head: ({ model, vocabulary }) => freezeHead(model.chameleon, vocabulary), // image tokens alone
  batches: ({ config, model, vocabulary, items }) => {
    const shape = {
      limit: model.chameleon.config.maxPositions,
      multiple: longestSequence(items.map((item) => worldSequenceOf(item, vocabulary))),
    };
    return (chosen) => worldBatch(chosen, vocabulary, config.cwm, shape);
  },
  show: async (path, { config: { cwm, seed }, model, vocabulary, items }, head, adapter) => {
    const sampler = { model: model.chameleon, adapter, head, firstId: vocabulary.firstImage, pad: vocabulary.pad };
    await drawPredictions(`${path}.png`, sampler, model.vqgan, vocabulary, items.slice(0, cwm.samples), { ...cwm, seed });
    return `${path}.png   source, target, prediction, weights`;
  },
};

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  const backend = "dry-run" in flags ? undefined : await ensureEngine(invocation.config.model.backend);
  const given = backend ? configFor(invocation, backend) : invocation.config;
  const config = "cft" in flags ? { ...given, cwm: { ...given.cwm, weights: "none" as const } } : given;
  const stage = "cft" in flags ? "train-cft" : "train-cwm";
  const synthetic: string[] = [];
  for (const name of "cft" in flags ? [] : pathsOf(config.cwm.synthetic)) synthetic.push(await trajectoriesFile(name, invocation));
  await fineTune({ config, flags }, { ...WORLD_MODEL, stage, synthetic }, backend);
}

if (import.meta.main) await runTask(TASK, main);
