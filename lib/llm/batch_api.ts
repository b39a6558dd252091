/**
 * The provider's Batch API: half the price, an answer within a day. What is submitted is written down first thing, so a task that
 * was stopped collects its batches and pays nothing twice.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type OpenAI from "openai";
import { exists, readJson, writeFile } from "../files.ts";
import type { Answer, ChatOptions } from "./answer.ts";
import { answerPath, keepAnswer, keptAnswer, type Question } from "./chat.ts";
import { answerOf, failureOf, openClient } from "./endpoint.ts";

/** How a batch is sent. */
export interface BatchOptions extends ChatOptions {
  /** The file that holds the submitted batches' ids. */
  readonly ledger: string;
  /** Seconds between two looks. */
  readonly interval?: number;
  /** Bytes of one file at most; the provider takes 200 MB. */
  readonly fileLimit?: number;
  /** Told after each look how many answers there are. */
  readonly onLook?: (done: number, total: number) => void;
}

/**
 * Asks questions through the Batch API and waits for their answers.
 *
 * @param questions what to ask
 * @param options model, cache, ledger
 * @returns the answers in the questions' order; what has none says why
 * @throws UserError when there is no key, or the endpoint takes no batch
 */
export async function askBatch(questions: readonly Question[], options: BatchOptions): Promise<Answer[]> {
  const { ledger, interval = 30, onLook = () => {} } = options;
  const paths = await Promise.all(questions.map((question) => answerPath(options, question)));
  const client = await openClient(options);
  const collected = new Map<string, Answer>();
  const waiting = new Set(exists(ledger) ? readJson(ledger) as string[] : await submit(client, questions, paths, options));
  while (waiting.size > 0) {
    for (const id of waiting) {
      const batch = await client.batches.retrieve(id).catch(refuse);
      if (!ENDED.has(batch.status)) continue;
      for (const file of [batch.output_file_id, batch.error_file_id]) {
        if (file) collect(await (await client.files.content(file).catch(refuse)).text(), paths, collected);
      }
      waiting.delete(id);
    }
    onLook(paths.filter(exists).length, paths.length);
    if (waiting.size > 0) await new Promise((done) => setTimeout(done, interval * 1000));
  }
  if (exists(ledger)) Deno.removeSync(ledger);
  return paths.map((path) => collected.get(path) ?? keptAnswer(path) ?? { failure: "the batch ended without an answer" });
}

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "expired", "cancelled"]);

/** Sends what is not answered yet; the ids are on disk before the next file goes. */
async function submit(client: OpenAI, questions: readonly Question[], paths: readonly string[], options: BatchOptions): Promise<string[]> {
  const { model, ledger, fileLimit = 150e6 } = options;
  const lines = [...new Set(paths)].filter((path) => !exists(path)).map((path) => {
    const body = { model, ...questions[paths.indexOf(path)] };
    return JSON.stringify({ custom_id: questionHash(path), method: "POST", url: "/v1/chat/completions", body }) + "\n";
  });
  const ids: string[] = [];
  for (const file of filesOf(lines, fileLimit)) {
    const sent = await client.files.create({ file: new File([file], "questions.jsonl"), purpose: "batch" }).catch(refuse);
    const order = { input_file_id: sent.id, endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
    ids.push((await client.batches.create(order).catch(refuse)).id);
    writeFile(ledger, JSON.stringify(ids) + "\n");
  }
  return ids;
}

/** Lines in files of at most `limit` bytes (one line at least). */
function filesOf(lines: readonly string[], limit: number): string[] {
  const files: string[] = [];
  for (const line of lines) {
    const last = files.at(-1);
    if (last !== undefined && last.length + line.length <= limit) files[files.length - 1] = last + line;
    else files.push(line);
  }
  return files;
}

/** Keeps the answers in a file of the provider's; a line that is none is passed over. */
function collect(text: string, paths: readonly string[], collected: Map<string, Answer>): void {
  const byName = new Map(paths.map((path) => [questionHash(path), path]));
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const { custom_id: name, response } = readLine(line);
    const path = byName.get(name ?? "");
    if (path === undefined) continue;
    const answer: Answer = response?.status_code === 200 && response.body
      ? answerOf(response.body)
      : { failure: `the endpoint answered ${response?.status_code ?? "nothing"}` };
    if ("text" in answer) keepAnswer(path, answer);
    collected.set(path, answer);
  }
}

interface OutputLine {
  readonly custom_id?: string;
  readonly response?: { readonly status_code?: number; readonly body?: Partial<OpenAI.Chat.ChatCompletion> } | null;
}

function readLine(line: string): OutputLine {
  try {
    return JSON.parse(line) as OutputLine ?? {};
  } catch {
    return {};
  }
}

/** The hash of the question whose answer is kept at a path. */
function questionHash(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1, -".json".length);
}

function refuse(error: unknown): never {
  throw new UserError(`Cannot ask in a batch: ${failureOf(error)}; what is submitted is kept, run again to collect it`);
}
