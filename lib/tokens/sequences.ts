/**
 * Token sequences of the two models, with what they are trained on. All prompt wording is here.
 *
 * World model:    `<s>` source image, action, end of turn, target image
 * Dynamics model: `<s>` source image, target image, question, end of turn, action `</s>`
 *
 * An image is begin, codes, end; Emu3's begins with its size in words and ends each row with a mark.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What the dynamics model is asked about two images. */
export const DYNAMICS_QUESTION = "What action leads from the first image to the second?";

/** A sequence: what goes in, and the completion that is learnt. */
export interface Sequence {
  /** Ids before the completion. */
  readonly prompt: readonly number[];
  /** Ids that the model must give; the loss is on these. */
  readonly completion: readonly number[];
}

/** An image as ids: what opens it, its codes, what closes it. */
export function imageIds(vocabulary: Vocabulary, codes: ArrayLike<number>): number[] {
  const { rows, endImage } = vocabulary;
  const closing = rows ? [rows.endOfPicture, endImage] : [endImage];
  return [...openingIds(vocabulary, codes.length), ...pictureIds(vocabulary, codes), ...closing];
}

/** Ids before the first of so many codes of a square image. */
export function openingIds({ beginImage, rows, encode }: Vocabulary, codes: number): number[] {
  const side = Math.sqrt(codes);
  return rows ? [beginImage, ...encode(`${side}*${side}`), rows.afterSize] : [beginImage];
}

/** Ids of a square image's codes, with a mark after each row where the backbone has one. */
export function pictureIds(vocabulary: Vocabulary, codes: ArrayLike<number>): number[] {
  const ids = codesToIds(vocabulary, codes);
  const { rows } = vocabulary;
  if (!rows) return ids;
  const side = Math.sqrt(ids.length);
  return ids.flatMap((id, i) => i % side === side - 1 ? [id, rows.endOfRow] : [id]);
}

/** How many ids {@linkcode pictureIds} gives for so many codes. */
export function pictureLength({ rows }: Vocabulary, codes: number): number {
  return rows ? codes + Math.sqrt(codes) : codes;
}

/** The codes among the ids of an image. */
export function pictureCodes(vocabulary: Vocabulary, ids: readonly number[]): number[] {
  const { rows } = vocabulary;
  return idsToCodes(vocabulary, rows ? ids.filter((id) => id !== rows.endOfRow) : ids);
}

/** Ids of image codes. */
export function codesToIds({ firstImage, codes: limit }: Vocabulary, codes: ArrayLike<number>): number[] {
  return Array.from(codes, (code) => {
    if (!(code >= 0 && code < limit)) throw new UserError(`Cannot use image code ${code}: the codebook has ${limit} codes`);
    return firstImage + code;
  });
}

/** Image codes of ids. */
export function idsToCodes({ firstImage, codes: limit }: Vocabulary, ids: ArrayLike<number>): number[] {
  return Array.from(ids, (id) => {
    const code = id - firstImage;
    if (!(code >= 0 && code < limit)) {
      throw new UserError(`Cannot use id ${id} as an image token: those are ${firstImage} … ${firstImage + limit - 1}`);
    }
    return code;
  });
}

/**
 * What stands for pictures that are seen and not encoded where their codes would: numbers of places behind all codes.
 *
 * @param vocabulary of the model
 * @param pictures how many
 * @param places of a picture
 * @returns a vocabulary with an id for each place, and the places of each picture, row by row
 */
export function withPlaces(vocabulary: Vocabulary, pictures: number, places: number): { vocabulary: Vocabulary; places: number[][] } {
  const { codes } = vocabulary;
  const placesOf = (picture: number) => Array.from({ length: places }, (_, place) => codes + picture * places + place);
  return {
    vocabulary: { ...vocabulary, codes: codes + pictures * places },
    places: Array.from({ length: pictures }, (_, i) => placesOf(i)),
  };
}

/**
 * The world model's sequence; the completion is the target's image tokens.
 *
 * @param vocabulary of the model
 * @param source image codes, row by row
 * @param action what is done
 * @param target image codes
 * @returns prompt and completion
 *
 * @example The target is what is learnt
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const codes = new Uint16Array(64);
 * assertEquals(ws.tokens.worldSequence(vocabulary, codes, "open the door", codes).completion.length, 64);
 * ```
 */
export function worldSequence(vocabulary: Vocabulary, source: ArrayLike<number>, action: string, target: ArrayLike<number>): Sequence {
  return { prompt: worldPrompt(vocabulary, source, action), completion: pictureIds(vocabulary, target) };
}

/**
 * The world model's sequence up to where the target image begins.
 *
 * @param vocabulary of the model
 * @param source image codes, row by row
 * @param action what is done
 * @returns ids
 *
 * @example It ends where the target begins
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const prompt = ws.tokens.worldPrompt(vocabulary, new Uint16Array(64), "open the door");
 * assertEquals([prompt[0], prompt.at(-1)], [vocabulary.bos, vocabulary.beginImage]);
 * ```
 */
export function worldPrompt(vocabulary: Vocabulary, source: ArrayLike<number>, action: string): number[] {
  const { bos, turn } = vocabulary;
  const said = [...turn.before, ...imageIds(vocabulary, source), ...vocabulary.encode(action), ...turn.after];
  return [bos, ...said, ...openingIds(vocabulary, source.length)];
}

/**
 * The dynamics model's sequence; the completion is the action and the end.
 *
 * @param vocabulary of the model
 * @param source image codes, row by row
 * @param target image codes
 * @param action what was done
 * @returns prompt and completion
 *
 * @example The action is what is learnt
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const codes = new Uint16Array(64);
 * const { completion } = ws.tokens.dynamicsSequence(vocabulary, codes, codes, "open the door");
 * assertEquals(completion.at(-1), vocabulary.eos);
 * ```
 */
export function dynamicsSequence(vocabulary: Vocabulary, source: ArrayLike<number>, target: ArrayLike<number>, action: string): Sequence {
  return { prompt: dynamicsPrompt(vocabulary, source, target), completion: [...vocabulary.encode(action), vocabulary.eos] };
}

/**
 * The dynamics model's sequence up to where the action begins.
 *
 * @param vocabulary of the model
 * @param source image codes, row by row
 * @param target image codes
 * @returns ids
 *
 * @example Two images and a question
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const codes = new Uint16Array(64);
 * const prompt = ws.tokens.dynamicsPrompt(vocabulary, codes, codes);
 * assertEquals(prompt.filter((id) => id === vocabulary.beginImage).length, 2);
 * ```
 */
export function dynamicsPrompt(vocabulary: Vocabulary, source: ArrayLike<number>, target: ArrayLike<number>): number[] {
  const { bos, turn } = vocabulary;
  const question = vocabulary.encode(DYNAMICS_QUESTION);
  return [bos, ...turn.before, ...imageIds(vocabulary, source), ...imageIds(vocabulary, target), ...question, ...turn.after];
}

/** A batch on rectangular arrays, padded on the left so that completions end together. */
export interface PaddedBatch {
  /** Input ids, [B, T]: prompt and completion without its last token. */
  readonly tokens: Int32Array;
  /** 1 at tokens, 0 at padding, [B, T]. */
  readonly isToken: Float32Array;
  /** What the last N positions must give, [B, N]; −1 where nothing is learnt. */
  readonly labels: Int32Array;
  /** Positions, T. */
  readonly positions: number;
  /** Longest completion, N. */
  readonly completions: number;
}

/**
 * Lays sequences in a batch. Logits are needed at its last N positions alone.
 *
 * @param sequences the sequences
 * @param pad the padding id
 * @param limit positions that the model has
 * @param multiple lengths are rounded up to a multiple, so that few shapes are compiled
 * @param least positions of labels at least, for the same reason
 * @throws UserError when a sequence is longer than the model's context: nothing is ever cut
 */
export function padBatch(sequences: readonly Sequence[], pad: number, limit: number, multiple = 16, least = 0): PaddedBatch {
  const completions = Math.max(least, ...sequences.map(({ completion }) => completion.length));
  const longest = Math.max(...sequences.map(({ prompt, completion }) => prompt.length + completion.length - 1));
  if (longest > limit) throw new UserError(`Cannot fit a sequence of ${longest} tokens into a context of ${limit}`);
  const positions = Math.min(limit, Math.ceil(longest / multiple) * multiple);
  const tokens = new Int32Array(sequences.length * positions).fill(pad);
  const isToken = new Float32Array(tokens.length);
  const labels = new Int32Array(sequences.length * completions).fill(-1);
  sequences.forEach(({ prompt, completion }, row) => {
    const ids = [...prompt, ...completion.slice(0, -1)];
    tokens.set(ids, (row + 1) * positions - ids.length);
    isToken.fill(1, (row + 1) * positions - ids.length, (row + 1) * positions);
    labels.set(completion, (row + 1) * completions - completion.length);
  });
  return { tokens, isToken, labels, positions, completions };
}

/**
 * A sequence for the eyes: special tokens grey, image tokens blue, text plain, the learnt part green.
 *
 * @param vocabulary of the model
 * @param sequence prompt and completion
 * @returns text with colours for a terminal
 *
 * @example Image tokens show their codes
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const sequence = { prompt: [vocabulary.bos], completion: [vocabulary.firstImage + 7] };
 * assert(ws.tokens.dumpSequence(vocabulary, sequence).includes("#7"));
 * ```
 */
export function dumpSequence(vocabulary: Vocabulary, { prompt, completion }: Sequence): string {
  const isImage = (id: number) => id >= vocabulary.firstImage && id < vocabulary.firstImage + vocabulary.codes;
  const paint = (id: number, learnt: boolean) => {
    const colour = learnt ? 32 : isImage(id) ? 34 : vocabulary.encode(vocabulary.decode([id]))[0] === id ? 0 : 90;
    return `\x1b[${colour}m${isImage(id) ? `#${id - vocabulary.firstImage}` : vocabulary.decode([id])}\x1b[0m`;
  };
  return [...prompt.map((id) => paint(id, false)), ...completion.map((id) => paint(id, true))].join(" ");
}
