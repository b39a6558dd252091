/**
 * Trains the tiny Chameleon, or a tiny Emu3 or Janus, from nothing: VQGAN on pictures of scenes, then transformer on scenes with captions.
 * The checkpoint goes to the run's folder, or to `pretrain.out`.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { writeFile } from "../lib/files.ts";
import { saveModel } from "../lib/model/mod.ts";
import { modelOf } from "../lib/model/checkpoint.ts";
import { drawGroups, encodeGroups, makeGroups, trainTransformer, trainVqgan } from "../lib/pretrain/stages.ts";
import { runFolder } from "../lib/experiment/run.ts";
import { ensureEngine, openStage } from "../lib/experiment/stage.ts";
import { loadVocabulary } from "../lib/tokens/mod.ts";
import { vocabularyMap } from "../lib/tokens/vocabulary.ts";
import { readLog } from "../lib/train/loop.ts";
import { initTransformer, TINY_VQ, tinyConfig } from "../lib/pretrain/losses.ts";
import { DIFFICULTIES } from "../lib/world/mod.ts";
import { alikeScenes, nearScenes } from "../lib/world/documents.ts";
import { tinyTokenizer } from "../lib/world/tokenizer.ts";

const TASK: TaskInfo = {
  name: "pretrain-tiny",
  about: "Trains the tiny Chameleon from nothing on scenes of the tiny world: VQGAN first, then the transformer.",
  sections: ["pretrain"], // from nothing: there need be no base
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { pretrain } = config;
  const folder = runFolder(config, TASK.name, flags);
  if ("dry-run" in flags) console.log(`The checkpoint would go to ${pretrain.out || `${folder}/model`}.`);
  const backend = "dry-run" in flags ? undefined : await ensureEngine(config.model.backend);
  const run = await openStage(invocation, TASK, { sections: ["pretrain", "seed"], backend });
  if (!run) return;
  if (run.backend?.name === "wasm") {
    throw new UserError('Cannot train from nothing on wasm, which lacks gradients of convolutions: run "deno task setup"');
  }

  // 1. Groups of scenes that are alike, those that begin with fewest objects first, and their pictures
  const groups = makeGroups(config, alikeScenes);
  const pictures = await drawGroups(groups);

  // 2. The VQGAN
  const vqgan = await trainVqgan(run, config, pictures);

  // 3. Every scene's image codes, those of scenes that are nearly the same too, and the vocabulary
  const world = DIFFICULTIES[pretrain.difficulty];
  const near = makeGroups(config, nearScenes);
  const tokenizer = tinyTokenizer(TINY_VQ.codes, pretrain.backbone);
  const shape = tinyConfig(tokenizer.size, pretrain.backbone);
  const areSeen = shape.seeing !== undefined;
  const alikePool = { world, groups: encodeGroups(vqgan, groups, pictures, areSeen) };
  const nearPool = { world, groups: encodeGroups(vqgan, near, await drawGroups(near), areSeen) };
  for (const [name, text] of Object.entries(tokenizer.files)) writeFile(`${run.folder}/model/${name}`, text);
  const vocabulary = loadVocabulary(`${run.folder}/model`, TINY_VQ.codes);

  // 4. The transformer
  const first = initTransformer(shape, config.seed);
  const names = [...first.keys()];
  const stage = { names, vocabulary, shape };
  const { steps, nearSteps, lr } = pretrain;
  const taught = await trainTransformer(
    run,
    config,
    { ...stage, name: "transformer", documents: "documents", pool: alikePool, steps, lr },
    () => names.map((name) => first.get(name)!),
  );
  const params = await trainTransformer(
    run,
    config,
    { ...stage, name: "transformer-near", documents: "near documents", pool: nearPool, steps: nearSteps, lr },
    () => [...taught],
  );
  const weights = new Map(stage.names.map((name, i) => [name, params[i]!]));
  const { loss } = readLog(`${run.folder}/transformer-near`).at(-1)!;

  // 5. The checkpoint
  const named = new Map([...weights, ...Object.entries(vqgan.weights).map(([name, t]) => [`model.vqmodel.${name}`, t] as const)]);
  const out = pretrain.out || `${run.folder}/model`;
  const model = modelOf(out, shape, (name) => named.get(name));
  saveModel(out, model, { vocabularyMap: vocabularyMap(vocabulary), tokenizer: tokenizer.files }, "BF16");
  run.finish({ kind: "pretraining", checkpoint: out, loss, vqSteps: pretrain.vqSteps, steps: pretrain.steps });
  console.log(`The checkpoint is in ${out}; last loss ${loss.toFixed(3)}`);
}

if (import.meta.main) await runTask(TASK, main);
