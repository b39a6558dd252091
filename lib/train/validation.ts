/**
 * The loss on trajectories that are held out of a training, measured while it runs.
 *
 * @module
 */
import { compile, dispose, type Tensor, tidy } from "../engine/mod.ts";
import { takeNumber } from "../engine/scope.ts";
import { appendLine, readJsonLines, resumeLog } from "../files.ts";
import { adapterTensors, type LoraAdapter, withAdapterTensors } from "../model/mod.ts";
import type { CompletionBatch, SizedBatch } from "../trajectories/mod.ts";
import { completionLoss, type CompletionLossOptions } from "./completion_loss.ts";

/** A line of `validation.jsonl`. */
export interface ValidationLog {
  /** Steps done. */
  readonly step: number;
  /** Mean loss of the held-out trajectories, without dropout. */
  readonly loss: number;
}

/** What a validation is made of. */
export interface Validation<T> {
  /** The run's folder; `validation.jsonl` goes there. */
  readonly folder: string;
  /** What is held out. */
  readonly held: readonly T[];
  /** How many of them go through the model together. */
  readonly batch: number;
  /** Steps between two measurements; the last step is always measured. */
  readonly every: number;
  /** Steps of the training. */
  readonly steps: number;
  /** Lays some in a batch. */
  readonly batchOf: (items: readonly T[]) => SizedBatch | Promise<SizedBatch>;
}

/**
 * Makes a function that measures the held-out loss when it is due. A step that the file has already is not measured again, so
 * a training that resumes leaves the same file.
 *
 * @param options model, head, adapter
 * @param validation what is held out, and how often it is measured
 * @returns a function of the step and the adapter after it
 */
export function validateEvery<T>(
  options: CompletionLossOptions,
  { folder, held, batch, every, steps, batchOf }: Validation<T>,
): (step: number, adapter: LoraAdapter) => Promise<void> {
  if (held.length === 0) return () => Promise.resolve();
  const path = `${folder}/validation.jsonl`;
  const lossOf = compile((factors: readonly Tensor[], tensors: CompletionBatch) =>
    completionLoss({ ...options, adapter: withAdapterTensors(options.adapter, factors) }, tensors, null)
  );
  return async (step, adapter) => {
    const isDue = step % every === 0 || step === steps;
    if (!isDue || resumeLog<ValidationLog>(path).some((line) => line.step === step)) return;
    let sum = 0;
    for (let start = 0; start < held.length; start += batch) {
      const items = held.slice(start, start + batch);
      const { tensors } = await batchOf(items);
      sum += items.length * takeNumber(tidy(() => lossOf([...adapterTensors(adapter).values()], tensors)));
      dispose(tensors);
    }
    appendLine(path, JSON.stringify({ step, loss: sum / held.length } satisfies ValidationLog));
  };
}

/** The held-out losses of a run's folder, in order; none where nothing was held out. */
export function readValidation(folder: string): ValidationLog[] {
  return readJsonLines(`${folder}/validation.jsonl`);
}
