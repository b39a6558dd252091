/**
 * Trains the world model (paper §3.2, A.8.3): a LoRA adapter on the base, source image and action in, target image out,
 * tokens that change weighted by recognition; supervised and synthetic trajectories. With `--cft` the baseline of A.8.2.
 *
 * @module
 */
import { seedTensor } from "../lib/engine/mod.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { pathsOf } from "../lib/experiment/datasets.ts";
import { originOf } from "../lib/experiment/origin.ts";
import { outputsOf } from "../lib/experiment/pipeline.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import {
  BENCH_FLAG,
  type Invocation,
  PROVENANCE_FLAG,
  SHARDED_SWITCH,
  STAGE_SWITCHES,
  type TaskInfo,
  WORKERS_FLAGS,
} from "../lib/experiment/task.ts";
import { costText, openTraining } from "../lib/experiment/training.ts";
import { ofWorldModel } from "../lib/experiment/training_config.ts";
import { adapterTensors, createAdapter, loadAdapter, saveAdapter, withAdapterTensors } from "../lib/model/mod.ts";
import { drawPredictions } from "../lib/report/mod.ts";
import { reportTraining } from "../lib/report/training.ts";
import { imageSampler } from "../lib/sample/mod.ts";
import { completionGradients } from "../lib/train/completion_loss.ts";
import { train } from "../lib/train/loop.ts";
import { validateEvery } from "../lib/train/validation.ts";
import { batchItems, type EncodedTrajectory, longestSequence, worldBatch, worldSequenceOf } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "train-cwm",
  about: "Trains the world model: a LoRA adapter that predicts the next observation from an observation and an action.",
  sections: ["data", "bench", "model", "cwm"],
  needs: ({ config: { cwm }, flags }) => [cwm.init, ..."cft" in flags ? [] : pathsOf(cwm.synthetic)],
  switches: { ...STAGE_SWITCHES, ...SHARDED_SWITCH, cft: "the baseline C-FT: no recognition weights, no synthetic trajectories" },
  flags: { ...BENCH_FLAG, ...WORKERS_FLAGS, ...PROVENANCE_FLAG },
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { flags } = invocation;
  const stageName = "cft" in flags ? "train-cft" : "train-cwm";

  // 1. Trajectories in tokens, and the frozen base
  const own = ofWorldModel(invocation);
  const { cwm } = own.config;
  const synthetic = pathsOf(cwm.synthetic).flatMap((name) => outputsOf(name, own.config));
  const training = await openTraining(own, TASK, { stage: stageName, section: "cwm", synthetic, init: cwm.init });
  if (!training) return;
  const { stage: { folder, digest }, stage, config, model: { chameleon, vqgan }, vocabulary, items, held, steps } = training;
  const { cwm: options, seed } = config;

  // 2. What is trained, and the loss: cross-entropy of the target's image tokens, weighted by what changed
  const { init } = stage.adapters;
  const adapter = init ? loadAdapter(init, chameleon.config) : createAdapter(chameleon.config, options.lora, seed);
  const sampler = imageSampler(chameleon, vocabulary, adapter, options.head);
  const objective = { model: chameleon, head: sampler.head, adapter, checkpointing: options.checkpointing };
  const gradients = completionGradients(objective);
  const longest = longestSequence([...items, ...held].map((item) => worldSequenceOf(item, vocabulary)));
  const shape = { limit: chameleon.config.maxPositions, multiple: longest, firstId: sampler.firstId };
  const lay = (chosen: readonly EncodedTrajectory[]) => worldBatch(chosen, vocabulary, options, shape);
  const validate = validateEvery(objective, { folder, held, batch: options.batch, every: options.validateEvery, steps, batchOf: lay });

  // 3. The loop over steps
  let trained = adapter;
  const shown = items.slice(0, options.samples);
  const isWhole = !chameleon.sharded; // the first worker alone cannot draw with a base that is spread
  const xmp = originOf(invocation, stage, "trained")(shown.map(({ trajectory }) => trajectory.action), seed);
  const draw = (path: string) =>
    drawPredictions(
      path,
      { sampler: { ...sampler, adapter: trained, budget: training.budget }, vqgan, vocabulary },
      shown,
      { ...options, seed },
      xmp,
    );
  const progress = showProgress(stageName, steps);
  const loop = train({
    ...{ folder, digest, adamw: options, accumulate: options.accumulate, saveEvery: options.saveEvery },
    ...{ workers: training.workers, rows: options.batch },
    initial: () => [...adapterTensors(adapter).values()],
    schedule: { lr: options.lr, warmup: options.warmup, steps },
    batch: (micro) => {
      const chosen = batchItems(items, seed, options.batch, micro);
      return { ...lay(chosen), samples: chosen.map(({ trajectory }) => trajectory.id) };
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

  // 4. The adapter, what it predicts, the loss
  saveAdapter(`${folder}/adapter`, trained, config.model.path);
  if (isWhole) await draw(`${folder}/predictions.png`);
  const result = await reportTraining(folder, stageName, items.length);
  stage.finish(result);
  console.log(
    `Loss ${result.loss.first.toFixed(3)} → ${result.loss.last.toFixed(3)} in ${steps} steps, ${result.tokensPerSecond} tokens/s, ${
      costText(stage)
    }${
      isWhole ? `\n  ${folder}/predictions.png   source, target, prediction, weights` : ""
    }\n  ${folder}/loss.png          the loss\n  ${folder}/adapter/          the adapter, in PEFT's layout`,
  );
}

if (import.meta.main) await runTask(TASK, main);
