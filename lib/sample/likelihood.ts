/**
 * Likelihoods: how probable a model finds a completion after a prompt. The probe, the filter and the verifier all use this.
 *
 * Shapes: P prefixes, S their positions, B sequences, Q positions after the prefix, D width, Hkv key heads, d width of a head,
 * K rows of the head.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Adapter, type Chameleon, continueFrom, logitsOf, prefill, scoringBytes } from "../model/mod.ts";
import { rowsThatFit } from "../model/memory.ts";
import { compile, dispose, type Tensor, tf, tidy, valuesOf } from "../engine/mod.ts";
import { crossEntropy, type KeysValues } from "../nn/mod.ts";
import type { Sequence } from "../tokens/mod.ts";
import { bytesOf } from "./fit.ts";
import type { Sampler } from "./sampler.ts";

/** The log-likelihood of a completion. The softmax runs over the rows of the sampler's head: image tokens alone, or all. */
export interface Likelihood {
  /** Of each token given those before it, in nats. */
  readonly tokens: Float32Array;
  /** Their sum. */
  readonly sum: number;
  /** Their mean. */
  readonly mean: number;
}

/** Which number stands for a likelihood where sequences are compared: the mean a token, or the sum, the likelihood itself. */
export type LikelihoodKind = "mean" | "sum";

/**
 * The number by which the probe, the filter and the verifier compare. Among candidates for one action both kinds choose the
 * same; among actions of several lengths the sum favours short ones.
 *
 * @param likelihood of a completion
 * @param kind mean a token, or sum
 * @returns nats
 *
 * @example Two tokens
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const likelihood = { sum: -3, mean: -1.5 };
 * assertEquals([ws.sample.scoreOf(likelihood, "sum"), ws.sample.scoreOf(likelihood, "mean")], [-3, -1.5]);
 * ```
 */
export function scoreOf(likelihood: Pick<Likelihood, LikelihoodKind>, kind: LikelihoodKind): number {
  return likelihood[kind];
}

/** Sequences scored together, where memory allows. */
export const SCORED_TOGETHER = 32;
const ROUND = 16; // lengths are rounded up, so that few shapes are compiled

/**
 * Log-likelihoods of completions. Sequences come in families; what the prompts of a family begin with alike is computed
 * once: the source image under many candidates, two images under many actions.
 *
 * @param sampler the model; its head must hold all tokens of the completions
 * @param families sequences that are best scored together
 * @param shared ids at the beginning of a family's prompts that are computed once, at most: with a set number the shapes that are compiled
 *   do not depend on how alike the prompts happen to be
 * @returns a likelihood for each sequence, in the same families
 * @throws UserError when a completion is empty
 *
 * @example Logarithms of probabilities are below zero
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const sequence = ws.tokens.dynamicsSequence(vocabulary, new Uint16Array(64), new Uint16Array(64), "open the door");
 * const [[likelihood]] = ws.logLikelihoods(ws.textSampler(chameleon, vocabulary), [[sequence]]) as [[ws.sample.Likelihood]];
 * assert(likelihood.sum < 0 && likelihood.tokens.length === sequence.completion.length);
 * ```
 */
export function logLikelihoods(sampler: Sampler, families: readonly (readonly Sequence[])[], shared = Infinity): Likelihood[][] {
  for (const { completion } of families.flat()) {
    if (completion.length === 0) throw new UserError("Cannot score a completion without a token");
  }
  const rows = scoringRows(sampler, families, shared);
  const pieces = families.flatMap((family, i) => piecesOf(family, rows).map((sequences) => ({ i, sequences })));
  const scored: Likelihood[][] = families.map(() => []);
  let chunk: typeof pieces = [];
  for (const [at, piece] of pieces.entries()) {
    chunk.push(piece);
    if (chunk.flatMap(({ sequences }) => sequences).length < rows && at < pieces.length - 1) continue;
    const likelihoods = scoreChunk(sampler, chunk.map(({ sequences }) => sequences), shared);
    chunk.forEach(({ i }, k) => scored[i]!.push(...likelihoods[k]!));
    chunk = [];
  }
  return scored;
}

/** Sequences after which a chunk is scored: as many as usual, or fewer that fit into the sampler's memory. */
function scoringRows(sampler: Sampler, families: readonly (readonly Sequence[])[], shared: number): number {
  const { budget, model, head } = sampler;
  if (budget === undefined || families.length === 0) return SCORED_TOGETHER;
  const shapes = families.filter(({ length }) => length > 0).map((family) => {
    const prefix = Math.min(shared, commonPrefix(family.map(({ prompt }) => prompt)).length);
    const rest = Math.max(...family.map(({ prompt, completion }) => prompt.length + completion.length - 1 - prefix));
    return { prefix, rest, asked: Math.max(...family.map(({ completion }) => completion.length)), size: family.length };
  });
  const most = (key: "prefix" | "rest" | "asked" | "size") => Math.max(...shapes.map((shape) => shape[key]));
  const shape = { prefix: most("prefix"), rest: most("rest"), asked: most("asked"), head: head.shape[0]!, bytes: bytesOf(sampler) };
  return rowsThatFit(SCORED_TOGETHER, budget, (rows) => {
    const last = Math.min(most("size"), rows); // a chunk ends with the family that fills it
    return scoringBytes(model.config, { ...shape, rows: rows + last - 1, families: Math.ceil(rows / last) });
  });
}

/** A family as it is, or in pieces where fewer sequences than usual fit: a prefix is then read once a piece. */
function piecesOf(family: readonly Sequence[], rows: number): (readonly Sequence[])[] {
  if (rows >= SCORED_TOGETHER || family.length <= rows) return [family];
  return Array.from({ length: Math.ceil(family.length / rows) }, (_, i) => family.slice(i * rows, (i + 1) * rows));
}

/** A sequence after its family's prefix. */
interface Rest {
  readonly family: number;
  readonly ids: readonly number[]; // what goes in after the prefix
  readonly completion: readonly number[]; // what its last positions must give
}

function scoreChunk(sampler: Sampler, families: readonly (readonly Sequence[])[], shared: number): Likelihood[][] {
  const prefixes = families.map((family) => commonPrefix(family.map(({ prompt }) => prompt)).slice(0, shared));
  const rests = families.flatMap((sequences, family) =>
    sequences.map(({ prompt, completion }): Rest => ({
      family,
      ids: [...prompt.slice(prefixes[family]!.length), ...completion.slice(0, -1)],
      completion,
    }))
  );
  const first = Math.min(...rests.map(({ ids, completion }) => ids.length - completion.length)); // no logits are needed before
  const { tensors, queries } = layRests(sampler, prefixes, rests, first);
  const losses = tidy(() => scoreCompiled(sampler.model, sampler.adapter ?? null, sampler.head, tensors, first));
  const values = valuesOf(losses) as Float32Array;
  dispose([losses, tensors]);
  const likelihoods = rests.map(({ ids, completion }, row) => {
    const start = row * (queries - first) + ids.length - completion.length - first;
    const costs = values.subarray(start, start + completion.length);
    return likelihoodOf(costs.filter((_, i) => completion[i] !== sampler.endOfRow));
  });
  return families.map((_, family) => likelihoods.filter((_, row) => rests[row]!.family === family));
}

/** What all prompts begin with; the last token of each is left out, as it must say what comes next. */
function commonPrefix(prompts: readonly (readonly number[])[]): readonly number[] {
  const shortest = Math.min(...prompts.map((prompt) => prompt.length - 1));
  const end = prompts[0]!.findIndex((id, i) => i >= shortest || prompts.some((prompt) => prompt[i] !== id));
  return prompts[0]!.slice(0, end);
}

interface ScoreTensors {
  readonly prefix: Tensor; // [P, S], padded on the left
  readonly prefixPadding: Tensor; // [P, 1, 1, S]
  readonly family: Tensor; // [B], each row's prefix
  readonly tokens: Tensor; // [B, Q], padded on the right, where no query looks
  readonly labels: Tensor; // [B, Q − first], rows of the head; −1 where nothing is asked
}

function layRests(
  { pad, firstId }: Sampler,
  prefixes: readonly (readonly number[])[],
  rests: readonly Rest[],
  first: number,
): { tensors: ScoreTensors; queries: number } {
  const slots = Math.max(1, Math.ceil(Math.max(...prefixes.map(({ length }) => length)) / ROUND) * ROUND);
  const queries = Math.ceil(Math.max(...rests.map(({ ids }) => ids.length)) / ROUND) * ROUND;
  const prefix = new Int32Array(prefixes.length * slots).fill(pad);
  const padding = new Float32Array(prefix.length).fill(-1e9);
  prefixes.forEach((ids, row) => {
    prefix.set(ids, (row + 1) * slots - ids.length);
    padding.fill(0, (row + 1) * slots - ids.length, (row + 1) * slots);
  });
  const tokens = new Int32Array(rests.length * queries).fill(pad);
  const labels = new Int32Array(rests.length * (queries - first)).fill(-1);
  rests.forEach(({ ids, completion }, row) => {
    tokens.set(ids, row * queries);
    labels.set(completion.map((id) => id - firstId), row * (queries - first) + ids.length - completion.length - first);
  });
  const tensors = {
    prefix: tf.tensor2d(prefix, [prefixes.length, slots], "int32"),
    prefixPadding: tf.tensor4d(padding, [prefixes.length, 1, 1, slots]),
    family: tf.tensor1d(rests.map(({ family }) => family), "int32"),
    tokens: tf.tensor2d(tokens, [rests.length, queries], "int32"),
    labels: tf.tensor2d(labels, [rests.length, queries - first], "int32"),
  };
  return { tensors, queries };
}

const scoreCompiled = compile(
  (model: Chameleon, adapter: Adapter | null, head: Tensor, tensors: ScoreTensors, first: number) => {
    const { prefix, prefixPadding, family, tokens, labels } = tensors;
    const [count, asked] = labels.shape as [number, number];
    const ofFamily = (t: Tensor) => tf.gather(t, family); // [B, ...]
    const options = { adapter: adapter ?? undefined };
    const { cache } = prefill(model, prefix, { ...options, padding: prefixPadding }); // [P, Hkv, S, d]
    const repeated = cache.map(({ k, v }): KeysValues => ({ k: ofFamily(k), v: ofFamily(v) })); // [B, Hkv, S, d]
    const padding = tf.concat([ofFamily(prefixPadding), tf.zeros([count, 1, 1, tokens.shape[1]!])], 3); // [B, 1, 1, S + Q]
    const hidden = continueFrom(model, tokens, repeated, { ...options, padding }); // [B, Q, D]
    const logits = logitsOf(tf.slice(hidden, [0, first, 0], [count, asked, -1]), head); // [B, asked, K]
    return crossEntropy(tf.reshape(logits, [count * asked, -1]), tf.reshape(labels, [-1])); // [B·asked]
  },
);

function likelihoodOf(losses: Float32Array): Likelihood {
  const tokens = losses.map((loss) => -loss);
  const sum = tokens.reduce((a, b) => a + b, 0);
  return { tokens, sum, mean: sum / tokens.length };
}
