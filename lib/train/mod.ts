/**
 * Training: losses, AdamW, checkpoints, the loop.
 *
 * @module
 */
export { type AdamWConfig, adamwStep, freshState, learningRate, type Schedule, type TrainingState } from "./adamw.ts";
export { loadPoint, savePoint, type TrainingPoint } from "./checkpoints.ts";
export { readLog, type StepLog, train, type Training, type TrainingBatch, type TrainingStep } from "./loop.ts";
export { type Arrived, type Counted, type GradientSum, type Workers } from "./workers.ts";
export { type CompletionGradients, completionGradients, completionLoss, type CompletionLossOptions } from "./completion_loss.ts";
