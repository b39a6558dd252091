/**
 * A model that is ready to draw tokens or to score them, and how it draws.
 *
 * Shapes: D width, K tokens that may be drawn, V vocabulary.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { freeze, type Tensor, tf } from "../engine/mod.ts";
import type { Adapter, Chameleon } from "../model/mod.ts";
import { freezeHead, headRows } from "../model/chameleon.ts";
import type { Vocabulary } from "../tokens/mod.ts";

/** A model ready to draw tokens; {@linkcode textSampler} and {@linkcode imageSampler} make one. */
export interface Sampler {
  /** The base. */
  readonly model: Chameleon;
  /** An adapter, or none. */
  readonly adapter?: Adapter | undefined;
  /** Rows of the output matrix for the tokens that may be drawn, [K, D]. */
  readonly head: Tensor;
  /** Id of the first row. */
  readonly firstId: number;
  /** Added to the scores of what is drawn: 0, or −1e9 for tokens that must not be, [K]. Likelihoods know no rule. */
  readonly rule?: Tensor | undefined;
  /** The padding id. */
  readonly pad: number;
  /** An id that ends each row of a picture: it is given and not drawn, and has no likelihood. */
  readonly endOfRow?: number | undefined;
  /** Bytes for what is drawn or scored together; without it as many rows as are asked for. */
  readonly budget?: number | undefined;
}

/** Rows of the output matrix that the softmax over image tokens runs over: theirs alone, or all. */
export type HeadRows = "image" | "all";

/** How tokens are drawn. */
export interface SamplingOptions {
  /** Divides the logits; low values copy the source (paper A.8.2). 0 takes the likeliest token. */
  readonly temperature: number;
  /** Seed; a row draws from its own stream of it, whatever the batch. */
  readonly seed: number;
  /** Names of the rows' streams; their numbers when absent. */
  readonly streams?: readonly (string | number)[];
  /** Seeds of the rows, where those of one drawing have several; `seed` when absent. */
  readonly seeds?: readonly number[] | undefined;
  /** Draw only among this many of the likeliest tokens. */
  readonly topK?: number;
  /** Draw only among the likeliest tokens that together have this probability. */
  readonly topP?: number;
  /** Guidance: prompts without the action and without anything, one each a row, and its two scales. */
  readonly guidance?: Guidance;
  /** Told the ids drawn so far, after each step. */
  readonly onStep?: (drawn: readonly (readonly number[])[]) => void;
  /** Told the ids drawn so far, whenever so many more are there: the drawing stays in its loop between. */
  readonly progress?: Progress | undefined;
}

/** Who is told how far a drawing is. What `tell` throws ends the drawing. */
export interface Progress {
  /** Tokens of a row between two calls. */
  readonly every: number;
  /** Told the ids drawn so far. */
  readonly tell: (drawn: readonly (readonly number[])[]) => void;
}

/**
 * Classifier-free guidance with two scales, as in Chameleon's generator: logits = nothing + image · (without the action −
 * nothing) + text · (all − without the action). Scales of 1 change nothing.
 */
export interface Guidance {
  /** The prompts without the action. */
  readonly withoutAction: readonly (readonly number[])[];
  /** The prompts without action and source. */
  readonly withoutAll: readonly (readonly number[])[];
  /** Scale of the source image. */
  readonly image: number;
  /** Scale of the action. */
  readonly text: number;
}

/**
 * A sampler of text: the whole vocabulary, less image tokens and marks when it draws. It also scores text: likelihoods run over
 * the whole vocabulary, without the rule.
 *
 * @param model the base
 * @param vocabulary of the model
 * @param adapter a dynamics model's, or none
 * @returns a sampler; free what it owns with {@linkcode disposeSampler}
 * @throws UserError when the vocabulary has more ids than the model
 *
 * @example Its head is the whole vocabulary
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * assertEquals(ws.textSampler(chameleon, vocabulary).head.shape, [1583, 192]);
 * ```
 */
export function textSampler(model: Chameleon, vocabulary: Vocabulary, adapter?: Adapter): Sampler {
  const rows = rowsFor(model, vocabulary);
  const { codesApart, firstImage, pad } = vocabulary;
  const [size, head] = codesApart ? [firstImage, freeze(headRows(model, 0, firstImage))] : [rows, model.head];
  return { model, adapter, head, firstId: 0, rule: textRule(vocabulary, size), pad };
}

/**
 * A sampler of image tokens, and of nothing else.
 *
 * @param model the base
 * @param vocabulary of the model
 * @param adapter a world model's, or none
 * @param rows of the softmax: with `all`, likelihoods run over the whole vocabulary, and a rule masks all but image tokens when
 *   it draws, as the paper's logits processor does (A.8.2); both draw from the same distribution. Janus has no scores of all
 * @returns a sampler; free what it owns with {@linkcode disposeSampler}
 * @throws UserError when the vocabulary has more ids than the model
 *
 * @example Its head has the rows of image tokens
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * assertEquals(ws.imageSampler(chameleon, vocabulary).head.shape, [1000, 192]);
 * ```
 */
export function imageSampler(model: Chameleon, vocabulary: Vocabulary, adapter?: Adapter, rows: HeadRows = "image"): Sampler {
  const size = rowsFor(model, vocabulary);
  const shared = { model, adapter, pad: vocabulary.pad, endOfRow: vocabulary.rows?.endOfRow };
  if (rows === "all" && !vocabulary.codesApart) return { ...shared, head: model.head, firstId: 0, rule: imageRule(vocabulary, size) };
  return { ...shared, head: freezeHead(model, vocabulary), firstId: vocabulary.firstImage };
}

/**
 * Frees what a sampler's constructor made: its own rows of the output matrix and its rule. Model and adapter belong to the
 * caller. A copy with another adapter, `{ ...sampler, adapter }`, shares what is freed here: dispose of one of them only.
 *
 * @param sampler from a constructor, not a copy
 *
 * @example Its own rows are freed, the model is not
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const sampler = ws.imageSampler(chameleon, vocabulary);
 * ws.sample.disposeSampler(sampler);
 * assertEquals([sampler.head.isDisposed, chameleon.head.isDisposed], [true, false]);
 * ```
 */
export function disposeSampler({ model, head, rule }: Sampler): void {
  if (head !== model.head) head.dispose();
  rule?.dispose();
}

/**
 * The rule for text: no image tokens, and of the marks only the end.
 *
 * @param vocabulary of the model
 * @param size rows of the output matrix; those beyond the vocabulary are never drawn
 * @returns 0, or −1e9 for ids that must not be drawn, [V]; the caller disposes of it
 */
export function textRule(vocabulary: Vocabulary, size: number = vocabulary.size): Tensor {
  const { firstImage, codes, marks } = vocabulary;
  const banned = new Set(marks);
  const isBanned = (id: number) => banned.has(id) || id >= firstImage && id < firstImage + codes || id >= vocabulary.size;
  return tf.tensor1d(Array.from({ length: size }, (_, id) => isBanned(id) ? -1e9 : 0)); // [V]
}

/** The rule for images: image tokens and nothing else. [V] */
function imageRule({ firstImage, codes }: Vocabulary, size: number): Tensor {
  return tf.tensor1d(Array.from({ length: size }, (_, id) => id >= firstImage && id < firstImage + codes ? 0 : -1e9)); // [V]
}

function rowsFor({ head }: Chameleon, { size }: Vocabulary): number {
  const rows = head.shape[0]!;
  if (size <= rows) return rows;
  throw new UserError(`Cannot use a tokenizer of ${size} ids with a model of ${rows}: take the tokenizer that came with the model`);
}
