/**
 * What asking a language model costs, before and after.
 *
 * @module
 */
import { readJson } from "../files.ts";
import type { Usage } from "./answer.ts";

/** What a model costs. */
export interface Price {
  /** US dollars a million tokens of questions. */
  readonly prompt: number;
  /** US dollars a million tokens of answers. */
  readonly completion: number;
  /** What a batch costs of that; 0.5 with most providers. */
  readonly batch?: number;
  /** How it counts pictures; gpt-4o's way where that is not said. */
  readonly image?: ImageRule;
}

/** How a model counts pictures. */
export interface ImageRule {
  /** Tokens of any picture. */
  readonly base: number;
  /** Tokens of a tile of 512 × 512 pixels, at high detail. */
  readonly tile: number;
}

/** How closely a model looks at a picture. */
export type Detail = "low" | "high";

const GPT_4O: ImageRule = { base: 85, tile: 170 };

/**
 * Tokens of a picture as OpenAI's guide to images has them for gpt-4o: at low detail the base alone. At high detail the picture
 * is shrunk to fit into 2048 × 2048, then until its shorter side is 768 at most, and cut into tiles of 512.
 *
 * @param size pixels across and down
 * @param detail how closely the model looks
 * @param rule tokens of the base and of a tile
 */
export function imageTokens([width, height]: readonly [number, number], detail: Detail, { base, tile } = GPT_4O): number {
  if (detail === "low") return base;
  const fit = Math.min(1, 2048 / Math.max(width, height));
  const scale = fit * Math.min(1, 768 / (fit * Math.min(width, height)));
  const tiles = (side: number) => Math.ceil(Math.round(side * scale) / 512);
  return base + tile * tiles(width) * tiles(height);
}

/**
 * Tokens of an English text, roughly: gpt-4o's vocabulary (o200k_base) takes 4.1 characters a token for our prompts and the
 * judge's answers, 4.7 for AURORA's instructions.
 */
export function textTokens(text: string): number {
  return Math.ceil(text.length / 4.1);
}

/** What a question takes beside its texts and pictures: 3 tokens a message, 1 for its role, 3 before the answer. */
export const MESSAGE_TOKENS = 7;

/** The price of a model in a dated file of prices, in a batch or not; undefined when it is not there. */
export function priceOf(path: string, model: string, batch: boolean): Price | undefined {
  const price = (readJson(path) as { models: Record<string, Price> }).models[model];
  const share = batch ? price?.batch ?? 1 : 1;
  return price && { ...price, prompt: price.prompt * share, completion: price.completion * share };
}

/** US dollars for tokens. */
export function dollarsOf({ prompt, completion }: Usage, price: Price): number {
  return (prompt * price.prompt + completion * price.completion) / 1e6;
}
