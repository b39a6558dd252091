/**
 * The live page's server with models that answer at once or are held back, for tests of its requests.
 *
 * @module
 */
import { openDesk } from "../../lib/serve/desk.ts";
import type { Answer, Question } from "../../lib/serve/questions.ts";
import { treeHandler } from "../../lib/serve/server.ts";
import { openTrees } from "../../lib/serve/trees.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { withFolder } from "../support.ts";
import { MAKER, TOKEN } from "./support.ts";

/** Another link's secret. */
export const OTHER = "f".repeat(32);

/** A picture of one colour. */
export const plain = (value: number, side = 8) => ({ width: side, height: side, data: new Uint8Array(3 * side * side).fill(value) });
/** It as a file. */
export const png = await encodePng(plain(10)) as Uint8Array<ArrayBuffer>;

/** Answers as models would. */
function answerOf(question: Question): Answer {
  if (question.kind === "describe") return { action: "it was opened", logLikelihood: -0.5 };
  const drawn = { codes: [1, 2, 3, 4], distances: [0, 1, 2, 3] };
  return { candidates: [1, 0].map((candidate) => ({ ...drawn, candidate, picture: plain(50 + candidate), logLikelihood: candidate - 3 })) };
}

/** A server, and how its models are driven. */
export interface TestServer {
  readonly port: number;
  readonly folder: string;
  readonly unwanted: readonly number[];
  /** Answers one batch, with rows before it. */
  readonly work: () => Promise<readonly Question[]>;
  readonly ask: (path: string, body?: BodyInit | object, headers?: Record<string, string>) => Promise<Response>;
  /** A tree with one given picture. */
  readonly begin: () => Promise<string>;
}

/** Serves while a test's body runs. */
export async function withServer(body: (server: TestServer) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const unwanted: number[] = [];
    const desk = openDesk(4, (batch) => void unwanted.push(batch));
    const served = {
      ...{ tokens: [TOKEN, OTHER], trees: openTrees(folder), examplesFolder: `${folder}/examples`, desk, side: 8, rows: 2, candidates: 2 },
      ...{ compares: false, examples: [{ title: "example 1", png, actions: ["open it"] }], makers: { cwm: MAKER, other: MAKER } },
    };
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, treeHandler(served));
    const { port } = server.addr;
    const work = async () => {
      const { questions } = await desk.next();
      desk.grow(questions.map(() => ({ pictures: [plain(1), plain(2)], rows: 1 })));
      await new Promise((done) => setTimeout(done, 150)); // pictures of rows are on their way
      desk.answer(questions.map(answerOf));
      return questions;
    };
    const ask: TestServer["ask"] = (path, body, headers = {}) => {
      const isJson = body !== undefined && Object.getPrototypeOf(body) === Object.prototype;
      const all = { authorization: `Bearer ${TOKEN}`, ...(isJson && { "content-type": "application/json" }), ...headers };
      const sent = isJson ? JSON.stringify(body) : body as BodyInit | undefined;
      return fetch(`http://127.0.0.1:${port}${path}`, { method: sent === undefined ? "GET" : "POST", headers: all, body: sent ?? null });
    };
    const begin = async () => {
      const { tree } = await (await ask("/api/trees", {})).json();
      await (await ask(`/api/trees/${tree}/pictures`, png)).body!.cancel();
      return tree as string;
    };
    try {
      await body({ port, folder, unwanted, work, ask, begin });
    } finally {
      await server.shutdown();
    }
  });
}
