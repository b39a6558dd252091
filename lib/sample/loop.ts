/**
 * Drawing token after token in one loop of the graph: transformer step, keys and values, limits and choice run inside one compiled
 * function, and no token comes back to JavaScript before the end. The same tokens as one by one. On wasm the loop is JavaScript's.
 *
 * Shapes: R rows that are drawn, L rows as they are laid (R, or G·R guided), P prompts, N rows of a prompt, S positions of a prompt,
 * C slots after it, D width, K tokens that may be drawn.
 *
 * @module
 */
import { type Adapter, type Chameleon, prefill } from "../model/mod.ts";
import { type Decoder, decoderOf, decodeRows, type DecodingContext, decodingContext, mergedMatrices, ownSlots } from "../model/decode.ts";
import { decodeOnHeap } from "../model/decode_heap.ts";
import { compile, dispose, hasLoops, type Tensor, tf, tidy, valuesOf, whileLoop } from "../engine/mod.ts";
import { updateSlice } from "../engine/xla.ts";
import type { KeysValues } from "../nn/mod.ts";
import { chooseRows, drawRows, type LaidPrompts, type Layout, type Limits, seedTable } from "./draw.ts";
import type { Sampler, SamplingOptions } from "./sampler.ts";

const LONG = 128; // tokens: from here on the rows get half of their slots first, as a step reads all slots that there are

const NOT_GIVEN = -(2 ** 30); // as a row of the head; a mark's may be negative, as it lies before the first

/** What the loop carries from step to step. */
interface Drawing {
  readonly step: Tensor; // tokens that went in, a scalar int32
  readonly newest: Tensor; // rows of the head, [R] int32
  readonly drawn: Tensor; // ids, −1 where none is yet, [R, count] int32
  readonly own: readonly KeysValues[]; // stored bits
}

/** What stays the same. */
interface Given {
  readonly decoder: Decoder;
  readonly context: DecodingContext;
  readonly rule: Tensor | null;
  readonly seeds: Tensor; // [count, R, 2]
  readonly places: Tensor; // [L]
  readonly back: Tensor; // [L]
  readonly marks: Tensor | null; // rows of the head that are given, NOT_GIVEN where one is drawn, [count] int32
  readonly end: Tensor; // how many tokens may go in, a scalar int32
}

/** Numbers that are compiled in. */
interface Fixed {
  readonly limits: Limits;
  readonly firstId: number;
  readonly stop: number | null;
}

/**
 * Draws tokens after each prompt.
 *
 * @param sampler the model
 * @param layout the prompts
 * @param count tokens to draw
 * @param options names of the streams and seed
 * @param stop an id at which a row has ended
 * @returns ids of each row, at most `count`: the drawing ends when all rows have ended
 */
export function drawInLoop(sampler: Sampler, layout: Layout, count: number, options: SamplingOptions, stop?: number): number[][] {
  const { model, adapter = null, head, rule = null, firstId } = sampler;
  const { rows, limits, places, back } = layout;
  const fixed = { limits, firstId, stop: stop ?? null };
  const matrices = adapter && mergedMatrices(model, adapter);
  const decoder = tidy(() => decoderOf(model, matrices, head));
  const seeds = seedTable(options, rows, count);
  const { context, hidden } = readPrompts(model, adapter, layout, layout.each, count);
  const sections = sectionsOf(count, options.progress?.every);
  let drawing: Drawing = tidy(() => {
    const first = drawRows(tf.gather(hidden, places), head, rule, limits, tf.squeeze(tf.slice(seeds, [0, 0, 0], [1, -1, -1]), [0])); // [R]
    const own = options.progress && sections[0] ? ownSlots(decoder, null, places.shape[0]!, sections[0].slots) : []; // given, so that all sections are compiled once
    return { step: tf.scalar(0, "int32"), newest: first, drawn: firstDrawn(first, firstId, count), own };
  });
  const marks = layout.given?.map((id) => id < 0 ? NOT_GIVEN : id - firstId);
  const given = { decoder, context, rule, seeds, places, back, marks: marks ? tf.tensor1d(marks, "int32") : null };
  const drawn = () => {
    const ids = [...valuesOf(drawing.drawn)];
    return Array.from({ length: rows }, (_, row) => ids.slice(row * count, (row + 1) * count).filter((id) => id >= 0));
  };
  try {
    for (const { taken, slots } of sections) {
      const end = tf.scalar(taken, "int32");
      const next = drawSection(drawing, { ...given, end }, fixed, slots);
      dispose([drawing, end]);
      drawing = next;
      if (options.progress && (taken + 1) % options.progress.every === 0) options.progress.tell(drawn());
    }
    return drawn();
  } finally {
    dispose([drawing, matrices ?? [], decoder.norms, seeds, context, hidden, given.marks ?? []]);
  }
}

/** Where the loop comes back to JavaScript: tokens that went in by then, and slots for them. */
function sectionsOf(count: number, every?: number): { taken: number; slots: number }[] {
  const slotsFor = (taken: number) => Math.ceil(taken / 16) * 16;
  const sizes = count === 1 ? [] : count < LONG ? [count - 1] : [count >> 1, count - 1];
  const stops = every === undefined ? [] : Array.from({ length: Math.floor(count / every) }, (_, i) => (i + 1) * every - 1);
  const ends = [...new Set([...stops, ...sizes])].filter((taken) => taken > 0).sort((a, b) => a - b);
  return ends.map((taken) => ({ taken, slots: slotsFor(sizes.find((size) => size >= taken)!) }));
}

/** Reads the prompts. hidden: [L, 1, D], each prompt's last state for each of its rows */
const readPrompts = compile(
  (model: Chameleon, adapter: Adapter | null, { tokens, padding }: LaidPrompts, each: number, count: number) => {
    const { hidden, cache } = prefill(model, tokens, { adapter: adapter ?? undefined, padding });
    const [prompts, , width] = hidden.shape as [number, number, number];
    const ofRows = tf.reshape(tf.tile(hidden, [1, each, 1]), [prompts * each, 1, width]); // [L, 1, D]
    return { hidden: ofRows, context: decodingContext(model.config, cache, padding, count) };
  },
);

function firstDrawn(first: Tensor, firstId: number, count: number): Tensor {
  const ids = tf.expandDims(tf.add(first, tf.scalar(firstId, "int32")), 1); // [R, 1]
  return tf.pad(ids as never, [[0, 0], [0, count - 1]], -1); // [R, count]
}

/** A section of the drawing, with as many slots as it needs at its end. */
const drawSection: (drawing: Drawing, given: Given, fixed: Fixed, slots: number) => Drawing = compile(
  (drawing: Drawing, given: Given, fixed: Fixed, slots: number) => {
    const own = ownSlots(given.decoder, drawing.own.length > 0 ? drawing.own : null, given.places.shape[0]!, slots);
    const test = (state: Drawing, { end }: Given) => {
      const goesOn = tf.less(state.step, end);
      if (fixed.stop === null) return goesOn;
      const ended = tf.any(tf.equal(state.drawn, tf.scalar(fixed.stop, "int32")), 1); // [R]
      return tf.logicalAnd(goesOn, tf.logicalNot(tf.all(ended)));
    };
    const step = (state: Drawing, given: Given) => drawStep(state, given, fixed);
    return whileLoop({ test, step }, { ...drawing, own }, given);
  },
  { xla: true },
);

/** The newest tokens go in, the next ones come out. */
function drawStep({ step, newest, drawn, own }: Drawing, given: Given, { limits, firstId }: Fixed): Drawing {
  const { decoder, context, rule, seeds, places, back, marks } = given;
  const rows = newest.shape[0]!;
  const ids = (chosen: Tensor) => tf.add(chosen, tf.scalar(firstId, "int32")); // [R]
  const fed = tf.gather(tf.tile(ids(newest), [back.shape[0]! / rows]), back); // [L]
  const decode = hasLoops() ? decodeRows : decodeOnHeap;
  const grown = decode(decoder, context, fed, own, step);
  const next = tf.add(step, tf.scalar(1, "int32"));
  const ownSeeds = tf.squeeze(tf.gather(seeds, tf.reshape(next, [1])), [0]); // [R, 2]
  const drawnRows = tf.cast(chooseRows(tf.gather(grown.logits, places), rule, limits, ownSeeds), "int32"); // [R]
  const chosen = marks ? unlessGiven(drawnRows, tf.gather(marks, tf.reshape(next, [1]))) : drawnRows; // [R]
  const at = tf.stack([tf.scalar(0, "int32"), next]);
  return { step: next, newest: chosen, drawn: updateSlice(drawn, tf.expandDims(ids(chosen), 1), at), own: grown.own };
}

/** What was drawn, or what is given. drawn: [R] int32, given: [1] int32 → [R] int32 */
function unlessGiven(drawn: Tensor, given: Tensor): Tensor {
  const isGiven = tf.cast(tf.greater(given, tf.scalar(NOT_GIVEN, "int32")), "int32"); // [1]
  return tf.add(tf.mul(drawn, tf.sub(tf.scalar(1, "int32"), isGiven)), tf.mul(given, isGiven));
}
