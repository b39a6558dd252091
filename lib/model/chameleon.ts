/**
 * Chameleon's transformer (Chameleon Team 2024) as functions of its weights, from top to bottom: its weights, the four ways to
 * run it, the one pass that they share, and the block. Without QK-norm it is Llama's, which other backbones run on.
 *
 * Shapes: B batch, T positions, Q the last positions that are carried on, D width, F width of the feed-forward layer, H query
 * heads, Hkv key heads, d width of a head, V vocabulary, S positions of a prompt, C slots after it. The residual stream is
 * float32; what goes into matrix products has the precision of the weights.
 *
 * @module
 */
import { compile, freeze, type Precision, precisionOf, type Tensor, tf, toPrecision } from "../engine/mod.ts";
import { compileRemaking } from "../engine/compile.ts";
import {
  type BesideLayer,
  causalAttention,
  type HeadNorm,
  joinHeads,
  type KeysValues,
  lastPositions,
  linear,
  normaliseAndRotate,
  repeatHeads,
  residual,
  rmsNorm,
  type RopeTables,
  ropeTables,
  rotate,
  sharedPromptAttention,
  splitHeads,
  swiglu,
  withBeside,
} from "../nn/mod.ts";
import type { ChameleonConfig } from "./config.ts";
import type { BlockNorms, Layer, Matrices } from "./layer.ts";
import { type AdaptedPass, type BlockAdapter, blockAdapter } from "./lora.ts";
import { project } from "./projections.ts";
import { embedded, type Embeddings } from "./seen.ts";
import type { ShardedBlocks } from "./sharded.ts";

/** The transformer: its shape and weights. */
export interface Chameleon extends Embeddings {
  /** The shape. */
  readonly config: ChameleonConfig;
  /** Blocks; none where they are spread over processes. */
  readonly layers: readonly Layer[];
  /** Blocks that are spread over processes; such a model is trained with checkpointing, by all of them, and does nothing else. */
  readonly sharded?: ShardedBlocks;
  /** The last RMSNorm's gain, [D]. */
  readonly norm: Tensor;
  /** Output matrix, [V, D]. */
  readonly head: Tensor;
  /** A layer with GELU after the last norm, whose P outputs and a 1 stand beside the hidden state: the output matrix is then [V, D + P + 1]. */
  readonly beside?: BesideLayer;
}

/** What a forward pass may be told beside the tokens. */
export interface ForwardOptions extends Omit<AdaptedPass, "training"> {
  /** Added to scores: 0 for tokens, −1e9 for left padding, [B, 1, 1, T]. */
  readonly padding?: Tensor | undefined;
  /** Give only the last so many positions; the last block computes no others. */
  readonly last?: number | undefined;
  /** Keep only each block's input for the gradient, and recompute its inside: less memory, more time. */
  readonly checkpoint?: boolean | undefined;
}

/**
 * The transformer up to its last norm: the pass that is trained.
 *
 * @param model the weights
 * @param tokens [B, T] int32
 * @param options adapter, padding, how many positions to give
 * @returns hidden states, [B, Q, D]
 *
 * @example One state for each token
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const tokens = tf.tensor2d([[0, 5, 6, 7]], undefined, "int32"); // [B, T]
 * assertEquals(ws.model.hiddenStates(chameleon, tokens).shape, [1, 4, 192]);
 * ```
 */
export function hiddenStates(model: Chameleon, tokens: Tensor, options: ForwardOptions = {}): Tensor {
  const positions = tokens.shape[1]!;
  const { last: queries = positions, ...rest } = options;
  return forward(model, tokens, { ...rest, ...geometryOf(model.config, positions, options.padding), queries, training: true }).hidden; // [B, Q, D]
}

/**
 * Scores over the vocabulary, or over the rows of it that `head` holds.
 *
 * @param hidden [B, Q, D]
 * @param head [V, D] or some rows of it
 * @returns [B, Q, V] in the precision of the weights
 *
 * @example A score for each id
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const tokens = tf.tensor2d([[0, 5, 6, 7]], undefined, "int32"); // [B, T]
 * const hidden = ws.model.hiddenStates(chameleon, tokens, { last: 1 }); // [B, 1, D]
 * assertEquals(ws.model.logitsOf(hidden, chameleon.head).shape, [1, 1, 1583]);
 * ```
 */
export function logitsOf(hidden: Tensor, head: Tensor): Tensor {
  return linear(hidden, head); // [B, Q, V]
}

/** Rows of the output matrix for a range of ids, made once: image tokens need no text scores. [count, D] */
export function headRows(model: Chameleon, first: number, count: number): Tensor {
  return tf.slice(model.head, [first, 0], [count, -1]); // [count, D]
}

/** The rows for image tokens, frozen. [K, D] */
export function freezeHead(model: Chameleon, images: { readonly firstImage: number; readonly codes: number }): Tensor {
  return freeze(headRows(model, images.firstImage, images.codes)); // [K, D]
}

/**
 * The pass over prompts: it also gives every block's keys and values, which decoding goes on from.
 *
 * @param model the weights
 * @param tokens [B, S] int32
 * @param options adapter and padding
 * @returns the hidden state of the last position, [B, 1, D], and keys and values by block, [B, Hkv, S, d]
 *
 * @example Keys and values of four tokens
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const tokens = tf.tensor2d([[0, 5, 6, 7]], undefined, "int32"); // [B, T]
 * const { hidden, cache } = ws.model.prefill(chameleon, tokens);
 * assertEquals([hidden.shape, cache.length, cache[0]!.k.shape[2]], [[1, 1, 192], chameleon.layers.length, 4]);
 * ```
 */
export function prefill(model: Chameleon, tokens: Tensor, options: ForwardOptions = {}): { hidden: Tensor; cache: KeysValues[] } {
  const positions = tokens.shape[1]!;
  const geometry = geometryOf(model.config, positions, options.padding);
  return forward(model, tokens, { ...geometry, adapter: options.adapter, queries: positions, given: 1 });
}

/** What a decoding goes on from. */
export interface DecodingState {
  /** Keys and values of the P prompts, [P, Hkv, S, d]; the N sequences of a prompt share them. */
  readonly prompt: readonly KeysValues[];
  /** Keys and values of the P·N sequences after their prompts, with C slots, [P·N, Hkv, C, d]. */
  readonly own: readonly KeysValues[];
}

/**
 * One more token for each sequence, on keys and values in slots made beforehand.
 *
 * @param model the weights
 * @param tokens [P·N] int32, the newest tokens; the N sequences of a prompt side by side
 * @param step how many tokens came after the prompts before these, a scalar int32
 * @param state prompts and slots; slots from `step` on are free
 * @param options adapter, and padding [P, 1, 1, S] of the prompts
 * @returns the hidden state, [P·N, 1, D], and the slots with the new keys and values in them
 *
 * @example One more token after four
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const tokens = tf.tensor2d([[0, 5, 6, 7]], undefined, "int32"); // [B, T]
 * const { cache: prompt } = ws.model.prefill(chameleon, tokens);
 * const slots = () => tf.zeros([1, 3, 2, 64]) as ws.Tensor; // room for two tokens
 * const own = prompt.map(() => ({ k: slots(), v: slots() }));
 * const next = tf.tensor1d([8], "int32");
 * const { hidden } = ws.model.decodeStep(chameleon, next, tf.scalar(0, "int32"), { prompt, own });
 * assertEquals(hidden.shape, [1, 1, 192]);
 * ```
 */
export function decodeStep(
  model: Chameleon,
  tokens: Tensor,
  step: Tensor,
  { prompt, own }: DecodingState,
  options: ForwardOptions = {},
): { hidden: Tensor; own: KeysValues[] } {
  const slots = own[0]!.k.shape[2]!;
  const length = prompt[0]!.k.shape[2]!;
  const { cos, sin } = geometryOf(model.config, length + slots, undefined); // [S + C, d] each
  const at = tf.add(tf.reshape(step, [1]), tf.scalar(length, "int32")); // [1]
  const places = tf.range(0, slots, 1, "int32"); // [C]
  const slot = tf.reshape(tf.cast(tf.equal(places, step), "float32"), [1, 1, slots, 1]); // [1, 1, C, 1]
  const newest = tf.expandDims(tokens, 1); // [P·N, 1]
  const { hidden, cache } = forward(model, newest, {
    adapter: options.adapter,
    cos: tf.gather(cos, at), // [1, d]
    sin: tf.gather(sin, at), // [1, d]
    padding: slotMask(prompt[0]!, own[0]!, step, options.padding), // [P·N, 1, 1, S + C]
    queries: 1,
    past: own.map((slots, i) => ({ ...slots, prompt: prompt[i]!, slot })),
  });
  return { hidden, own: cache };
}

/**
 * More tokens for each sequence after a prefix whose keys and values are known: what a whole forward pass gives for them.
 *
 * @param model the weights
 * @param tokens [B, Q] int32, what follows the prefix
 * @param cache keys and values of the prefix, [B, Hkv, S, d]
 * @param options adapter, and padding [B, 1, 1, S + Q] over prefix and tokens
 * @returns hidden states, [B, Q, D]
 *
 * @example Two tokens after a prefix of four
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const tokens = tf.tensor2d([[0, 5, 6, 7]], undefined, "int32"); // [B, T]
 * const { cache } = ws.model.prefill(chameleon, tokens);
 * const more = tf.tensor2d([[8, 9]], undefined, "int32");
 * assertEquals(ws.model.continueFrom(chameleon, more, cache).shape, [1, 2, 192]);
 * ```
 */
export function continueFrom(model: Chameleon, tokens: Tensor, cache: readonly KeysValues[], options: ForwardOptions = {}): Tensor {
  const queries = tokens.shape[1]!;
  const before = cache[0]!.k.shape[2]!;
  const { cos, sin, padding } = geometryOf(model.config, before + queries, options.padding);
  const later = (table: Tensor) => tf.slice(table, [before, 0], [queries, -1]); // [Q, d]
  const geometry = { cos: later(cos), sin: later(sin), padding };
  return forward(model, tokens, { ...geometry, adapter: options.adapter, queries, past: cache }).hidden; // [B, Q, D]
}

/** Where the positions of a pass stand, and what they may not see. */
interface Geometry extends RopeTables {
  readonly padding: Tensor; // added to scores, [B or 1, 1, 1, S + T]
}

/** One pass: all that sets the four ways to run the model apart. */
interface Pass extends Geometry, AdaptedPass {
  readonly checkpoint?: boolean | undefined;
  readonly past?: readonly Past[]; // keys and values that came before, by block
  readonly queries: number; // Q, positions that the last block carries on
  readonly given?: number; // how many of those come out; all by default
}

/** Keys and values that came before; new ones follow them, or go where `slot` is 1. */
interface Past extends KeysValues {
  readonly slot?: Tensor; // [1, 1, C, 1]
  readonly prompt?: KeysValues; // shared by several sequences, [P, Hkv, S, d]
}

/** The pass: embedding, blocks, last norm. tokens: [B, T] → hidden: [B, Q, D], and keys and values by block */
function forward(model: Chameleon, tokens: Tensor, pass: Pass): { hidden: Tensor; cache: KeysValues[] } {
  const { config, sharded } = model;
  const shape = shapeOf(model, pass.checkpoint ?? false);
  const { cos, sin, padding, queries, given = queries } = pass;
  const cache: KeysValues[] = []; // stays empty when checkpointing
  let x = toPrecision(embedded(model, tokens), "float32"); // [B, T, D]
  const count = sharded?.blocks.length ?? model.layers.length;
  for (let i = 0; i < count; i++) {
    const lora = blockAdapter(i, pass);
    const carried = i === count - 1 ? queries : tokens.shape[1]!;
    const inputs = { shape, lora, cos, sin, padding, queries: carried, past: pass.past?.[i] };
    if (sharded) x = gatheredBlock(() => sharded.matricesOf(i), x, sharded.blocks[i]!, inputs); // [B, Q, D]
    else if (pass.checkpoint) x = recomputedBlock(x, model.layers[i]!, inputs); // [B, Q, D]
    else ({ x, kv: cache[i] } = block(x, model.layers[i]!, inputs)); // [B, Q, D]
  }
  const hidden = rmsNorm(lastPositions(x, given), model.norm, config.rmsEpsilon, shape.precision); // [B, Q, D]
  return { hidden: withBeside(hidden, model.beside), cache };
}

/** Numbers that all blocks share. */
interface Shape {
  readonly heads: number;
  readonly keyHeads: number;
  readonly epsilon: number;
  readonly swinNorm: boolean;
  readonly precision: Precision;
}

/** What a block is given beside its input and its weights. */
interface BlockInputs extends Geometry {
  readonly shape: Shape;
  readonly lora: BlockAdapter;
  readonly queries: number; // Q
  readonly past: Past | undefined;
}

/** One block: attention and feed-forward layer on the residual stream. x: [B, T, D] → x: [B, Q, D], and keys and values */
function block(x: Tensor, layer: Layer, inputs: BlockInputs): { x: Tensor; kv: KeysValues } {
  const { epsilon, precision, swinNorm } = inputs.shape;
  const before = (y: Tensor, gain: Tensor) => swinNorm ? toPrecision(y, precision) : rmsNorm(y, gain, epsilon, precision);
  const after = (y: Tensor, gain: Tensor) => swinNorm ? rmsNorm(y, gain, epsilon, precision) : y;

  const carried = lastPositions(x, inputs.queries); // [B, Q, D]
  const { y, kv } = attention(before(x, layer.inputNorm), layer, inputs); // y: [B, Q, D]
  const mixed = residual(carried, after(y, layer.inputNorm));
  const fed = feedForward(before(mixed, layer.postNorm), layer, inputs);
  return { x: residual(mixed, after(fed, layer.postNorm)), kv };
}

/** A block whose inside is recomputed for the gradient: its arguments are all that is kept. [B, T, D] → [B, Q, D] */
const recomputedBlock: (x: Tensor, layer: Layer, inputs: BlockInputs) => Tensor = compile(
  (x: Tensor, layer: Layer, inputs: BlockInputs) => block(x, layer, inputs).x,
);

/** The same, its matrices made when it runs and when it is recomputed. */
const gatheredBlock: (make: () => Matrices, x: Tensor, norms: BlockNorms, inputs: BlockInputs) => Tensor = compileRemaking(
  (matrices: Matrices, x: Tensor, norms: BlockNorms, inputs: BlockInputs) => block(x, { ...norms, ...matrices }, inputs).x,
);

/** x: [B, T, D] → y: [B, Q, D], and keys and values for what comes next */
function attention(x: Tensor, layer: Layer, inputs: BlockInputs): { y: Tensor; kv: KeysValues } {
  const { shape: { heads, keyHeads, precision }, lora, cos, sin, padding, queries, past } = inputs;
  const [q, k, v] = project(x, layer, ["q_proj", "k_proj", "v_proj"], lora, 0) as [Tensor, Tensor, Tensor]; // [B, T, ·] each
  const rope = freeze({ cos: lastPositions(cos, queries), sin: lastPositions(sin, queries) }); // [Q, d] each
  const turn = (x: Tensor, count: number, norm: HeadNorm | undefined, at: RopeTables, scale: number) =>
    norm ? normaliseAndRotate(x, norm, at, scale, precision) : rotate(x, count, at, scale, precision);
  const turnedQ = turn(lastPositions(q, queries), heads, layer.qNorm, rope, cos.shape[1]! ** -0.5); // [B, H, Q, d]
  const turnedK = turn(k, keyHeads, layer.kNorm, { cos, sin }, 1); // [B, Hkv, T, d]
  const kv = joined(past, { k: turnedK, v: splitHeads(v, keyHeads) }); // [B, Hkv, S + T, d] each

  const forHeads = ({ k, v }: KeysValues) => ({ k: repeatHeads(k, heads / keyHeads), v: repeatHeads(v, heads / keyHeads) });
  const own = forHeads(kv); // [B, H, S + T, d] each
  const attended = past?.prompt
    ? sharedPromptAttention(turnedQ, forHeads(past.prompt), own, padding) // [B, H, 1, d]
    : causalAttention(turnedQ, own.k, own.v, padding); // [B, H, Q, d]
  const [y] = project(joinHeads(attended), layer, ["o_proj"], lora, 1); // [B, Q, D]
  return { y: y!, kv };
}

/** SwiGLU: [B, Q, D] → [B, Q, D] */
function feedForward(x: Tensor, layer: Layer, { lora, shape }: BlockInputs): Tensor {
  const [gate, up] = project(x, layer, ["gate_proj", "up_proj"], lora, 2) as [Tensor, Tensor]; // [B, Q, F] each
  const inner = swiglu(gate, up, shape.precision); // [B, Q, F]
  return project(inner, layer, ["down_proj"], lora, 3)[0]!; // [B, Q, D]
}

/** New keys and values after the old ones, or in their slot. */
function joined(past: Past | undefined, fresh: KeysValues): KeysValues {
  if (!past) return fresh;
  const { slot } = past;
  const join = (old: Tensor, one: Tensor) => slot ? blend(old, one, slot, precisionOf(old)) : tf.concat([old, one], 2); // [B, Hkv, C, d] or [B, Hkv, S + T, d]
  return { k: join(past.k, fresh.k), v: join(past.v, fresh.v) };
}

/** Slots with one of them overwritten. slots: [B, Hkv, C, d], one: [B, Hkv, 1, d], slot: [1, 1, C, 1] → [B, Hkv, C, d] */
const blend: (slots: Tensor, one: Tensor, slot: Tensor, precision: Precision) => Tensor = compile(
  (slots: Tensor, one: Tensor, slot: Tensor, precision: Precision) =>
    toPrecision(tf.add(tf.mul(slots, tf.sub(1, slot)), tf.mul(one, slot)), precision),
  { xla: true },
);

/** What a step may not see: padding of its prompt, and slots that are still free. [P·N, 1, 1, S + C] */
function slotMask(prompt: KeysValues, own: KeysValues, step: Tensor, padding: Tensor | undefined): Tensor {
  const [prompts, , length] = prompt.k.shape as [number, number, number];
  const [batch, , slots] = own.k.shape as [number, number, number];
  const ofPrompts = tf.tile(padding ?? tf.zeros([prompts, 1, 1, length]), [1, batch / prompts, 1, 1]); // [P, N, 1, S]
  const ofRows = tf.reshape(ofPrompts, [batch, 1, 1, length]); // [P·N, 1, 1, S]
  const isFree = tf.cast(tf.greater(tf.range(0, slots, 1, "int32"), step), "float32"); // [C]
  const free = tf.reshape(tf.mul(isFree, -1e9), [1, 1, 1, slots]); // [1, 1, 1, C]
  return tf.concat([ofRows, tf.tile(free, [batch, 1, 1, 1])], 3); // [P·N, 1, 1, S + C]
}

function shapeOf({ config, layers, sharded }: Chameleon, checkpoint: boolean): Shape {
  if (sharded && !checkpoint) throw new TypeError("Cannot run a sharded model but in training with checkpointing");
  const { heads, keyHeads, rmsEpsilon: epsilon, swinNorm } = config;
  return { heads, keyHeads, epsilon, swinNorm, precision: sharded?.precision ?? precisionOf(layers[0]!.q_proj) };
}

/** Rotary tables and padding for positions from 0, frozen, as compiled blocks would give their gradients too; without padding, nothing is hidden. */
function geometryOf({ hiddenSize, heads, ropeTheta }: ChameleonConfig, positions: number, padding: Tensor | undefined): Geometry {
  return freeze({ ...ropeTables(positions, hiddenSize / heads, ropeTheta), padding: padding ?? tf.zeros([1, 1, 1, positions]) });
}
