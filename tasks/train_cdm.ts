/**
 * Trains the dynamics model (paper §3.1, A.8.1): a LoRA adapter on the base, two images in, the action between them out.
 *
 * @module
 */
import { type Invocation, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import { configFor, fineTune, type FineTuning } from "../lib/experiment/fine_tune.ts";
import { writeFile } from "../lib/files.ts";
import { drawSheet } from "../lib/report/mod.ts";
import { predictActions, textRule } from "../lib/sample/mod.ts";
import { squareCrop } from "../lib/tokens/mod.ts";
import { dynamicsBatch, dynamicsSequenceOf, longestSequence } from "../lib/trajectories/mod.ts";
import { ensureEngine } from "./setup.ts";

const TASK: TaskInfo = {
  name: "train-cdm",
  about: "Trains the dynamics model: a LoRA adapter that says which action leads from one observation to the next.",
  sections: ["data", "model", "cdm"],
};

const DYNAMICS_MODEL: FineTuning = {
  task: TASK.name,
  stage: "train-cdm",
  section: "cdm",
  head: ({ model }) => model.chameleon.head,
  batches: ({ model, vocabulary, items }) => {
    const shape = {
      limit: model.chameleon.config.maxPositions,
      multiple: longestSequence(items.map((item) => dynamicsSequenceOf(item, vocabulary))),
    };
    return (chosen) => dynamicsBatch(chosen, vocabulary, shape);
  },
  show: async (path, { config: { cdm }, model, vocabulary, items }, head, adapter) => {
    const shown = items.slice(0, cdm.samples);
    const rule = textRule(vocabulary);
    const actions = predictActions({ model: model.chameleon, adapter, head, firstId: 0, pad: vocabulary.pad, rule }, vocabulary, shown);
    rule.dispose();
    const rows = await Promise.all(shown.map(async ({ trajectory: { source, action, target } }, i) => ({
      caption: `${action} → ${actions[i]}`,
      images: [await source.load(), await target.load()].map((image) => squareCrop(image, model.vqgan.config.resolution)),
    })));
    writeFile(`${path}.png`, await drawSheet(["source", "target"], rows));
    return `${path}.png   source, target, action → predicted action`;
  },
};

/** Runs the task. */
export async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  if ("dry-run" in flags) return await fineTune(invocation, DYNAMICS_MODEL, undefined);
  const backend = await ensureEngine(config.model.backend);
  await fineTune({ config: configFor(invocation, backend), flags }, DYNAMICS_MODEL, backend);
}

if (import.meta.main) await runTask(TASK, main);
