/**
 * Trains the dynamics model (paper §3.1, A.8.1): a LoRA adapter on the base, two images in, the action between them out.
 *
 * @module
 */
import { seedTensor } from "../lib/engine/mod.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { pathsOf } from "../lib/experiment/datasets.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { BENCH_FLAG, type Invocation, SHARDED_SWITCH, STAGE_SWITCHES, type TaskInfo, WORKERS_FLAGS } from "../lib/experiment/task.ts";
import { costText, openTraining } from "../lib/experiment/training.ts";
import { adapterTensors, createAdapter, saveAdapter, withAdapterTensors } from "../lib/model/mod.ts";
import { drawActions } from "../lib/report/mod.ts";
import { reportTraining } from "../lib/report/training.ts";
import { LONGEST_REHEARSED, rehearsal, requireRehearsable } from "../lib/pretrain/rehearsal.ts";
import { lookAtTrajectories, picturePairs, predictActions, textSampler } from "../lib/sample/mod.ts";
import { completionGradients } from "../lib/train/completion_loss.ts";
import { train } from "../lib/train/loop.ts";
import { validateEvery } from "../lib/train/validation.ts";
import type { Sequence } from "../lib/tokens/mod.ts";
import { batchItems, dynamicsSequenceOf, type EncodedTrajectory, longestSequence, seenDynamicsBatch } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "train-cdm",
  about: "Trains the dynamics model: a LoRA adapter that says which action leads from one observation to the next.",
  sections: ["data", "bench", "model", "cdm"],
  switches: { ...STAGE_SWITCHES, ...SHARDED_SWITCH },
  flags: { ...BENCH_FLAG, ...WORKERS_FLAGS },
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  // 1. Trajectories in tokens, and the frozen base
  requireRehearsable(invocation.config);
  const synthetic = pathsOf(invocation.config.cdm.synthetic);
  const training = await openTraining(invocation, TASK, { stage: TASK.name, section: "cdm", synthetic });
  if (!training) return;
  const { stage: { folder, digest }, stage, config, model: { chameleon, vqgan }, vocabulary, items, held, steps } = training;
  const { cdm: options, seed } = config;

  // 2. What is trained, and the loss: cross-entropy of the action's tokens
  const adapter = createAdapter(chameleon.config, options.lora, seed);
  const sampler = textSampler(chameleon, vocabulary, adapter);
  const objective = { model: chameleon, head: sampler.head, adapter, checkpointing: options.checkpointing };
  const gradients = completionGradients(objective);
  const rehearsed = await rehearsal(config, vqgan, vocabulary);
  const longest = longestSequence([...[...items, ...held].map((item) => dynamicsSequenceOf(item, vocabulary)), ...rehearsed]);
  const labels = options.rehearse > 0 ? { labels: LONGEST_REHEARSED } : {};
  const shape = { limit: chameleon.config.maxPositions, multiple: longest, ...labels };
  const lay = async (chosen: readonly EncodedTrajectory[], beside: readonly Sequence[] = []) =>
    await seenDynamicsBatch(chosen, vqgan, vocabulary, shape, beside);
  const validate = validateEvery(objective, { folder, held, batch: options.batch, every: options.validateEvery, steps, batchOf: lay });

  // 3. The loop over steps
  let trained = adapter;
  const shown = items.slice(0, options.samples);
  const isWhole = !chameleon.sharded; // the first worker alone cannot draw with a base that is spread
  const draw = async (path: string) => {
    using look = await lookAtTrajectories({ text: { ...sampler, adapter: trained, budget: training.budget }, vqgan, vocabulary }, shown);
    await drawActions(path, shown, [predictActions(look.text, look.vocabulary, picturePairs(look))], vqgan.config.resolution);
  };
  const progress = showProgress(TASK.name, steps);
  const loop = train({
    ...{ folder, digest, adamw: options, accumulate: options.accumulate, saveEvery: options.saveEvery },
    ...{ workers: training.workers, rows: options.batch },
    initial: () => [...adapterTensors(adapter).values()],
    schedule: { lr: options.lr, warmup: options.warmup, steps },
    batch: async (micro) => {
      const chosen = batchItems(items, seed, options.batch - options.rehearse, micro);
      const beside = batchItems(rehearsed, seed, options.rehearse, micro);
      return { ...await lay(chosen, beside), samples: chosen.map(({ trajectory }) => trajectory.id) };
    },
    gradients: (params, batch, micro, arrived) =>
      gradients(params, batch, options.lora.dropout > 0 ? seedTensor(seed, "dropout", micro) : null, arrived),
  });
  for await (const { step, loss, speed, params } of loop) {
    trained = withAdapterTensors(adapter, params);
    await validate(step, trained);
    progress.update(step, `loss ${loss.toFixed(3)}, ${speed} tokens/s`);
    if (isWhole && step < steps && options.sampleEvery > 0 && step % options.sampleEvery === 0) {
      await draw(`${folder}/samples/${String(step).padStart(6, "0")}.png`);
    }
  }
  progress.stop();
  if (training.workers && training.workers.rank > 0) return; // the first worker alone writes

  // 4. The adapter, what it says, the loss
  saveAdapter(`${folder}/adapter`, trained, config.model.path);
  if (isWhole) await draw(`${folder}/predictions.png`);
  const result = await reportTraining(folder, TASK.name, items.length);
  stage.finish(result);
  console.log(
    `Loss ${result.loss.first.toFixed(3)} → ${result.loss.last.toFixed(3)} in ${steps} steps, ${result.tokensPerSecond} tokens/s, ${
      costText(stage)
    }${
      isWhole ? `\n  ${folder}/predictions.png   source, target, action → predicted action` : ""
    }\n  ${folder}/loss.png          the loss\n  ${folder}/adapter/          the adapter, in PEFT's layout`,
  );
}

if (import.meta.main) await runTask(TASK, main);
