/**
 * One choice of tokens from hidden states, and prompts as tensors: what drawing one by one and drawing in passes share.
 *
 * Shapes: R rows that are drawn, G prompts that a guided row takes, D width, K tokens that may be drawn, k the likeliest of them, P prompts,
 * S positions.
 *
 * @module
 */
import { logitsOf } from "../model/mod.ts";
import { compile, seedTensor, type Tensor, tf } from "../engine/mod.ts";
import { seedNumbers, uniformRows } from "../engine/random.ts";
import { UserError } from "../errors.ts";
import type { Sampler, SamplingOptions } from "./sampler.ts";

/** What a compiled draw depends on. */
export interface Limits {
  readonly temperature: number;
  readonly topK: number; // 0: all
  readonly topP: number; // 1: all
  readonly text: number;
  readonly image: number;
}

/** The limits that options set. */
export function limitsOf(
  { temperature, topK = 0, topP = 1, text, image }: SamplingOptions & { readonly text: number; readonly image: number },
): Limits {
  return { temperature, topK, topP, text, image };
}

/** The seed of a row's choice at a step; both ways of drawing take it, so both draw the same. */
export function seedOf(options: SamplingOptions, row: number, step: number): Tensor {
  return seedTensor(...streamOf(options, row), step);
}

/** The seeds of all rows' choices, [steps, R, 2] int32. */
export function seedTable(options: SamplingOptions, rows: number, steps: number): Tensor {
  const numbers = new Int32Array(steps * rows * 2);
  for (let step = 0; step < steps; step++) {
    for (let row = 0; row < rows; row++) numbers.set(seedNumbers(...streamOf(options, row), step), 2 * (step * rows + row));
  }
  return tf.tensor3d(numbers, [steps, rows, 2], "int32");
}

/** What a row's random numbers depend on, beside the step. */
function streamOf({ seed, seeds, streams }: SamplingOptions, row: number): readonly [string, number, string | number] {
  return ["sample", seeds?.[row] ?? seed, streams?.[row] ?? row];
}

/** Draws a row of the head for each sequence. hidden: [R, 1, D], or [G·R, 1, D] guided; seeds: [R, 2] → [R] int32 */
export const drawRows: (hidden: Tensor, head: Tensor, rule: Tensor | null, limits: Limits, seeds: Tensor) => Tensor = compile(
  (hidden: Tensor, head: Tensor, rule: Tensor | null, limits: Limits, seeds: Tensor) =>
    chooseRows(tf.squeeze(logitsOf(hidden, head), [1]), rule, limits, seeds),
);

/** Chooses a row of the head for each sequence by the Gumbel-max trick. scores: [R, K], or [G·R, K] guided; seeds: [R, 2] → [R] int32 */
export function chooseRows(scores: Tensor, rule: Tensor | null, limits: Limits, seeds: Tensor): Tensor {
  const { temperature, topK, topP, text, image } = limits;
  const free = guided(scores, seeds.shape[0]!, text, image); // [R, K]
  const logits = rule ? tf.add(free, rule) : free;
  if (temperature === 0) return tf.argMax(logits, -1); // [R]
  const scaled = limited(tf.div(logits, temperature), topK, topP);
  const noise = uniformRows(logits.shape[1]!, seeds); // [R, K]
  const gumbel = tf.neg(tf.log(tf.neg(tf.log(tf.maximum(noise, 1e-9)))));
  return tf.argMax(tf.add(scaled, gumbel), -1); // [R]
}

/**
 * What guidance multiplies the scores of its prompts with: nothing + image · (without the action − nothing) + text · (all − without the
 * action), by prompt. A prompt whose factor is 0 is not read: guidance by the action alone takes two prompts a row, not three.
 */
export function guidanceFactors({ text, image }: { readonly text: number; readonly image: number }) {
  return { all: text, withoutAction: image - text, withoutAll: 1 - image };
}

/** Prompts that a row takes, G. */
export function promptsOfRow(scales: { readonly text: number; readonly image: number }): number {
  const { withoutAction, withoutAll } = guidanceFactors(scales);
  return 1 + Number(withoutAction !== 0) + Number(withoutAll !== 0);
}

/** Classifier-free guidance. [G·R, K] → [R, K]; without it [R, K] stays */
function guided(logits: Tensor, rows: number, text: number, image: number): Tensor {
  if (logits.shape[0] === rows) return logits;
  const { all, ...others } = guidanceFactors({ text, image });
  const factors = [all, ...Object.values(others).filter((factor) => factor !== 0)];
  const parts = tf.split(logits, factors.length, 0); // [R, K] each
  return tf.addN(parts.map((part, i) => tf.mul(part, factors[i]!)));
}

/** Logits with all but the likeliest far away. */
function limited(logits: Tensor, topK: number, topP: number): Tensor {
  const size = logits.shape[1]!;
  if (topK === 0 && topP === 1) return logits;
  const { values } = tf.topk(logits, topK === 0 ? size : topK); // [R, k], falling
  const shares = tf.softmax(values);
  const before = tf.sub(tf.cumsum(shares, 1), shares); // probability of what is likelier; wasm miscounts axes below 0
  const kept = tf.where(tf.less(before, topP), values, tf.fill(values.shape, Infinity));
  return tf.where(tf.greaterEqual(logits, tf.min(kept, -1, true)), logits, tf.fill(logits.shape, -1e9));
}

/**
 * Ids of a drawn picture that are given, by step: the mark that ends each of its rows.
 *
 * @param sampler whose rows end in a mark, or not
 * @param count ids that are drawn or given
 * @returns an id, or −1 where one is drawn; undefined where nothing is given
 * @throws UserError when so many ids are no square picture
 */
export function givenIds({ endOfRow }: Pick<Sampler, "endOfRow">, count: number): number[] | undefined {
  if (endOfRow === undefined) return undefined;
  const side = Math.floor(Math.sqrt(count)); // side · (side + 1) lies between two squares
  if (side * (side + 1) !== count) throw new UserError(`Cannot draw ${count} ids as a square picture whose rows end in a mark`);
  return Array.from({ length: count }, (_, step) => step % (side + 1) === side ? endOfRow : -1);
}

/**
 * Prompts with few repetitions, each for `each` rows, the most that divides how often every prompt comes; `order[i]` is where row i lies among
 * the rows laid by prompt.
 */
export function sharedPrompts(prompts: readonly (readonly number[])[]): { unique: (readonly number[])[]; order: number[]; each: number } {
  const groups = [...Map.groupBy(prompts.keys(), (i) => prompts[i]!.join()).values()];
  const each = groups.map(({ length }) => length).reduce(commonDivisor);
  const laid = groups.flat();
  return { unique: laid.filter((_, place) => place % each === 0).map((i) => prompts[i]!), order: inverse(laid), each };
}

/** The greatest common divisor. */
function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** The places of a permutation. */
export function inverse(order: readonly number[]): number[] {
  const places = new Array<number>(order.length);
  order.forEach((place, i) => places[place] = i);
  return places;
}

/** Prompts as they are read. */
export interface LaidPrompts {
  readonly tokens: Tensor; // ids with padding before them, [P, S]
  readonly padding: Tensor; // 0, or −1e9 at padding, [P, 1, 1, S]
}

/** Prompts as they are read: ids with padding before them, and its mask. */
export function layPrompts(prompts: readonly (readonly number[])[], pad: number): LaidPrompts {
  const length = Math.ceil(Math.max(...prompts.map((prompt) => prompt.length)) / 32) * 32; // few shapes are compiled
  const ids = new Int32Array(prompts.length * length).fill(pad);
  const mask = new Float32Array(prompts.length * length);
  prompts.forEach((prompt, row) => {
    ids.set(prompt, (row + 1) * length - prompt.length);
    mask.fill(-1e9, row * length, row * length + length - prompt.length);
  });
  return {
    tokens: tf.tensor2d(ids, [prompts.length, length], "int32"), // [P, S]
    padding: tf.tensor4d(mask, [prompts.length, 1, 1, length]), // [P, 1, 1, S]
  };
}

/** The rows of a drawing as they are laid: by prompt, those without the action and without all after them when it is guided. */
export interface Layout extends LaidPrompts {
  readonly rows: number; // R
  readonly each: number; // rows of a prompt, N
  readonly places: Tensor; // of each row among those laid, [R], or [G·R] guided
  readonly back: Tensor; // [R] or [G·R]
  readonly limits: Limits;
  readonly given: readonly number[] | undefined; // ids that are not drawn, by step
}

/** Lays the rows of a drawing of so many ids. A prompt that comes several times is there once. */
export function layRows(prompts: readonly (readonly number[])[], options: SamplingOptions, sampler: Sampler, count: number): Layout {
  const given = givenIds(sampler, count);
  const { guidance } = options;
  const { withoutAction, withoutAll } = guidanceFactors(guidance ?? { text: 1, image: 1 });
  const others = [withoutAction === 0 ? [] : guidance!.withoutAction, withoutAll === 0 ? [] : guidance!.withoutAll];
  const { unique, order, each } = sharedPrompts([prompts, ...others].flat());
  const limits = limitsOf({ ...options, text: guidance?.text ?? 1, image: guidance?.image ?? 1 });
  const [places, back] = [tf.tensor1d(order, "int32"), tf.tensor1d(inverse(order), "int32")];
  return { ...layPrompts(unique, sampler.pad), rows: prompts.length, each, places, back, limits, given };
}
