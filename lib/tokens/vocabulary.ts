/**
 * The vocabulary: text, image codes and special tokens in one range of ids. Ids are looked up by token name; those in
 * Hugging Face's configs are known to be wrong (`bos_token_id` 1 is `<pad>`).
 *
 * @module
 */
import { printable, quoted, UserError } from "../errors.ts";
import { cpuUsage } from "node:process";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { readJson } from "../files.ts";

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
  /** End of the user's turn, `<reserved08706>`. */
  readonly endOfTurn: number;
  /** Id of image code 0; code k has id `firstImage + k`. */
  readonly firstImage: number;
  /** How many image codes there are. */
  readonly codes: number;
  /** Ids there are. */
  readonly size: number;
  /** Ids of a text, without special tokens. */
  encode(text: string): number[];
  /** The text of ids; special and image tokens by name. */
  decode(ids: readonly number[]): string;
}

/** Names of the special tokens. */
export const SPECIAL_TOKENS = {
  bos: "<s>",
  pad: "<pad>",
  eos: "</s>",
  beginImage: "<racm3:break>",
  endImage: "<eoss>",
  endOfTurn: "<reserved08706>",
} as const;

/** The name of an image code's token: IMGIMG, its decimal digits as letters A … J, Z. */
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
  return vocabularyOf(readJson(path), path, codes);
}

/** The vocabulary of a parsed `tokenizer.json`; `path` names it in messages. */
export function vocabularyOf(json: unknown, path: string, codes: number): Vocabulary {
  const ids = tokenIds(json, path);
  const idOf = (name: string) => {
    const id = ids.get(name);
    if (id === undefined) throw new UserError(`Cannot use ${path}: it has no token "${name}", which Chameleon needs`);
    return id;
  };
  const special = Object.fromEntries(Object.entries(SPECIAL_TOKENS).map(([key, name]) => [key, idOf(name)]));
  const firstImage = idOf(imageTokenName(0));
  for (let code = 0; code < codes; code++) {
    const id = idOf(imageTokenName(code));
    if (id !== firstImage + code) {
      throw new UserError(
        `Cannot use ${path}: image code ${code} must have id ${firstImage + code}, right after the code before it, found ${id}`,
      );
    }
  }
  const tokenizer = buildTokenizer(json, path);
  return {
    ...special as Record<keyof typeof SPECIAL_TOKENS, number>,
    firstImage,
    codes,
    size: ids.values().reduce((most, id) => Math.max(most, id), 0) + 1,
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    decode: (tokens) => tokens.length === 0 ? "" : tokenizer.decode([...tokens], { skip_special_tokens: false }),
  };
}

/** The table of image tokens that Hugging Face's config carries. */
export function vocabularyMap({ firstImage, codes, endImage, beginImage, endOfTurn }: Vocabulary): Record<string, number> {
  const images = Array.from({ length: codes }, (_, code) => [imageTokenName(code), firstImage + code]);
  const named = { [SPECIAL_TOKENS.endImage]: endImage, [SPECIAL_TOKENS.beginImage]: beginImage, "<image>": endOfTurn + 1 };
  return { ...Object.fromEntries(images), ...named };
}

/** A part of a tokenizer as its file describes it: a normalizer, pre-tokenizer, post-processor or decoder. */
const PART: z.ZodType = z.lazy(() => {
  const parts = z.array(PART).optional();
  return z.looseObject({ type: z.string(), normalizers: parts, pretokenizers: parts, processors: parts, decoders: parts }).nullish();
});

/** What of `tokenizer.json` the library relies on without looking: Chameleon's is byte pairs. */
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
      `Cannot use ${path} as Chameleon's tokenizer: ${quoted(issue?.path.join("."))}: ${printable(issue?.message ?? "")}`,
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
