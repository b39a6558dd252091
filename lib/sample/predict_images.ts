/**
 * Next observations: images drawn by a world model after a source and an action.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Vocabulary, worldPrompt } from "../tokens/mod.ts";
import { openingIds, pictureCodes, pictureIds, pictureLength } from "../tokens/sequences.ts";
import { drawingRows } from "./fit.ts";
import { generate } from "./generate.ts";
import { generateInPasses } from "./jacobi.ts";
import type { Sampler } from "./sampler.ts";

/** What a world model is asked. */
export interface ObservationQuery {
  /** Names its streams of random numbers: the same image whatever the batch. */
  readonly id: string;
  /** Codes of the source. */
  readonly source: ArrayLike<number>;
  /** What is done. */
  readonly action: string;
  /** Its own seed, where queries that are drawn together have several. */
  readonly seed?: number;
}

/** How images are drawn; a configuration's section. */
export interface ObservationOptions {
  /** Divides the logits. */
  readonly temperature: number;
  /** Of the likeliest tokens; 0: all. */
  readonly topK: number;
  /** Probability of the likeliest tokens. */
  readonly topP: number;
  /** Scale of the action; 1 with an image scale of 1 is no guidance. */
  readonly guidanceText: number;
  /** Scale of the source image. */
  readonly guidanceImage: number;
  /** `source`: in passes from the source (`generateInPasses`), the same images sooner; without guidance alone. */
  readonly draft?: "none" | "source";
}

/** Who is told how far a drawing is: the codes so far of each candidate of each query, row of the image by row. */
export type OnRow = (codes: readonly (readonly (readonly number[])[])[]) => void;

/**
 * Draws candidates of the next observation: as many image tokens as the source has, and nothing else. Candidates of one query
 * share its keys and values; candidate j of a query is the same whatever else is drawn with it.
 *
 * @param sampler the world model, its head over image tokens
 * @param vocabulary of the model
 * @param queries sources and actions
 * @param count candidates of each
 * @param options of the choice, and the seed
 * @param onRow told the codes so far after each row of the image, but where they are drawn in passes; what it throws ends the drawing
 * @returns codes of each candidate of each query
 * @throws UserError when there are no candidates to draw, or an action does not fit into the context
 *
 * @example Two candidates of 64 codes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const options = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1, seed: 1 };
 * const queries = [{ id: "a", source: new Uint16Array(64), action: "remove the red circle" }];
 * const [candidates] = ws.drawObservations(ws.imageSampler(chameleon, vocabulary), vocabulary, queries, 2, options);
 * assertEquals(candidates!.map((codes) => codes.length), [64, 64]);
 * ```
 */
export function drawObservations(
  sampler: Sampler,
  vocabulary: Vocabulary,
  queries: readonly ObservationQuery[],
  count: number,
  { temperature, topK, topP, guidanceText: text, guidanceImage: image, draft, seed }: ObservationOptions & { readonly seed: number },
  onRow?: OnRow,
): number[][][] {
  if (!(count >= 1)) throw new UserError(`Cannot draw ${count} candidates: at least one is needed`);
  if (queries.length === 0) return [];
  const limit = sampler.model.config.maxPositions;
  const tokens = pictureLength(vocabulary, queries[0]!.source.length);
  const prompts = queries.map(({ id, source, action }) => {
    const prompt = worldPrompt(vocabulary, source, action);
    const room = limit - tokens;
    if (prompt.length <= room) return prompt;
    throw new UserError(
      `Cannot predict "${id}": source and action take ${prompt.length} positions, of ${limit} only ${room} are left for them`,
    );
  });
  const guided = text !== 1 || image !== 1;
  const choice = { temperature, seed, ...(topK > 0 && { topK }), ...(topP < 1 && { topP }) };
  const rows = queries.flatMap(({ id, source, seed: own = seed }, i) =>
    Array.from({ length: count }, (_, j) => ({ prompt: prompts[i]!, source, seed: own, stream: `${id}/${j}` }))
  );
  const most = drawingRows(sampler, rows.length, { prompts, tokens, each: count, guidance: { text, image } });
  const together = most >= count ? most - most % count : most; // all candidates of a query share its prompt
  const drawn: number[][] = [];
  const codesOf = (ids: readonly (readonly number[])[]) => {
    const codes = ids.map((row) => pictureCodes(vocabulary, row));
    return queries.map((_, i) => codes.slice(i * count, (i + 1) * count));
  };
  const progress = onRow &&
    { every: Math.ceil(Math.sqrt(tokens)), tell: (ids: readonly (readonly number[])[]) => onRow(codesOf([...drawn, ...ids])) };
  for (let i = 0; i < rows.length; i += together) {
    const own = rows.slice(i, i + together);
    const ofRows = own.map(({ prompt }) => prompt);
    const guidance = guided && { guidance: { ...unconditional(vocabulary, own), text, image } };
    const options = { ...choice, progress, seeds: own.map(({ seed }) => seed), streams: own.map(({ stream }) => stream), ...guidance };
    drawn.push(
      ...draft === "source"
        ? generateInPasses(sampler, ofRows, own.map(({ source }) => pictureIds(vocabulary, source)), options).drawn
        : generate(sampler, ofRows, tokens, options),
    );
  }
  return codesOf(drawn);
}

/** The prompts of guidance: without the action, and without anything. */
function unconditional(vocabulary: Vocabulary, rows: readonly { readonly source: ArrayLike<number> }[]) {
  return {
    withoutAction: rows.map(({ source }) => worldPrompt(vocabulary, source, "")),
    withoutAll: rows.map(({ source }) => [vocabulary.bos, ...openingIds(vocabulary, source.length)]),
  };
}
