/**
 * A stand-in of OpenAI's chat completions with their faults, which counts tokens by the published rules on its own: pictures from
 * the PNGs' headers, texts from counts that were recorded with gpt-4o's vocabulary.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import counted from "./token_counts.json" with { type: "json" };
import { ACTIONS, answerText, REASONS } from "./judge_words.ts";

/** What the stand-in does to a first attempt at a question. */
export const FAULTS = ["busy", "500", "half an answer", "cut connection", "late", "too late", "unreadable", "refusal"] as const;
/** A fault. */
export type Fault = typeof FAULTS[number];

/** What a stand-in saw. */
export interface Seen {
  /** Requests. */
  requests: number;
  /** Requests at once, at most. */
  most: number;
  /** Faults that were put in, by kind. */
  readonly faults: Record<Fault, number>;
  /** Attempts that came before the time that `Retry-After` gave was over. */
  tooSoon: number;
  /** Answers with scores that were delivered whole, by question. */
  readonly delivered: Map<string, number>;
  /** Tokens of all answers that were sent whole, refusals included. */
  readonly billed: { prompt: number; completion: number };
  /** Tokens of every question that was asked and of an answer to it, once: what it would cost without faults and kills. */
  readonly once: { prompt: number; completion: number };
  /** Tokens of answers that were lost on the way, by a cut or half an answer; they are billed too. */
  readonly lost: { prompt: number; completion: number };
}

/** A running stand-in. */
export interface StandIn {
  /** Where it listens. */
  readonly port: number;
  /** What it saw. */
  readonly seen: Seen;
  /** Changes the share of questions that meet each fault, in a thousand. */
  setFaults(perThousand: number): void;
  /** Ends it. */
  close(): Promise<void>;
}

interface Body {
  readonly messages: readonly { readonly content: readonly [{ text: string }, ...{ image_url: { url: string; detail?: string } }[]] }[];
}

/** Starts a stand-in. Which question meets which fault is decided by the question: every run is the same. */
export function startStandIn(tooLate = 6000): StandIn {
  const seen: Seen = {
    ...{ requests: 0, most: 0, tooSoon: 0, delivered: new Map() },
    faults: Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>,
    ...{ billed: { prompt: 0, completion: 0 }, once: { prompt: 0, completion: 0 }, lost: { prompt: 0, completion: 0 } },
  };
  let [perThousand, open] = [0, 0];
  const attempts = new Map<string, number>();
  const notBefore = new Map<string, number>();
  const late = new AbortController();
  const wait = (ms: number) =>
    new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      late.signal.addEventListener("abort", () => (clearTimeout(timer), done()));
    });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request, { completed }) => {
    const body = await request.json() as Body;
    seen.requests++;
    seen.most = Math.max(seen.most, ++open);
    completed.then(() => open--, () => open--);
    const question = createHash("sha256").update(JSON.stringify(body.messages)).digest("hex");
    const attempt = (attempts.get(question) ?? 0) + 1;
    attempts.set(question, attempt);
    if (attempt === 1 && !isAgain(body)) add(seen.once, { prompt: promptTokens(body), completion: answerTokens(question) });
    if (performance.now() < (notBefore.get(question) ?? 0)) seen.tooSoon++;
    const lot = parseInt(question.slice(0, 8), 16) % 1000;
    const fault = lot < FAULTS.length * perThousand ? FAULTS[Math.floor(lot / perThousand)]! : undefined;
    if (!fault || attempt > 1 && fault !== "refusal" || isAgain(body)) return answer(body, question, completed);
    seen.faults[fault]++;
    if (fault === "busy") {
      notBefore.set(question, performance.now() + 950);
      return new Response("slow down", { status: 429, headers: { "retry-after": "1" } });
    }
    if (fault === "500") return new Response("oops", { status: 500 });
    if (fault === "late") await wait(700);
    if (fault === "too late") {
      await wait(tooLate);
      return new Response("{}"); // nobody listens any more
    }
    if (fault === "refusal") return answer(body, question, completed, { content: null, refusal: "no" });
    if (fault === "unreadable") return answer(body, question, completed, { content: "I would say 7 of 10." });
    if (fault === "late") return answer(body, question, completed);
    return lose(await answer(body, question).text(), fault, body);
  });

  /** An answer, which is billed; it counts as delivered once the last byte is sent. */
  function answer(body: Body, question: string, completed?: Promise<void>, message?: object): Response {
    const which = whichOf(question);
    const content = answerText(which % REASONS.length, which % 11, 10 - which % 7);
    const tokens = { prompt: promptTokens(body), completion: message ? 8 : answerTokens(question) };
    if (completed) add(seen.billed, tokens);
    if (completed && !message) {
      seen.delivered.set(question, seen.delivered.get(question) ?? 0);
      completed.then(() => seen.delivered.set(question, seen.delivered.get(question)! + 1), () => {});
    }
    return Response.json({
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content, ...message } }],
      usage: { prompt_tokens: tokens.prompt, completion_tokens: tokens.completion },
    });
  }

  function lose(text: string, fault: Fault, body: Body): Response {
    add(seen.lost, { prompt: promptTokens(body), completion: counted.answers[0]! });
    const half = new TextEncoder().encode(text.slice(0, text.length / 2));
    if (fault === "half an answer") return new Response(half, { headers: { "content-type": "application/json" } });
    let breaking: ReturnType<typeof setTimeout>;
    const broken = new ReadableStream({
      start(stream) {
        stream.enqueue(half);
        breaking = setTimeout(() => stream.close(), 20); // before the length that was promised: the connection breaks
      },
      cancel: () => clearTimeout(breaking), // whoever asked is gone first
    });
    return new Response(broken, { headers: { "content-type": "application/json", "content-length": `${text.length}` } });
  }

  return {
    port: server.addr.port,
    seen,
    setFaults: (value) => void (perThousand = value),
    async close() {
      late.abort();
      await server.shutdown();
    },
  };
}

/** A number that decides what the answer to a question is. */
function whichOf(question: string): number {
  return parseInt(question.slice(8, 12), 16);
}

function answerTokens(question: string): number {
  return counted.answers[whichOf(question) % REASONS.length]!;
}

function isAgain({ messages: [message] }: Body): boolean {
  return message!.content[0].text.includes("could not be read");
}

function add(sum: { prompt: number; completion: number }, tokens: { readonly prompt: number; readonly completion: number }): void {
  sum.prompt += tokens.prompt;
  sum.completion += tokens.completion;
}

/** Tokens of a question by the published rules: 3 a message, its role, 3 for the answer's beginning; texts; the schema; pictures. */
function promptTokens({ messages: [message] }: Body): number {
  const [{ text }, ...pictures] = message!.content;
  const action = ACTIONS.findIndex((action) => text.includes(`<action>${action}</action>`));
  const reminder = isAgain({ messages: [message!] }) ? counted.reminder : 0;
  const looks = pictures.map(({ image_url: { url, detail } }) => pictureTokens(url, detail));
  return 3 + 1 + 3 + counted.prompt + counted.actions[action]! + reminder + counted.schema + looks.reduce((a, b) => a + b, 0);
}

/** The guide's words one by one: fit into a square of 2048; the shortest side to 768; count the squares of 512; 170 each, and 85. */
function pictureTokens(url: string, detail: string | undefined): number {
  if (detail === "low") return 85;
  const png = Buffer.from(url.slice(url.indexOf(",") + 1, url.indexOf(",") + 65), "base64");
  let [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  if (width > 2048 || height > 2048) {
    const shrink = 2048 / Math.max(width, height);
    [width, height] = [width * shrink, height * shrink];
  }
  if (width > 768 && height > 768) {
    const shrink = 768 / Math.min(width, height);
    [width, height] = [width * shrink, height * shrink];
  }
  let squares = 0;
  for (let y = 0; y < Math.round(height); y += 512) for (let x = 0; x < Math.round(width); x += 512) squares++;
  return 85 + 170 * squares;
}
