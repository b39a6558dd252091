/**
 * A tokenizer for the tiny models: byte-level BPE that keeps the tiny world's words whole and can spell any other text,
 * with the backbone's special and image tokens by their names.
 *
 * @module
 */
import type { Backbone } from "../model/config.ts";
import { SPECIAL_TOKENS } from "../tokens/mod.ts";
import { EMU3_TOKENS, EMU3_TURN, emu3ImageName, imageTokenName, JANUS_TOKENS } from "../tokens/vocabulary.ts";
import { WORDS } from "./captions.ts";

/**
 * Makes `tokenizer.json` and `tokenizer_config.json`.
 *
 * @param codes how many image codes there are
 * @param backbone whose special tokens it has
 * @returns the files by name, and how many ids they use
 */
export function tinyTokenizer(codes: number, backbone: Backbone = "chameleon"): { files: Record<string, string>; size: number } {
  const { special, words, names } = namesOf(codes, backbone);
  const { merges, pieces } = mergesOf(words);
  const tokens = [...special, ...byteAlphabet(), ...pieces];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const addedTokens = special.map((content, id) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  }));
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", dropout: null, unk_token: null, fuse_unk: false, byte_fallback: false, vocab, merges },
  };
  const config = { tokenizer_class: "PreTrainedTokenizerFast", ...names, model_max_length: 1024 };
  const files = { "tokenizer.json": JSON.stringify(tokenizer) + "\n", "tokenizer_config.json": JSON.stringify(config, null, 2) + "\n" };
  return { files, size: tokens.length };
}

function namesOf(codes: number, backbone: Backbone) {
  switch (backbone) {
    case "emu3":
      return emu3Names(codes);
    case "janus":
      return janusNames();
    default:
      return chameleonNames(codes);
  }
}

/** Janus's names, and those by which transformers' processor asks for them; its codes have none. */
function janusNames() {
  const { bos, pad, eos, beginImage, endImage, placeholder } = JANUS_TOKENS;
  const asked = { image_token: placeholder, boi_token: beginImage, eoi_token: endImage };
  const names = { bos_token: bos, eos_token: eos, pad_token: pad, extra_special_tokens: asked };
  return { special: Object.values(JANUS_TOKENS), words: WORDS, names };
}

function chameleonNames(codes: number) {
  const { bos, pad, eos, endImage, beginImage, endOfTurn } = SPECIAL_TOKENS;
  const images = Array.from({ length: codes }, (_, code) => imageTokenName(code));
  const special = [bos, pad, eos, "<unk>", ...images, endImage, beginImage, endOfTurn, "<image>"];
  return { special, words: WORDS, names: { bos_token: bos, eos_token: eos, pad_token: pad } };
}

/** Emu3's names, and those by which transformers' processor asks for them. */
function emu3Names(codes: number) {
  const { bos, pad, eos, beginImage, endImage, afterSize, endOfPicture } = EMU3_TOKENS;
  const images = Array.from({ length: codes }, (_, code) => emu3ImageName(code));
  const said = Object.values(EMU3_TURN).join(" ").match(/[A-Za-z]+/g)!;
  const asked = {
    image_token: "<image>",
    boi_token: beginImage,
    eoi_token: endImage,
    image_wrapper_token: afterSize,
    eof_token: endOfPicture,
  };
  const names = { bos_token: bos, eos_token: eos, pad_token: pad, extra_special_tokens: asked };
  return { special: [...Object.values(EMU3_TOKENS), ...images, "<image>"], words: [...WORDS, ...said], names };
}

/** Merges that build each word from the left, and the pieces on the way. */
function mergesOf(words: readonly string[]): { merges: string[]; pieces: string[] } {
  const merges = new Set<string>();
  const pieces = new Set<string>();
  for (const word of words) {
    let left = "Ġ"; // a space before the word, as byte-level BPE writes it
    for (const letter of word) {
      merges.add(`${left} ${letter}`);
      left += letter;
      pieces.add(left);
    }
  }
  return { merges: [...merges], pieces: [...pieces] };
}

/** The 256 bytes as printable characters, GPT-2's table: printable ones stand for themselves, others move up. */
function byteAlphabet(): string[] {
  const printable = (byte: number) => byte >= 33 && byte <= 126 || byte >= 161 && byte <= 172 || byte >= 174;
  let moved = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : 256 + moved++));
}
