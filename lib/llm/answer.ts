/**
 * What asking a language model takes and gives: where questions go, what comes back, and the key that is needed.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Tokens that a question took. */
export interface Usage {
  /** In the question. */
  readonly prompt: number;
  /** In the answer. */
  readonly completion: number;
}

/** An answer, or why there is none. Never a guess. */
export type Answer =
  | { readonly text: string; readonly usage: Usage; readonly cached: boolean }
  | { readonly failure: string; readonly usage?: Usage; readonly cached?: boolean };

/** Where questions go. */
export interface ChatOptions {
  /** The model's id at the endpoint. */
  readonly model: string;
  /** The cache's folder. */
  readonly cache: string;
  /** Questions in flight at once. */
  readonly concurrency?: number;
  /** Seconds after which an attempt counts as failed. */
  readonly timeout?: number;
  /** Attempts after the first, with growing pauses, when the endpoint is busy or down. */
  readonly retries?: number;
  /** Whether to ask again what was paid for and came to nothing: refused, cut off, empty. */
  readonly again?: boolean;
  /** Told how many are answered; when it says `false` no more are asked. */
  readonly onAnswer?: (done: number, answer: Answer) => boolean | void;
}

/**
 * Checks that there is a key, before work begins that would need one.
 *
 * @throws UserError when there is none
 */
export function requireKey(): void {
  if (!Deno.env.get("OPENAI_API_KEY")) {
    throw new UserError("Cannot ask a language model: OPENAI_API_KEY is not set (and OPENAI_BASE_URL, for another endpoint than OpenAI's)");
  }
}
