/**
 * The vocabulary: text, image codes and special tokens in one range of ids, and how a backbone lays pictures and turns among them.
 * Ids are looked up by token name; those in Hugging Face's configs are known to be wrong (`bos_token_id` 1 is `<pad>`).
 *
 * @module
 */
import { printable, quoted, UserError } from "../errors.ts";
import { cpuUsage } from "node:process";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { exists, readJson } from "../files.ts";

/** A vocabulary. */
export interface Vocabulary {
  /** Begin of sequence, `<s>`. */
  readonly bos: number;
  /** Padding, `<pad>`. */
  readonly pad: number;
  /** End of sequence, `</s>`. */
  readonly eos: number;
  /** Begin of image, `<racm3:break>`. */
  readonly beginImage: number;
  /** End of image, `<eoss>`. */
  readonly endImage: number;
  /** Ids around what the user says: nothing before it and `<reserved08706>` after, or the words of a template. */
  readonly turn: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** What marks a picture's size and rows; absent: its codes stand alone between begin and end. */
  readonly rows?: RowMarks;
  /** Special ids that are never said; the end of a sequence is none of them. */
  readonly marks: readonly number[];
  /** Id of image code 0; code k has id `firstImage + k`. */
  readonly firstImage: number;
  /** Codes have scores of their own, and stand after all ids of text: Janus. Text is then scored among ids below `firstImage`. */
  readonly codesApart?: true;
  /** How many image codes there are. */
  readonly codes: number;
  /** Ids there are. */
  readonly size: number;
  /** Ids of a text, without special tokens. */
  encode(text: string): number[];
  /** The text of ids; special and image tokens by name. */
  decode(ids: readonly number[]): string;
}

/** Marks of a picture's size and rows: begin, the size in words, `afterSize`, rows that end in `endOfRow`, `endOfPicture`, end. */
export interface RowMarks {
  /** After the size, which is said in words: `8*8`. */
  readonly afterSize: number;
  /** After the last code of each row. */
  readonly endOfRow: number;
  /** After the last row. */
  readonly endOfPicture: number;
}

/** Names of Chameleon's special tokens. */
export const SPECIAL_TOKENS = {
  bos: "<s>",
  pad: "<pad>",
  eos: "</s>",
  beginImage: "<racm3:break>",
  endImage: "<eoss>",
  endOfTurn: "<reserved08706>",
} as const;

/** Names of Emu3's special tokens. */
export const EMU3_TOKENS = {
  bos: "<|extra_203|>",
  pad: "<|endoftext|>",
  eos: "<|extra_204|>",
  beginImage: "<|image start|>",
  endImage: "<|image end|>",
  afterSize: "<|image token|>",
  endOfRow: "<|extra_200|>",
  endOfPicture: "<|extra_201|>",
} as const;

/** Emu3's words around a user's turn (its `chat_template`). */
export const EMU3_TURN = { before: "You are a helpful assistant. USER: ", after: ". ASSISTANT:" } as const;

/** Names of Janus's special tokens; its codes have none. */
export const JANUS_TOKENS = {
  bos: "<｜begin▁of▁sentence｜>",
  pad: "<｜▁pad▁｜>",
  eos: "<｜end▁of▁sentence｜>",
  beginImage: "<begin_of_image>",
  endImage: "<end_of_image>",
  placeholder: "<image_placeholder>",
  user: "<|User|>",
  assistant: "<|Assistant|>",
} as const;

/** Janus's words around a user's turn (its `chat_template`). */
export const JANUS_TURN = { before: `${JANUS_TOKENS.user}: `, after: `\n\n${JANUS_TOKENS.assistant}:` } as const;

/** The name of an image code's token in Emu3: its number in six digits. */
export function emu3ImageName(code: number): string {
  return `<|visual token ${String(code).padStart(6, "0")}|>`;
}

/** The name of an image code's token in Chameleon: IMGIMG, its decimal digits as letters A … J, Z. */
export function imageTokenName(code: number): string {
  return `IMGIMG${String(code).replace(/\d/g, (digit) => String.fromCharCode(65 + Number(digit)))}Z`;
}

/**
 * Reads a model folder's `tokenizer.json`.
 *
 * @param folder the model's folder
 * @param codes how many image codes its VQGAN has
 * @returns the vocabulary
 * @throws UserError when a special or image token is missing, or codes and ids are not in the same order
 *
 * @example Text to ids and back
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * assertEquals(vocabulary.decode(vocabulary.encode("remove the red circle")).trim(), "remove the red circle");
 * ```
 */
export function loadVocabulary(folder: string, codes: number): Vocabulary {
  const path = `${folder}/tokenizer.json`;
  return vocabularyOf(readJson(path), path, codes, textRows(folder));
}

/** Rows that Janus's text has in its tables, which are more than its tokenizer's ids; undefined where its config does not lie there. */
function textRows(folder: string): number | undefined {
  const path = `${folder}/config.json`;
  const json = exists(path) ? readJson(path) as { text_config?: { vocab_size?: unknown } } | null : undefined;
  return z.number().int().positive().safeParse(json?.text_config?.vocab_size).data;
}

/**
 * The vocabulary of a parsed `tokenizer.json`, Emu3's where image codes are called so, Janus's where its placeholder is.
 *
 * @param json the parsed file
 * @param path names it in messages
 * @param codes how many image codes there are
 * @param rows ids of text that Janus's tables have; the tokenizer's when absent
 */
export function vocabularyOf(json: unknown, path: string, codes: number, rows?: number): Vocabulary {
  const ids = tokenIds(json, path);
  const isEmu3 = ids.has(emu3ImageName(0));
  const isJanus = ids.has(JANUS_TOKENS.placeholder);
  const idOf = (name: string) => {
    const id = ids.get(name);
    if (id !== undefined) return id;
    throw new UserError(`Cannot use ${path}: it has no token "${name}", which ${isEmu3 ? "Emu3" : isJanus ? "Janus" : "Chameleon"} needs`);
  };
  const special = <Key extends string>(names: Readonly<Record<Key, string>>) =>
    Object.fromEntries(Object.entries<string>(names).map(([key, name]) => [key, idOf(name)])) as Record<Key, number>;
  const laid = isEmu3 ? special(EMU3_TOKENS) : isJanus ? special(JANUS_TOKENS) : special(SPECIAL_TOKENS);
  const textSize = ids.values().reduce((most, id) => Math.max(most, id), 0) + 1;
  if (isJanus && rows !== undefined && rows < textSize) {
    throw new UserError(`Cannot use ${path}: it has ${textSize} ids, its config.json a vocab_size of ${rows}`);
  }
  const firstImage = isJanus ? rows ?? textSize : firstCode(isEmu3 ? emu3ImageName : imageTokenName, codes, idOf, path);
  const tokenizer = buildTokenizer(json, path);
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  return {
    ...layoutOf(laid, encode),
    ...(isJanus && { codesApart: true as const }),
    firstImage,
    codes,
    size: isJanus ? firstImage + codes : textSize,
    encode,
    decode: (tokens) => tokens.length === 0 ? "" : tokenizer.decode([...tokens], { skip_special_tokens: false }),
  };
}

type SpecialIds =
  | Record<keyof typeof SPECIAL_TOKENS, number>
  | Record<keyof typeof EMU3_TOKENS, number>
  | Record<keyof typeof JANUS_TOKENS, number>;

/** How special ids stand in sequences. */
function layoutOf(ids: SpecialIds, encode: (text: string) => number[]) {
  const { bos, pad, eos, beginImage, endImage } = ids;
  const shared = { bos, pad, eos, beginImage, endImage };
  const marks = Object.values(ids).filter((id) => id !== eos);
  if ("endOfTurn" in ids) return { ...shared, marks, turn: { before: [], after: [ids.endOfTurn] } };
  if ("placeholder" in ids) {
    const after = encode(`a${JANUS_TURN.after}`).slice(encode("a").length); // after a word: some tokenizers begin a text with a space
    return { ...shared, marks, turn: { before: encode(JANUS_TURN.before), after } };
  }
  const { afterSize, endOfRow, endOfPicture } = ids;
  const turn = { before: encode(EMU3_TURN.before), after: encode(EMU3_TURN.after) };
  return { ...shared, marks, turn, rows: { afterSize, endOfRow, endOfPicture } };
}

/** The id of image code 0, when those of all others follow it in order. */
function firstCode(nameOf: (code: number) => string, codes: number, idOf: (name: string) => number, path: string): number {
  const first = idOf(nameOf(0));
  for (let code = 0; code < codes; code++) {
    const id = idOf(nameOf(code));
    if (id === first + code) continue;
    throw new UserError(
      `Cannot use ${path}: image code ${code} must have id ${first + code}, right after the code before it, found ${id}`,
    );
  }
  return first;
}

/** The table of image tokens that Hugging Face's config carries; of Janus, its special tokens, which `formatJanus` asks for. */
export function vocabularyMap(vocabulary: Vocabulary): Record<string, number> {
  if (vocabulary.codesApart) {
    return Object.fromEntries(Object.values(JANUS_TOKENS).map((name) => [name, vocabulary.encode(name)[0]!]));
  }
  const { firstImage, codes, endImage, beginImage, rows, turn, bos, pad, eos } = vocabulary;
  const nameOf = rows ? emu3ImageName : imageTokenName;
  const images = Object.fromEntries(Array.from({ length: codes }, (_, code) => [nameOf(code), firstImage + code]));
  if (!rows) {
    const named = { [SPECIAL_TOKENS.endImage]: endImage, [SPECIAL_TOKENS.beginImage]: beginImage, "<image>": turn.after[0]! + 1 };
    return { ...images, ...named };
  }
  const special = { bos, pad, eos, beginImage, endImage, ...rows };
  const named = Object.entries(EMU3_TOKENS).map(([key, name]) => [name, special[key as keyof typeof EMU3_TOKENS]]);
  return { ...images, ...Object.fromEntries(named), "<image>": firstImage + codes };
}

/** A part of a tokenizer as its file describes it: a normalizer, pre-tokenizer, post-processor or decoder. */
const PART: z.ZodType = z.lazy(() => {
  const parts = z.array(PART).optional();
  return z.looseObject({ type: z.string(), normalizers: parts, pretokenizers: parts, processors: parts, decoders: parts }).nullish();
});

/** What of `tokenizer.json` the library relies on without looking: Chameleon's and Emu3's are byte pairs. */
const FILE = z.looseObject({
  ...{ normalizer: PART, pre_tokenizer: PART, post_processor: PART, decoder: PART },
  added_tokens: z.array(z.looseObject({ id: z.number(), content: z.string() })).nullish(),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: z.record(z.string(), z.number()),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

function buildTokenizer(json: unknown, path: string): Tokenizer {
  const parsed = FILE.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(
      `Cannot use ${path} as a tokenizer: ${quoted(issue?.path.join("."))}: ${printable(issue?.message ?? "")}`,
    );
  }
  try {
    const tokenizer = new Tokenizer(json as object, {});
    requireQuick(tokenizer, json, path);
    return tokenizer;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot use ${path} as a tokenizer: one of its parts is of a kind that is not supported`, { cause: error });
  }
}

const BUDGET = 250; // milliseconds of this process for a text of a few thousand characters; on a busy machine the clock runs on without us
const PROBES = ["a", " ", "!", "1", "a ", "\n"];

/**
 * Refuses a tokenizer whose patterns take exponential or steep polynomial time on plain repetitions, before a training meets one.
 * Texts grow until they are long or slow: a pattern that needs another text to be slow is not found.
 */
function requireQuick(tokenizer: Tokenizer, json: unknown, path: string): void {
  const lengths = [8, 12, 16, 18, 20, 22, 24, 26, 28, 32, 64, 256, 1024, 4096];
  for (const probe of PROBES) {
    for (const length of lengths) {
      const start = cpuUsage();
      tokenizer.encode(`${probe.repeat(length)}\u0001`, { add_special_tokens: false });
      const { user, system } = cpuUsage(start); // microseconds
      if ((user + system) / 1000 < BUDGET) continue;
      throw new UserError(
        `Cannot use ${path}: it takes more than ${BUDGET} ms for ${length} repetitions of ${quoted(probe)}; its patterns are ${
          quoted(patternsOf(json).join(" and "))
        }`,
      );
    }
  }
}

/** The regular expressions in a tokenizer's file. */
function patternsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { Regex: pattern, vocab: _, merges: __, ...rest } = value as Record<string, unknown>;
  return [...(typeof pattern === "string" ? [pattern] : []), ...Object.values(rest).flatMap(patternsOf)];
}

function tokenIds(json: unknown, path: string): Map<string, number> {
  const { model, added_tokens: added } = (json ?? {}) as { model?: { vocab?: unknown }; added_tokens?: unknown };
  const vocab = model?.vocab;
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab)) {
    throw new UserError(`Cannot use ${path} as a tokenizer: it has no "model.vocab" that maps tokens to ids`);
  }
  const ids = new Map<string, number>();
  const add = (name: unknown, id: unknown) => {
    if (typeof name !== "string" || !Number.isInteger(id) || (id as number) < 0 || (id as number) > 1 << 24) {
      throw new UserError(`Cannot use ${path} as a tokenizer: token ${quoted(name)} has the id ${quoted(id)}`);
    }
    ids.set(name, id as number);
  };
  for (const [name, id] of Object.entries(vocab)) add(name, id);
  if (Array.isArray(added)) { for (const token of added) add(token?.content, token?.id); }
  return ids;
}
