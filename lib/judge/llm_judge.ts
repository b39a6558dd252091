/**
 * GPT-4o, or any model with eyes behind an OpenAI-compatible endpoint, as a judge of predicted pictures (paper §4.3, A.6): the
 * two criteria of the paper, 0 … 10 each; the score of a sample is the smaller of the two.
 *
 * @module
 */
import { encodeBase64 } from "../files.ts";
import type { Answer, Detail, LazyQuestion, Question } from "../llm/mod.ts";

/** A judgement, or why there is none. Nothing is ever guessed. */
export type Verdict =
  | { readonly success: number; readonly minimal: number; readonly score: number; readonly reason: string }
  | { readonly unscored: string };

/** What is judged. */
export interface JudgedPicture {
  /** What was done, or should have been. */
  readonly action: string;
  /** The observation before, as PNG. */
  readonly source: Uint8Array;
  /** The prediction, as PNG. */
  readonly prediction: Uint8Array;
}

/** What is judged, read when it is asked about. */
export interface LazyPicture {
  /** What was done, or should have been. */
  readonly action: string;
  /** Names the source as it is shown; equal names are equal pictures, and their answer is kept under them. */
  readonly source: string;
  /** Names the prediction as it is shown. */
  readonly prediction: string;
  /** Reads both. */
  readonly load: () => Promise<JudgedPicture>;
}

/** How a question is put. */
export interface QuestionOptions {
  /** How closely the model looks; absent: as the endpoint likes. */
  readonly detail?: Detail;
  /** Whether the last answer could not be read. */
  readonly again?: boolean;
}

/**
 * The question about a picture. `prompt` holds `{action}`.
 *
 * @param picture what is judged
 * @param prompt the question, with `{action}` where the action goes
 * @param options how closely the model looks, and whether it is asked once more
 * @returns the body of a chat completion, without the model
 *
 * @example The action stands in the question
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const picture = { action: "open the door", source: new Uint8Array(1), prediction: new Uint8Array(1) };
 * const question = ws.judge.judgeQuestion(picture, "Was this done: {action}?");
 * assert(JSON.stringify(question).includes("Was this done: open the door?"));
 * ```
 */
export function judgeQuestion({ action, source, prediction }: JudgedPicture, prompt: string, options: QuestionOptions = {}): Question {
  const [first, second] = [source, prediction].map((bytes) => `data:image/png;base64,${encodeBase64(bytes)}`);
  return questionOf(action, [first!, second!], prompt, options);
}

function questionOf(action: string, pictures: readonly string[], prompt: string, { detail, again }: QuestionOptions): Question {
  const text = prompt.replace("{action}", () => action.replaceAll(/<\/?action>/gi, ""));
  const image = (url: string) => ({ type: "image_url" as const, image_url: { url, ...(detail && { detail }) } });
  const reminder = again ? "\nYour last answer could not be read: answer with the JSON object alone." : "";
  return {
    messages: [{ role: "user", content: [{ type: "text", text: text + reminder }, ...pictures.map(image)] }],
    temperature: 0,
    max_completion_tokens: 400,
    response_format: { type: "json_schema", json_schema: { name: "judgement", strict: true, schema: JUDGEMENT_SCHEMA } },
  };
}

/**
 * The question about a picture that is read when it is asked: what its answer is kept under names the pictures.
 *
 * @param picture what is judged
 * @param prompt the question
 * @param options how it is put
 */
export function lazyQuestion(picture: LazyPicture, prompt: string, options: QuestionOptions = {}): LazyQuestion {
  const { action, source, prediction, load } = picture;
  return {
    content: { ...questionOf(action, [source, prediction], prompt, options) },
    make: async () => judgeQuestion(await load(), prompt, options),
  };
}

/** The form of an answer. */
export const JUDGEMENT_SCHEMA = {
  type: "object",
  properties: { reasoning: { type: "string" }, editing_success: { type: "number" }, minimal_editing: { type: "number" } },
  required: ["reasoning", "editing_success", "minimal_editing"],
  additionalProperties: false,
};

/**
 * The verdict in an answer. One JSON object with both scores between 0 and 10 counts, inside a fence or not; anything else is
 * unscored: prose, two objects, a score out of range, half an object.
 *
 * @param answer of the judge
 * @returns scores with the judge's reason, or why there are none
 *
 * @example The smaller score counts
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const text = JSON.stringify({ reasoning: "seen", editing_success: 3, minimal_editing: 8 });
 * const verdict = ws.judge.parseVerdict({ text, usage: { prompt: 1, completion: 1 }, cached: false });
 * assertEquals("score" in verdict && verdict.score, 3);
 * ```
 */
export function parseVerdict(answer: Answer): Verdict {
  if ("failure" in answer) return { unscored: answer.failure };
  const bare = answer.text.trim().replace(/^```(?:json)?\s*\n([\s\S]*)\n```$/i, "$1").trim();
  let value: unknown;
  try {
    value = JSON.parse(bare);
  } catch {
    return { unscored: "the answer is not one JSON object" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { unscored: "the answer is not one JSON object" };
  const { editing_success: success, minimal_editing: minimal, reasoning } = value as Record<string, unknown>;
  if (!isScore(success) || !isScore(minimal)) return { unscored: "a score is missing, or not a number from 0 to 10" };
  return { success, minimal, score: Math.min(success, minimal), reason: typeof reasoning === "string" ? reasoning : "" };
}

function isScore(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 10;
}

/** Asks questions: live (`askAll`) or through the Batch API (`askBatch`), with its options bound. */
export type Ask = (questions: readonly (Question | LazyQuestion)[]) => Promise<Answer[]>;

/**
 * Judges pictures; what cannot be read is asked once more.
 *
 * @param pictures what to judge
 * @param prompt the question (`data/prompts/judge.md`)
 * @param ask gives answers in the questions' order
 * @param options how questions are put
 * @returns a verdict for each picture
 *
 * @example A judge that is silent leaves pictures unscored
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const picture = { action: "go", source: new Uint8Array(1), prediction: new Uint8Array(1) };
 * const ask = (questions: readonly unknown[]) => Promise.resolve(questions.map(() => ({ failure: "no answer" })));
 * assertEquals(await ws.judge.judgePictures([picture], "{action}", ask), [{ unscored: "no answer" }]);
 * ```
 */
export async function judgePictures(
  pictures: readonly (JudgedPicture | LazyPicture)[],
  prompt: string,
  ask: Ask,
  options: QuestionOptions = {},
): Promise<Verdict[]> {
  const question = (picture: JudgedPicture | LazyPicture, again: boolean) =>
    "load" in picture ? lazyQuestion(picture, prompt, { ...options, again }) : judgeQuestion(picture, prompt, { ...options, again });
  const answers = await ask(pictures.map((picture) => question(picture, false)));
  const verdicts = answers.map(parseVerdict);
  const unread = answers.flatMap((answer, i) => "text" in answer && "unscored" in verdicts[i]! ? [i] : []);
  const again = unread.length === 0 ? [] : await ask(unread.map((i) => question(pictures[i]!, true)));
  again.forEach((answer, k) => verdicts[unread[k]!] = parseVerdict(answer));
  return verdicts;
}
