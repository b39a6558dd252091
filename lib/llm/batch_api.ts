/**
 * The provider's Batch API: half the price, an answer within a day. What will be submitted is written down before, and what was
 * submitted carries its name, so a task that was stopped at any moment collects its batches and pays nothing twice.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UserError } from "../errors.ts";
import type OpenAI from "openai";
import { exists, readJson, writeFile } from "../files.ts";
import type { Answer, ChatOptions } from "./answer.ts";
import { answerPath, keepAnswer, keptAnswer, type LazyQuestion, type Question, questionBody } from "./chat.ts";
import { answerOf, failureOf, openClient } from "./endpoint.ts";

/** How a batch is sent. */
export interface BatchOptions extends ChatOptions {
  /** The file that names the submitted batches. */
  readonly ledger: string;
  /** Seconds between two looks. */
  readonly interval?: number;
  /** Bytes of one file at most; the provider takes 200 MB. */
  readonly fileLimit?: number;
  /** Told after each look how many answers there are. */
  readonly onLook?: (done: number, total: number) => void;
}

/** A batch in the ledger. */
interface Batch {
  /** The provider's id; null while it may or may not have been submitted. */
  readonly id: string | null;
  /** Hashes of its questions. */
  readonly questions: readonly string[];
}

/**
 * Asks questions through the Batch API and waits for their answers.
 *
 * @param questions what to ask
 * @param options model, cache, ledger
 * @returns the answers in the questions' order; what has none says why
 * @throws UserError when there is no key, or the endpoint takes no batch
 */
export async function askBatch(questions: readonly (Question | LazyQuestion)[], options: BatchOptions): Promise<Answer[]> {
  const { ledger, interval = 30, onLook = () => {}, again = false } = options;
  const paths = await Promise.all(questions.map((question) => answerPath(options, question)));
  const client = await openClient(options);
  const collected = new Map<string, Answer>();
  const known = exists(ledger) ? await settle(client, readJson(ledger) as Batch[]) : [];
  const waiting = new Set((await submit(client, questions, paths, known, options)).map(({ id }) => id!));
  while (waiting.size > 0) {
    for (const id of waiting) {
      const batch = await client.batches.retrieve(id).catch(refuse);
      if (!ENDED.has(batch.status)) continue;
      for (const file of [batch.output_file_id, batch.error_file_id]) {
        if (file) collect(await (await client.files.content(file).catch(refuse)).text(), options.cache, collected);
      }
      waiting.delete(id);
    }
    onLook(paths.filter(exists).length, paths.length);
    if (waiting.size > 0) await new Promise((done) => setTimeout(done, interval * 1000));
  }
  if (exists(ledger)) Deno.removeSync(ledger);
  return paths.map((path) => collected.get(path) ?? keptAnswer(path, again) ?? { failure: "the batch ended without an answer" });
}

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "expired", "cancelled"]);

/** The batches that were submitted, of those that a ledger names: one without an id was, when the provider lists its name. */
async function settle(client: OpenAI, batches: readonly Batch[]): Promise<Batch[]> {
  const settled: Batch[] = [];
  for (const { id, questions } of batches) {
    const found = id ?? await findBatch(client, nameOf(questions)).catch(refuse);
    if (found) settled.push({ id: found, questions });
  }
  return settled;
}

/** Sends what is neither answered nor on its way; each batch is in the ledger before it goes. */
async function submit(
  client: OpenAI,
  questions: readonly (Question | LazyQuestion)[],
  paths: readonly string[],
  known: readonly Batch[],
  { model, ledger, fileLimit = 150e6, retries = 4, again = false }: BatchOptions,
): Promise<Batch[]> {
  const batches = [...known];
  const sent = new Set(known.flatMap(({ questions }) => questions));
  const open = [...new Set(paths)].filter((path) => !keptAnswer(path, again) && !sent.has(questionHash(path)));
  const lineOf = async (path: string) => {
    const body = { model, ...await questionBody(questions[paths.indexOf(path)]!) };
    return JSON.stringify({ custom_id: questionHash(path), method: "POST", url: "/v1/chat/completions", body }) + "\n";
  };
  for await (const { text, names } of filesOf(open, lineOf, fileLimit)) {
    const note = (id: string | null) => writeFile(ledger, JSON.stringify([...batches, { id, questions: names }]) + "\n");
    const file = await client.files.create({ file: new File([text], "questions.jsonl"), purpose: "batch" }).catch(refuse);
    note(null);
    const id = await createOnce(client, file.id, nameOf(names), retries);
    note(id);
    batches.push({ id, questions: names });
  }
  return batches;
}

/** Creates a batch; when it is not known whether that worked, the provider's list says so. */
async function createOnce(client: OpenAI, file: string, name: string, retries: number): Promise<string> {
  const order = {
    input_file_id: file,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    metadata: { worldstrap: name },
  } as const;
  for (let attempt = 0;; attempt++) {
    try {
      return (await client.batches.create(order, { maxRetries: 0 })).id;
    } catch (error) {
      const { status } = error as { readonly status?: number };
      if (attempt >= retries || status !== undefined && status !== 429 && status < 500) refuse(error);
      await new Promise((done) => setTimeout(done, 250 * 2 ** attempt));
      const found = await findBatch(client, name).catch(refuse);
      if (found) return found;
    }
  }
}

/** The id of the batch with a name, if the provider has one. */
async function findBatch(client: OpenAI, name: string): Promise<string | undefined> {
  for await (const { id, metadata } of client.batches.list({ limit: 100 })) if (metadata?.["worldstrap"] === name) return id;
}

/** A name that only a batch of these questions has. */
function nameOf(questions: readonly string[]): string {
  return createHash("sha256").update(questions.join()).digest("hex").slice(0, 32);
}

/** Lines in files of at most `limit` bytes (one line at least), one file in memory at a time. */
async function* filesOf(
  paths: readonly string[],
  lineOf: (path: string) => Promise<string>,
  limit: number,
): AsyncGenerator<{ text: string; names: readonly string[] }> {
  let [text, names] = ["", [] as string[]];
  for (const path of paths) {
    const line = await lineOf(path);
    if (names.length > 0 && text.length + line.length > limit) {
      yield { text, names };
      [text, names] = ["", []];
    }
    text += line;
    names.push(questionHash(path));
  }
  if (names.length > 0) yield { text, names };
}

/** Keeps the answers in a file of the provider's, whatever was asked; a line that is none is passed over. */
function collect(text: string, cache: string, collected: Map<string, Answer>): void {
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const { custom_id: name = "", response } = readLine(line);
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const path = `${cache}/answers/${name}.json`;
    const answer: Answer = response?.status_code === 200 && response.body
      ? answerOf(response.body)
      : { failure: `the endpoint answered ${response?.status_code ?? "nothing"}` };
    keepAnswer(path, answer);
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
