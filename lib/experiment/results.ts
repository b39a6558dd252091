/**
 * What each stage's `result.json` holds: a schema a stage, by which claims, tables and reports read it.
 *
 * @module
 */
import { z } from "zod";
import { quoted, UserError } from "../errors.ts";
import { exists, readJson } from "../files.ts";

const number = z.number();
const share = z.number().min(0).max(1);
const bounds = z.tuple([number, number]).readonly();

/** A mean with its 95 % interval. */
const ESTIMATE = z.object({ mean: number, n: number, interval: bounds });

/** A row of a table. */
const ROW = z.record(z.string(), z.union([z.string(), number, z.null()]));

/** Tasks train-cdm and train-cwm. */
export const TRAINING_RESULT = z.strictObject({
  kind: z.literal("training"),
  steps: number,
  loss: z.object({ first: number, last: number }),
  tokensPerSecond: number,
  trajectories: number,
  validation: number.optional(), // loss of what was held out, at the end
});

/** Task pretrain-tiny. */
export const PRETRAINING_RESULT = z.strictObject({
  kind: z.literal("pretraining"),
  checkpoint: z.string(),
  loss: number,
  vqSteps: number,
  steps: number,
});

const PREFERENCE = z.object({ prefers_reference: share, interval: bounds, pearson: number.nullable(), n: number });

/** Task probe: by subset, then by what was asked (action, observation), then by manipulation. */
export const PROBE_RESULT = z.strictObject({
  kind: z.literal("probe"),
  preferences: z.record(z.string(), z.record(z.string(), z.record(z.string(), PREFERENCE))),
});

const ACTION_SCORES = z.object({
  ...{ bert_score: number.nullable(), rouge1: number, rouge2: number, rougeL: number, bleu: number },
  ...{ exact: number, meaning: number.nullable(), n: number },
});

/** Task evaluate, actions: by system, then by subset. */
export const ACTIONS_RESULT = z.strictObject({
  kind: z.literal("actions"),
  dynamics: z.record(z.string(), z.record(z.string(), ACTION_SCORES)),
  signatures: z.record(z.string(), z.string()),
});

/** Task evaluate, images: by system, then by subset, then by metric. */
export const IMAGES_RESULT = z.strictObject({
  kind: z.literal("images"),
  systems: z.record(z.string(), z.record(z.string(), z.record(z.string(), ESTIMATE))),
  signatures: z.record(z.string(), z.string()),
  tests: z.array(ROW),
});

/** Task annotate. */
export const ANNOTATION_RESULT = z.strictObject({
  kind: z.literal("annotation"),
  ...{ videos: number, skipped: number, trajectories: number, right: share.nullable() },
  statistics: z.record(z.string(), number),
});

/** Task filter. */
export const FILTER_RESULT = z.strictObject({
  kind: z.literal("filter"),
  ...{ annotated: number, filtered: number },
  right: z.object({ annotated: share.nullable(), filtered: share.nullable() }),
  classes: z.array(ROW),
  datasets: z.array(ROW).default([]), // Table 4
});

/** Task sample. */
export const SAMPLES_RESULT = z.strictObject({
  kind: z.literal("samples"),
  ...{ predictions: number, skipped: number, score: number, right: share.nullable(), scored: z.string() },
});

/** A point of the curves of verification. */
export const CURVE_POINT = z.object({
  ...{ N: number, chooser: z.string(), score: number, right: number.nullable() },
  ...{ "deviation of repeats": number.nullable(), "± 95 % over trajectories": number.nullable() },
  ...{ "first N": number, "deviation of first N": number.nullable() },
});

/** Task verify. */
export const VERIFICATION_RESULT = z.strictObject({
  kind: z.literal("verification"),
  ...{ pools: number, skipped: number, scored: z.string() },
  curves: z.array(CURVE_POINT),
});

/** Task distill: how many pictures there are, how many were kept, and the action's mean log-likelihood in both. */
export const DISTILLATION_RESULT = z.strictObject({
  kind: z.literal("distillation"),
  ...{ drawn: number, kept: number },
  scores: z.object({ drawn: number, kept: number }),
});

/** Task rollout. */
export const ROLLOUT_RESULT = z.strictObject({
  kind: z.literal("rollout"),
  rollouts: z.array(z.object({ id: z.string(), actions: z.array(z.string()) })),
  drift: z.array(z.object({ step: number, score: number, tokens: number })),
  alternatives: z.array(z.string()),
});

/** What was paid: by the last process alone, and for all answers, whenever they were paid for. */
const COST = z.object({ prompt: number, completion: number, dollars: number });

/** Task judge. */
export const JUDGEMENT_RESULT = z.strictObject({
  kind: z.literal("judgement"),
  ...{ judge: z.string(), date: z.string(), prompt: z.string(), framing: z.string().default("paper") },
  ...{ spent: COST, cost: COST.optional() },
  systems: z.array(z.string()),
  scores: z.array(ROW),
});

/** Tasks judge and evaluate-images with `--pools`: the candidates of task verify, scored. */
export const POOLS_RESULT = z.strictObject({
  kind: z.literal("pools"),
  by: z.enum(["judge", "metrics"]),
  systems: z.array(z.string()),
  signatures: z.record(z.string(), z.string()),
  pools: z.object({ scored: number, all: number }),
  ...{ spent: COST.optional(), cost: COST.optional() },
  curves: z.array(CURVE_POINT.extend({ system: z.string(), scorer: z.string(), subset: z.string() })),
});

const AGREEMENT = z.object({ best: number.nullable(), worst: number.nullable() });

/** Task human-eval analyse: Krippendorff's alpha, and Fleiss' kappa where all raters saw the same items. */
export const PEOPLE_RESULT = z.strictObject({
  kind: z.literal("people"),
  ...{ votes: number, raters: number, items: number },
  agreement: AGREEMENT,
  kappa: AGREEMENT,
});

/** Task gates: what each gate measured. */
export const GATES_RESULT = z.strictObject({ kind: z.literal("gates"), gates: z.record(z.string(), z.unknown()) });

/** The result of any stage; `kind` says of which. */
export const RESULT = z.discriminatedUnion("kind", [
  ...[TRAINING_RESULT, PRETRAINING_RESULT, PROBE_RESULT, ACTIONS_RESULT, IMAGES_RESULT, ANNOTATION_RESULT, FILTER_RESULT] as const,
  ...[
    SAMPLES_RESULT,
    VERIFICATION_RESULT,
    POOLS_RESULT,
    ROLLOUT_RESULT,
    DISTILLATION_RESULT,
    JUDGEMENT_RESULT,
    PEOPLE_RESULT,
    GATES_RESULT,
  ] as const,
]);

/** The result of any stage. */
export type Result = z.infer<typeof RESULT>;
/** The result of a training. */
export type TrainingResult = z.infer<typeof TRAINING_RESULT>;

/**
 * Reads the result of a finished run.
 *
 * @param folder the run's folder
 * @param schema of the result that is wanted
 * @returns the result
 * @throws UserError when the run is not finished, or its result is another one
 */
export function readResult<T>(folder: string, schema: z.ZodType<T>): T {
  const path = `${folder}/result.json`;
  if (!exists(path)) throw new UserError(`Cannot use ${folder}: it holds no finished run (no result.json)`);
  const json = readJson(path);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.path.join() === "kind" && RESULT.safeParse(json).success) {
    throw new UserError(
      `Cannot use ${folder} here: it is a run of another task, as its result is of the kind ${quoted((json as Result).kind)}`,
    );
  }
  throw new UserError(
    `Cannot use ${path}: ${quoted(issue?.path.join("."))} is not what this version writes; run the stage again with --restart`,
  );
}
