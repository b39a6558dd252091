/**
 * Drawing all tokens of an image at once, in passes, from a draft (Jacobi decoding: Song et al. 2021; speculative Jacobi
 * decoding: Teng et al. 2024). The randomness of each place is drawn beforehand, so an image is a fixed point: a pass computes
 * every token from the draft before it, and what no longer changes is what drawing one by one gives. Exact, not relaxed.
 *
 * Shapes: P prompts, R rows that still change, S positions of a prompt, Q tokens of a draft after its first, D width, Hkv key
 * heads, d width of a head.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Adapter, type Chameleon, continueFrom, prefill } from "../model/mod.ts";
import type { KeysValues } from "../nn/mod.ts";
import { compile, dispose, type Tensor, tf, tidy, valuesOf } from "../engine/mod.ts";
import { drawRows, givenIds, layPrompts, limitsOf, seedOf } from "./draw.ts";
import { checkOptions } from "./generate.ts";
import type { Sampler, SamplingOptions } from "./sampler.ts";

/**
 * Draws as many tokens after each prompt as its draft has: the same tokens as `generate` with the same options, in fewer steps
 * the better the draft. For a world model the source is a good draft: most of it stays.
 *
 * @param sampler the model
 * @param prompts ids up to where the completion begins
 * @param drafts a guess for each prompt, all of one length
 * @param options temperature, seed and what limits the choice; guidance is not for passes
 * @returns ids after each prompt, and how many passes it took
 * @throws UserError with guidance, or when the temperature, top-k or top-p cannot be
 *
 * @example The same tokens as one by one
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const options = { temperature: 1, seed: 1 };
 * const sampler = ws.imageSampler(chameleon, vocabulary);
 * const draft = [Array<number>(3).fill(vocabulary.firstImage)];
 * const { drawn } = ws.sample.generateInPasses(sampler, [[vocabulary.bos]], draft, options);
 * assertEquals(drawn, ws.sample.generate(sampler, [[vocabulary.bos]], 3, options));
 * ```
 */
export function generateInPasses(
  sampler: Sampler,
  prompts: readonly (readonly number[])[],
  drafts: readonly (readonly number[])[],
  options: SamplingOptions,
): { drawn: number[][]; passes: number } {
  if (options.guidance) throw new UserError("Cannot draw in passes with guidance: draw one by one");
  checkOptions(options, sampler, prompts);
  if (prompts.length === 0) return { drawn: [], passes: 0 };
  const { model, adapter = null } = sampler;
  const { unique, family } = families(prompts);
  const { tokens, padding } = layPrompts(unique, sampler.pad);
  const { cache, last } = readCompiled(model, adapter, tokens, padding);
  const seeds = drafts.map((draft, row) => draft.map((_, step) => seedOf(options, row, step)));
  const given = givenIds(sampler, drafts[0]!.length);
  const choose = (hidden: Tensor, rows: readonly number[], places: readonly number[]) => { // hidden: [R·Q, 1, D]
    const own = tf.stack(rows.flatMap((row) => places.map((place) => seeds[row]![place]!))); // [R·Q, 2]
    const chosen = drawRows(hidden, sampler.head, sampler.rule ?? null, limitsOf({ ...options, text: 1, image: 1 }), own);
    return [...valuesOf(chosen)].map((index) => index + sampler.firstId);
  };
  const all = [...prompts.keys()];
  const first = tidy(() => choose(tf.gather(last, tf.tensor1d(family, "int32")), all, [0]));
  const drawn = drafts.map((draft, row) => [first[row]!, ...draft.slice(1)]);
  const later = [...drafts[0]!.keys()].slice(1);
  let [open, passes] = [later.length === 0 ? [] : all, 1];
  while (open.length > 0) {
    const rows = rounded(open);
    const next = tidy(() => {
      const input = tf.tensor2d(rows.flatMap((row) => drawn[row]!.slice(0, -1)), [rows.length, later.length], "int32"); // [R, Q]
      const ofRows = tf.tensor1d(rows.map((row) => family[row]!), "int32"); // [R]
      const hidden = passCompiled(model, adapter, input, { family: ofRows, cache, padding }); // [R, Q, D]
      return choose(tf.reshape(hidden, [rows.length * later.length, 1, hidden.shape[2]!]), rows, later); // from [R·Q, 1, D]
    });
    open = open.filter((row, i) => {
      const chosen = [first[row]!, ...next.slice(i * later.length, (i + 1) * later.length)];
      const found = given ? chosen.map((id, place) => given[place]! < 0 ? id : given[place]!) : chosen;
      const moved = found.some((id, place) => id !== drawn[row]![place]);
      drawn[row] = found;
      return moved;
    });
    passes++;
  }
  dispose([cache, last, tokens, padding, seeds]);
  return { drawn, passes };
}

/** Prompts without repetitions, and which of them each row has. */
function families(prompts: readonly (readonly number[])[]): { unique: (readonly number[])[]; family: number[] } {
  const names = prompts.map((prompt) => prompt.join());
  const unique = [...new Set(names)];
  return { unique: unique.map((name) => prompts[names.indexOf(name)]!), family: names.map((name) => unique.indexOf(name)) };
}

/** As many rows as a power of two, the first again where there are fewer: few shapes are compiled. */
function rounded(rows: readonly number[]): number[] {
  const count = 2 ** Math.ceil(Math.log2(rows.length));
  return [...rows, ...Array<number>(count - rows.length).fill(rows[0]!)];
}

const readCompiled = compile((model: Chameleon, adapter: Adapter | null, tokens: Tensor, padding: Tensor) => {
  const { hidden, cache } = prefill(model, tokens, { adapter: adapter ?? undefined, padding });
  return { last: hidden, cache };
});

/** The prompts that have been read, and which of them each row has. */
interface Prefixes {
  readonly family: Tensor; // [R]
  readonly cache: readonly KeysValues[]; // [P, Hkv, S, d]
  readonly padding: Tensor; // [P, 1, 1, S]
}

const passCompiled = compile(
  (model: Chameleon, adapter: Adapter | null, tokens: Tensor, { family, cache, padding }: Prefixes) => {
    const ofRows = (t: Tensor) => tf.gather(t, family); // [R, ...]
    const own = cache.map(({ k, v }): KeysValues => ({ k: ofRows(k), v: ofRows(v) })); // [R, Hkv, S, d]
    const mask = tf.concat([ofRows(padding), tf.zeros([tokens.shape[0]!, 1, 1, tokens.shape[1]!])], 3); // [R, 1, 1, S + Q]
    return continueFrom(model, tokens, own, { adapter: adapter ?? undefined, padding: mask }); // [R, Q, D]
  },
);
