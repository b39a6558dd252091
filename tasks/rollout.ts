/**
 * Rollouts (paper Figure 9): one action after the other in token space, with the drift from what is true, as a strip and a
 * video; and several alternative actions from one source, as a tree.
 *
 * @module
 */
import { randomStream } from "../lib/engine/mod.ts";
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import { requireTinyBase } from "../lib/experiment/datasets.ts";
import { loadModels, requireDecoder } from "../lib/experiment/models.ts";
import { originOf } from "../lib/experiment/origin.ts";
import { digestOf } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage } from "../lib/experiment/stage.ts";
import { BENCH_FLAG, type Invocation, PROVENANCE_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { LARGEST, readBytes, writeFile } from "../lib/files.ts";
import { mean } from "../lib/metrics/mod.ts";
import { drawSheet, plotLines } from "../lib/report/mod.ts";
import { drawStrip } from "../lib/report/sheet.ts";
import { drawObservations, rollOut } from "../lib/sample/mod.ts";
import { decodedImages, decodeImage, encodePictures, type RgbImage, squareCrop } from "../lib/tokens/mod.ts";
import { writeMp4 } from "../lib/video/mod.ts";
import {
  type Action,
  applyAction,
  DIFFICULTIES,
  FAMILIES,
  judgePicture,
  randomAction,
  renderScenes,
  sayAction,
  type Scene,
  worldTrajectories,
} from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "rollout",
  about: "Does one action after the other from an observation, and several from one, and shows where that leads.",
  sections: ["data", "model", "rollout"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...PROVENANCE_FLAG },
};

const ACTIONS = '--rollout.actions="[do this, then that]"';

/** A start: a picture and actions; in the tiny world the true scenes, the first before any action. */
interface Start {
  readonly id: string;
  readonly picture: RgbImage;
  readonly actions: readonly string[];
  readonly truth?: readonly Scene[];
}

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config } = invocation;
  const { rollout: options, seed } = config;
  const starts = options.image === "" ? await worldStarts(config) : [await pictureStart(options.image, options.actions)];
  const inputs = { starts: digestOf(starts.map(({ picture, actions }) => [[...picture.data], actions])) };
  const stage = await openStage(invocation, TASK, { inputs, adapters: { adapter: options.adapter } });
  if (!stage) return;
  const { folder } = stage;
  const origin = originOf(invocation, stage, "adapter");

  // 1. Rollouts, in token space
  const models = loadModels(config, { image: stage.adapters["adapter"] });
  requireDecoder(models, config);
  const { image, vqgan, vocabulary } = models;
  const side = vqgan.config.resolution;
  const pictures = starts.map(({ picture }) => squareCrop(picture, side));
  const sources = encodePictures(vqgan, pictures);
  const rolled = rollOut(image, vocabulary, starts.map(({ id, actions }, i) => ({ id, actions, source: sources[i]! })), {
    ...options,
    seed,
  });
  const frames = rolled.map((codes) => decodedImages(vqgan, codes));

  // 2. Strips, videos, drift
  const drift: { readonly id: string; readonly step: number; readonly right: number; readonly tokens: number }[] = [];
  for (const [i, start] of starts.entries()) {
    const truth = start.truth && await renderScenes(start.truth);
    const below = truth ? [{ caption: `what is true (${start.id})`, images: truth }] : [];
    const xmp = origin(start.actions.join(", then "), seed);
    writeFile(`${folder}/strips/${i}.png`, await drawStrip([pictures[i]!, ...frames[i]!], start.actions, { below, xmp }));
    const shown = [pictures[i]!, ...frames[i]!].flatMap((frame) => Array<RgbImage>(6).fill(frame));
    await writeMp4(`${folder}/videos/${i}.mp4`, shown, 6, { comment: xmp });
    if (!truth) continue;
    const exact = encodePictures(vqgan, truth.slice(1));
    frames[i]!.forEach((frame, step) => {
      const { success, minimal } = judgePicture(start.truth![0]!, start.truth![step + 1]!, frame);
      const same = exact[step]!.filter((code, place) => code === rolled[i]![step]![place]).length;
      drift.push({ id: start.id, step: step + 1, right: Math.min(success, minimal), tokens: same / exact[step]!.length });
    });
  }
  const steps = [...Map.groupBy(drift, ({ step }) => step)].map(([step, own]) => ({
    ...{ step, score: mean(own.map(({ right }) => right)), tokens: mean(own.map(({ tokens }) => tokens)) },
  }));
  if (steps.length > 0) {
    const points = steps.map(({ step, score }) => ({ x: step, y: score, line: "min(success, minimal), all actions so far" }));
    await plotLines(`${folder}/drift`, points, { x: "actions", y: "score" });
  }

  // 3. A tree: other actions from the first source
  const others = [...new Set(starts[0]!.truth ? alternatives(config, starts[0]!.truth[0]!) : options.actions)];
  const queries = others.map((action, i) => ({ id: `tree/${i}`, source: sources[0]!, action }));
  const branches = decodedImages(vqgan, drawObservations(image, vocabulary, queries, 1, { ...options, seed }).map(([one]) => one!));
  const tree = branches.map((branch, i) => ({ caption: others[i]!, images: [pictures[0]!, branch] }));
  writeFile(`${folder}/tree.png`, await drawSheet(["source", "after", ""], tree, origin(others, seed)));
  stage.finish({
    kind: "rollout",
    rollouts: starts.map(({ id, actions }) => ({ id, actions: [...actions] })),
    drift: steps,
    alternatives: others,
  });
  const told = steps.map(({ step, score, tokens }) =>
    `  after ${step}: score ${score.toFixed(2)}, ${(100 * tokens).toFixed(0)} % of the tokens`
  );
  console.log([...told, `  ${folder}/strips/*.png, videos/*.mp4`, `  ${folder}/tree.png   other actions from the first source`].join("\n"));
}

async function pictureStart(path: string, actions: readonly string[]): Promise<Start> {
  if (actions.length === 0) throw new UserError(`Cannot roll out from ${path} without actions: give ${ACTIONS}`);
  return { id: path, picture: await decodeImage(readBytes(path, LARGEST.picture), path), actions };
}

/** Scenes of the bench, with actions that are possible one after the other. */
async function worldStarts(config: Config): Promise<Start[]> {
  const { rollout, data, seed } = config;
  if (rollout.actions.length > 0) {
    throw new UserError("Cannot do rollout.actions in scenes of the tiny world, which have their own: give --rollout.image=FILE");
  }
  requireTinyBase(config, "roll out", `--rollout.image=FILE ${ACTIONS}`);
  return await Promise.all(
    worldTrajectories(data.difficulty, seed, "bench", rollout.rollouts, data.regime).map(async ({ id, before, subset }, i) => {
      const random = randomStream("rollout", seed, i);
      const truth: Scene[] = [before];
      const actions: string[] = [];
      for (let tries = 0; actions.length < rollout.length && tries < 200; tries++) {
        const action = randomAction(random, truth.at(-1)!, DIFFICULTIES[data.difficulty], subset);
        const after = action && applyAction(truth.at(-1)!, action);
        if (!after || after.objects.length === 0) continue;
        truth.push(after);
        actions.push(sayAction(random, action));
      }
      return { id, picture: (await renderScenes([before]))[0]!, actions, truth };
    }),
  );
}

function alternatives({ rollout, data, seed }: Config, scene: Scene): string[] {
  const random = randomStream("tree", seed);
  const tried = Array.from(
    { length: 60 },
    (_, i) => randomAction(random, scene, DIFFICULTIES[data.difficulty], FAMILIES[i % FAMILIES.length]!),
  );
  return tried.filter((action): action is Action => action !== undefined).map((action) => sayAction(random, action)).slice(
    0,
    rollout.alternatives,
  );
}

if (import.meta.main) await runTask(TASK, main);
