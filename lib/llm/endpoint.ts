/**
 * The client of an OpenAI-compatible endpoint, what its answers say, and what is said of its errors.
 *
 * @module
 */
import type OpenAI from "openai";
import { type Answer, type ChatOptions, requireKey } from "./answer.ts";

/** A client of the endpoint. */
export async function openClient({ timeout = 60, retries = 4 }: ChatOptions): Promise<OpenAI> {
  requireKey();
  const name = "openai"; // by a variable, so that it is fetched only when it is used
  const { default: Client } = await import(name) as { default: typeof OpenAI };
  return new Client({ timeout: timeout * 1000, maxRetries: retries, logLevel: "off" });
}

/** The answer in the body of a chat completion. */
export function answerOf({ choices, usage }: Partial<OpenAI.Chat.ChatCompletion>): Answer {
  const spent = { prompt: usage?.prompt_tokens ?? 0, completion: usage?.completion_tokens ?? 0 };
  const choice = choices?.[0];
  const text = choice?.message?.content;
  if (choice?.message?.refusal || choice?.finish_reason === "content_filter") return { failure: "the model refused", usage: spent };
  if (choice?.finish_reason === "length") return { failure: "the answer was cut off", usage: spent };
  if (typeof text !== "string" || text.trim() === "") return { failure: "the answer was empty", usage: spent };
  return { text, usage: spent, cached: false };
}

/** Said when the key is refused. */
export const REFUSED_KEY = "the endpoint refused the key (401 or 403)";

/** What is said of an error of the endpoint's, without its words. */
export function failureOf(error: unknown): string {
  const { status, name } = error as { readonly status?: number; readonly name?: string };
  if (status === 401 || status === 403) return REFUSED_KEY;
  if (status === 429) return "the endpoint was busy (429) at every attempt";
  if (status !== undefined) return `the endpoint answered ${status}`;
  if (error instanceof SyntaxError) return "the endpoint's answer was no JSON";
  return /tim(eout|ed out)/i.test(`${name} ${(error as Error).message}`)
    ? "the endpoint was too slow"
    : "the endpoint could not be reached";
}
