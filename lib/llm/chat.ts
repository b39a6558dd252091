/**
 * Questions to a language model behind any OpenAI-compatible endpoint. The key and the base URL come from the environment
 * (`OPENAI_API_KEY`, `OPENAI_BASE_URL`); answers are kept on disk by the content of the question, so nothing is asked twice.
 *
 * @module
 */
import type OpenAI from "openai";
import { exists, readJson, sha256, writeFile } from "../files.ts";
import type { Answer, ChatOptions } from "./answer.ts";
import { answerOf, failureOf, openClient, REFUSED_KEY } from "./endpoint.ts";

/** A part of a message: text, or an image as a data URI. */
export type MessagePart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string; readonly detail?: "low" | "high" } };

/** A question: the body of a chat completion, without the model. */
export interface Question {
  /** The conversation. */
  readonly messages: readonly { readonly role: "system" | "user"; readonly content: string | readonly MessagePart[] }[];
  /** 0 takes the likeliest words. */
  readonly temperature?: number;
  /** The longest answer, in tokens. */
  readonly max_completion_tokens?: number;
  /** The schema that the answer must follow. */
  readonly response_format?: {
    /** Structured output. */
    readonly type: "json_schema";
    /** Its name and schema. */
    readonly json_schema: { readonly name: string; readonly strict: boolean; readonly schema: Record<string, unknown> };
  };
}

/** A question that is made when it is asked: thousands with pictures do not fit into memory at once. */
export interface LazyQuestion {
  /** Its answer is kept under this: all that the question is made of, pictures by their digests. */
  readonly content: Readonly<Record<string, unknown>>;
  /** Makes it. */
  readonly make: () => Promise<Question>;
}

/** The body of a question. */
export async function questionBody(question: Question | LazyQuestion): Promise<Question> {
  return "make" in question ? await question.make() : question;
}

/** What is said of questions that were not asked because the key or the budget ended the work. */
export const NOT_ASKED = "not asked";

/**
 * Asks questions, some at a time, and gives the answers in their order. Busy endpoints (429, 5xx) are asked again; a key
 * that is refused ends the work. The endpoint's own words are never repeated: they may hold the key.
 *
 * @param questions what to ask
 * @param options model, cache, concurrency
 * @throws UserError when there is no key, or the disk refuses to keep an answer
 */
export async function askAll(questions: readonly (Question | LazyQuestion)[], options: ChatOptions): Promise<Answer[]> {
  const { concurrency = 8, onAnswer = () => {} } = options;
  const client = await openClient(options);
  const answers = questions.map((): Answer => ({ failure: NOT_ASKED }));
  let [next, done, stopped] = [0, 0, false];
  const work = async () => {
    while (next < questions.length && !stopped) {
      const place = next++;
      const answer = await ask(client, questions[place]!, options).catch((error: unknown) => {
        stopped = true; // an answer that cannot be kept is paid for in vain, and the next would be, too
        throw error;
      });
      answers[place] = answer;
      if (onAnswer(++done, answer) === false || "failure" in answer && answer.failure === REFUSED_KEY) stopped = true;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(concurrency, questions.length) }, work));
  const failed = ended.find((one) => one.status === "rejected"); // once those in flight, which are paid for, have been kept if they can be
  if (failed) throw failed.reason;
  return answers;
}

/** Where an answer to a question is kept. */
export async function answerPath(
  { model, cache }: Pick<ChatOptions, "model" | "cache">,
  question: Question | LazyQuestion,
): Promise<string> {
  const parts = "make" in question ? question.content : question;
  const content = JSON.stringify({ model, base: Deno.env.get("OPENAI_BASE_URL") ?? "", ...parts });
  return `${cache}/answers/${await sha256(new TextEncoder().encode(content))}.json`;
}

async function ask(client: OpenAI, question: Question | LazyQuestion, options: ChatOptions): Promise<Answer> {
  const path = await answerPath(options, question);
  const kept = keptAnswer(path, options.again);
  if (kept) return kept;
  let body: Question;
  try {
    body = await questionBody(question);
  } catch (error) {
    return { failure: (error as Error).message }; // a picture that is gone
  }
  let answer: Answer;
  try {
    answer = answerOf(await client.chat.completions.create({ model: options.model, ...body } as Body));
  } catch (error) {
    return { failure: failureOf(error) };
  }
  keepAnswer(path, answer); // a disk that refuses is no failure of the endpoint's: it ends the work
  return answer;
}

/** What is kept at a path, if anything: an answer, or that one was paid for and came to nothing unless that is to be asked `again`. */
export function keptAnswer(path: string, again = false): Answer | undefined {
  if (!exists(path)) return;
  const answer = { ...readJson(path) as Answer, cached: true };
  return "failure" in answer && again ? undefined : answer;
}

/** Keeps an answer that was paid for, so that its question is not asked again. */
export function keepAnswer(path: string, answer: Answer): void {
  const { usage } = answer;
  if (!("text" in answer) && !(usage && usage.prompt + usage.completion > 0)) return;
  const said = "text" in answer ? { text: answer.text } : { failure: answer.failure };
  writeFile(path, JSON.stringify({ ...said, usage }) + "\n");
}

type Body = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;
