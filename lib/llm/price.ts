/**
 * What asking a language model costs.
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
}

/** Tokens that a question about two pictures takes, roughly: 85 and 170 for each tile of 512 pixels a picture, and the text. */
export function expectedTokens(prompt: string, sides: readonly (readonly [number, number])[]): { prompt: number; completion: number } {
  const tiles = ([width, height]: readonly [number, number]) =>
    Math.ceil(Math.min(width, 2048) / 512) * Math.ceil(Math.min(height, 2048) / 512);
  return { prompt: Math.ceil(prompt.length / 4) + sides.reduce((sum, side) => sum + 85 + 170 * tiles(side), 0), completion: 120 };
}

/** The price of a model in a dated file of prices, in a batch or not; undefined when it is not there. */
export function priceOf(path: string, model: string, batch: boolean): Price | undefined {
  const price = (readJson(path) as { models: Record<string, Price> }).models[model];
  const share = batch ? price?.batch ?? 1 : 1;
  return price && { prompt: price.prompt * share, completion: price.completion * share };
}

/** US dollars for tokens. */
export function dollarsOf({ prompt, completion }: Usage, price: Price): number {
  return (prompt * price.prompt + completion * price.completion) / 1e6;
}
