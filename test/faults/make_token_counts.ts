/**
 * Counts the tokens of what the stand-in of the judge's endpoint is asked and answers, by gpt-4o's vocabulary, into
 * `token_counts.json`. To be run again when `data/prompts/judge.md` changes:
 *
 *   deno run --no-lock -A test/faults/make_token_counts.ts
 *
 * @module
 */
import { sha256 } from "../../lib/files.ts";
import { JUDGEMENT_SCHEMA } from "../../lib/judge/llm_judge.ts";
import { ACTIONS, answerText, REASONS } from "./judge_words.ts";

const tokenizer = "npm:gpt-tokenizer@4.0.0/encoding/o200k_base"; // by a variable: the project does not depend on it
const { countTokens } = await import(tokenizer) as { countTokens: (text: string) => number };
const file = (name: string) => new URL(name, import.meta.url).pathname;
const prompt = Deno.readTextFileSync(file("../../data/prompts/judge.md"));
const counts = {
  vocabulary: "o200k_base, gpt-tokenizer 4.0.0",
  promptSha256: await sha256(new TextEncoder().encode(prompt)),
  prompt: countTokens(prompt.replace("{action}", "")),
  reminder: countTokens("\nYour last answer could not be read: answer with the JSON object alone."),
  schema: countTokens(JSON.stringify(JUDGEMENT_SCHEMA)),
  actions: ACTIONS.map((action) => countTokens(action)),
  answers: REASONS.map((_, i) => countTokens(answerText(i, 3, 8))),
};
Deno.writeTextFileSync(file("token_counts.json"), JSON.stringify(counts, null, 2) + "\n");
console.log(counts);
