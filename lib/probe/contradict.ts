/**
 * Counterfactual actions by a language model (paper §2: Qwen-2-7b-Instruct rewrites the action to contradict it).
 *
 * @module
 */
import { type Answer, askAll, type ChatOptions } from "../llm/mod.ts";
import { bare } from "../metrics/text.ts";
import type { Problem, Trajectory } from "../trajectories/mod.ts";
import type { Counterfactuals } from "./counterfactuals.ts";

/**
 * Lets a language model contradict actions. What it refuses, leaves as it is, or says too much about is left out.
 *
 * @param trajectories what was done
 * @param prompt the question, with `{action}` where the action goes (`data/prompts/counterfactual.md`)
 * @param options the endpoint
 * @returns sentences by trajectory id, and the trajectories without one
 */
export async function contradictActions(
  trajectories: readonly Trajectory[],
  prompt: string,
  options: ChatOptions,
): Promise<Counterfactuals> {
  const sentences = [...new Set(trajectories.map(({ action }) => action))];
  const questions = sentences.map((action) => ({
    messages: [{ role: "user" as const, content: prompt.replace("{action}", () => action) }],
    temperature: 0,
    max_completion_tokens: 100,
  }));
  const answers = await askAll(questions, options);
  const results = new Map(sentences.map((action, i) => [action, contraryOf(action, answers[i]!)]));
  const actions = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { id, action } of trajectories) {
    const { contrary, reason } = results.get(action)!;
    if (contrary !== undefined) actions.set(id, contrary);
    else problems.push({ id, reason: `no counterfactual: ${reason}` });
  }
  return { actions, problems };
}

/**
 * The contrary action in an answer, or why there is none.
 *
 * @param action what was done
 * @param answer of the language model
 * @returns the sentence, or the reason
 *
 * @example Quotation marks go
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = { text: '"Close it"', usage: { prompt: 1, completion: 1 }, cached: false };
 * assertEquals(ws.probe.contraryOf("open it", answer), { contrary: "Close it" });
 * ```
 */
export function contraryOf(action: string, answer: Answer): { readonly contrary?: string; readonly reason?: string } {
  if ("failure" in answer) return { reason: answer.failure };
  const lines = answer.text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const sentence = (lines[0] ?? "").replace(/^(action|answer|contrary|rewritten action):\s*/i, "").replaceAll(/^["'“`]+|["'”`]+$/g, "")
    .trim();
  if (/^(i'?m sorry|sorry|i can(no|')t|i am unable|i'm unable|as an ai)\b/i.test(sentence)) return { reason: "the model refused" };
  if (lines.length > 1 || sentence.split(/\s+/).length > 40) return { reason: "the answer is no single sentence" };
  if (!/\p{L}/u.test(sentence)) return { reason: "the answer holds no words" };
  return bare(sentence) === bare(action) ? { reason: "the model left the action unchanged" } : { contrary: sentence };
}
