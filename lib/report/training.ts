/**
 * What a training leaves to look at: the loss as a plot and for TensorBoard, its first and last values.
 *
 * @module
 */
import type { TrainingResult } from "../experiment/results.ts";
import { mean } from "../metrics/statistics.ts";
import { readLog } from "../train/mod.ts";
import { readValidation } from "../train/validation.ts";
import { plotLines } from "./plot.ts";
import { writeTensorBoard } from "./tensorboard.ts";

/**
 * Draws the loss of a finished training, and that of what was held out.
 *
 * @param folder the run's folder, with `log.jsonl`
 * @param line the line's name in the plot
 * @param trajectories how many it was trained on
 * @returns the result of the training
 */
export async function reportTraining(folder: string, line: string, trajectories: number): Promise<TrainingResult> {
  const log = readLog(folder);
  const held = readValidation(folder);
  const points = (steps: typeof held, line: string) => steps.map(({ step, loss }) => ({ x: step, y: loss, line }));
  await plotLines(`${folder}/loss`, [...points(log, line), ...points(held, `${line}, held out`)], { x: "step", y: "loss" });
  writeTensorBoard(
    `${folder}/tensorboard`,
    [
      ...log.flatMap(({ step, loss, lr }) => [{ step, tag: "loss", value: loss }, { step, tag: "lr", value: lr }]),
      ...held.map(({ step, loss }) => ({ step, tag: "validation loss", value: loss })),
    ],
  );
  const lossOf = (steps: typeof log) => mean(steps.map(({ loss }) => loss));
  const ends = Math.min(10, Math.max(1, log.length >> 1)); // steps at either end
  const speeds = log.map(({ speed }) => speed).sort((a, b) => a - b);
  return {
    ...{ kind: "training", steps: log.length, loss: { first: lossOf(log.slice(0, ends)), last: lossOf(log.slice(-ends)) } },
    ...{ tokensPerSecond: speeds[speeds.length >> 1]!, trajectories },
    ...(held.length > 0 && { validation: held.at(-1)!.loss }),
  };
}
