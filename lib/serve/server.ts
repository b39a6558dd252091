/**
 * The server of the live page: a handler for `Deno.serve`. All that is kept lies in the trees' folder; a question lives as long as the
 * connection that asked it.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { errorText, isOfDisk, UserError } from "../errors.ts";
import { readBytes } from "../files.ts";
import { heatMap } from "../report/sheet.ts";
import { decodeImage, encodePng } from "../tokens/mod.ts";
import { recognitionWeights } from "../trajectories/mod.ts";
import { KEPT, pageFiles, readBody, readObject, refuse, send, sendBytes, sendPage } from "../web/mod.ts";
import type { Desk } from "./desk.ts";
import { exportPath, EXPORTS, LARGEST_UPLOAD, type Makers, saveExample, takePicture, xmpOf } from "./pictures.ts";
import type { ImagineQuestion, Seen, Side } from "./questions.ts";
import { type Gate, gate, isFairShare, type RateLimit, rateLimit } from "./rate.ts";
import { streamTold } from "./stream.ts";
import type { TreeNode, Trees } from "./trees.ts";

/** A picture to begin with. */
export interface ExampleSource {
  /** What it is called. */
  readonly title: string;
  /** Its PNG, as the model sees it. */
  readonly png: Uint8Array<ArrayBuffer>;
  /** Actions to try. */
  readonly actions: readonly string[];
}

/** What is served. */
export interface Served {
  /** The links' secrets: people with links of their own have shares of their own. */
  readonly tokens: readonly string[];
  /** Where trees are kept. */
  readonly trees: Trees;
  /** Where training examples are kept. */
  readonly examplesFolder: string;
  /** Where questions are asked. */
  readonly desk: Desk;
  /** Pixels of a picture's side, as the model sees it. */
  readonly side: number;
  /** Tokens of its side. */
  readonly rows: number;
  /** Candidates of a question. */
  readonly candidates: number;
  /** Whether there is a second world model to compare with. */
  readonly compares: boolean;
  /** Pictures to begin with. */
  readonly examples: readonly ExampleSource[];
  /** Who draws. */
  readonly makers: Makers;
}

/** What one person, or all together, may have. */
const MOST = { trees: 2000, nodes: 400, own: 4, all: 200, action: 200, uploads: 16 } as const;

const JSON_BODY = { bytes: 4096 } as const;

/** An answer to a request for a tree. */
interface Asking {
  readonly served: Served;
  readonly limits: Limits;
  readonly request: Request;
  readonly person: string;
  readonly tree: string;
}

interface Limits {
  readonly trees: RateLimit; // of a person
  readonly pictures: RateLimit; // of a tree
  readonly questions: RateLimit; // of a tree
  readonly uploads: Gate; // of all together, with a share for each person
}

/**
 * The handler.
 *
 * @param served what is served
 */
export function treeHandler(served: Served): (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Promise<Response> {
  const pages = pageFiles(new URL("page/", import.meta.url));
  const limits = { trees: rateLimit(120, 120), pictures: rateLimit(30, 20), questions: rateLimit(60, 30), uploads: gate(MOST.uploads) };
  return async (request, { remoteAddr }) => {
    try {
      const { pathname } = new URL(request.url);
      const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
      if (page) return request.method === "GET" ? await sendPage(page) : refuse(405, "Only GET works here.");
      if (pathname.startsWith("/api/")) return await answerApi(served, limits, request, remoteAddr.hostname);
      return request.method === "GET" ? await sendFile(served, pathname) : refuse(405, "Only GET works here.");
    } catch (error) {
      if (error instanceof UserError && !isOfFiles(error.cause)) return refuse(400, error.message);
      console.error(errorText(error));
      return refuse(500, "The server made a mistake; its terminal says more.");
    }
  };
}

async function answerApi(served: Served, limits: Limits, request: Request, address: string): Promise<Response> {
  const link = linkOf(served.tokens, request);
  if (link < 0) return refuse(401, "This link is not known: take the one that deno task serve printed.");
  const person = `${link} ${address}`; // who share a link and an address look alike: trees are all that tells them apart
  const { pathname } = new URL(request.url);
  if (pathname === "/api/state") return request.method === "GET" ? send(200, stateOf(served)) : refuse(405, "Only GET works here.");
  if (pathname === "/api/trees") {
    return request.method === "POST" ? createTree(served, limits, person) : refuse(405, "Only POST works here.");
  }
  const [, tree, what] = /^\/api\/trees\/([0-9a-f]{32})(?:\/(\w+))?$/.exec(pathname) ?? [];
  if (tree === undefined || !served.trees.has(tree)) return refuse(404, "There is no such tree: begin a new one.");
  const asking = { served, limits, request, person, tree };
  if (what === undefined) return request.method === "GET" ? send(200, shownTree(served, tree)) : refuse(405, "Only GET works here.");
  const act = Object.hasOwn(ACTS, what) ? ACTS[what as keyof typeof ACTS] : undefined;
  if (!act) return refuse(404, "There is nothing here.");
  return request.method === "POST" ? await act(asking) : refuse(405, "Only POST works here.");
}

/** Whether a file of ours could not be read or written: that is no fault of who asks, and names paths. */
function isOfFiles(cause: unknown): boolean {
  return isOfDisk(cause) || cause instanceof Error && cause.constructor.name in Deno.errors;
}

/** Which link's secret a request knows; -1: none. Hashes take the same time to compare, whatever was sent. */
function linkOf(tokens: readonly string[], request: Request): number {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  const sent = hash(request.headers.get("authorization") ?? "");
  return tokens.map((token) => timingSafeEqual(sent, hash(`Bearer ${token}`))).indexOf(true);
}

function stateOf({ candidates, rows, side, compares, examples }: Served) {
  return { candidates, rows, side, compares, examples: examples.map(({ title, actions }) => ({ title, actions })) };
}

function createTree({ trees }: Served, limits: Limits, person: string): Response {
  const seconds = limits.trees.take(person);
  if (seconds > 0) return tooOften(seconds);
  if (trees.count() >= MOST.trees) return refuse(507, `There are ${MOST.trees} trees already: take another --run, or remove some.`);
  return send(200, { tree: trees.create(), nodes: [] });
}

function tooOften(seconds: number): Response {
  return refuse(429, `That is too often: try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`);
}

const ACTS: Readonly<Record<"pictures" | "imagine" | "describe" | "examples", (asking: Asking) => Promise<Response>>> = {
  pictures: addPicture,
  imagine,
  describe,
  examples: keepExample,
};

/** A picture that is sent, or one of the examples by its number. */
async function addPicture({ served, limits, request, person, tree }: Asking): Promise<Response> {
  const seconds = limits.pictures.take(tree);
  if (seconds > 0) return tooOften(seconds);
  const full = refuseFull(served, tree, 1);
  if (full) return full;
  if (request.headers.get("content-type") === "application/json") {
    const body = await readObject(request, JSON_BODY);
    if (body instanceof Response) return body;
    const example = Number.isInteger(body["example"]) ? served.examples[body["example"] as number] : undefined;
    if (!example) return refuse(404, "There is no such example.");
    return send(200, { nodes: served.trees.grow(tree, [{ parent: null, title: example.title, png: example.png }]).map(shownNode) });
  }
  const taken = await limits.uploads.pass(person, async () => {
    const bytes = await readBody(request, { bytes: LARGEST_UPLOAD });
    return bytes instanceof Response ? bytes : await limits.uploads.alone(() => takePicture(bytes, served.side));
  });
  if (taken === undefined) return refuse(503, "Too many pictures are being sent: try again in a minute.");
  if (taken instanceof Response) return taken;
  const title = "a picture of yours"; // names of files say more than a tree should keep
  return send(200, { nodes: served.trees.grow(tree, [{ parent: null, title, png: taken }]).map(shownNode) });
}

async function imagine(asking: Asking): Promise<Response> {
  const { served, request, person, tree } = asking;
  const body = await readObject(request, JSON_BODY);
  if (body instanceof Response) return body;
  const { parent, seed, side = "cwm" } = body;
  const action = textOf(body["action"]);
  if (action === undefined) return refuse(400, `An action of 1 to ${MOST.action} characters is wanted.`);
  if (!Number.isSafeInteger(seed) || (seed as number) < 0) return refuse(400, "A seed is wanted: a whole number from 0 on.");
  if (side !== "cwm" && !(side === "other" && served.compares)) return refuse(400, "There is no such world model here.");
  const node = served.trees.nodes(tree)[Number(parent)];
  if (!node) return refuse(404, "There is no such picture in this tree.");
  const refused = refuseFull(served, tree, served.candidates) ?? refuseBusy(asking);
  if (refused) return refused;
  const question: ImagineQuestion = { kind: "imagine", side, action, seed: seed as number, source: await seen(served.trees, tree, node) };
  return streamTold(served.desk, { person, tree }, question, async (answer) => {
    if (!("candidates" in answer)) return answer;
    const pictures = await Promise.all(answer.candidates.map(async ({ picture, ...drawn }) => ({
      ...{ parent: node.id, title: action, drawn: { side: side as Side, seed: seed as number, ...drawn } },
      png: await encodePng(picture, xmpOf(served.makers, side as Side, action, seed as number, drawn.candidate)),
    })));
    return { nodes: served.trees.grow(tree, pictures).map(shownNode) };
  });
}

async function describe(asking: Asking): Promise<Response> {
  const { served, request, person, tree } = asking;
  const body = await readObject(request, JSON_BODY);
  if (body instanceof Response) return body;
  const nodes = served.trees.nodes(tree);
  const [before, after] = [nodes[Number(body["before"])], nodes[Number(body["after"])]];
  if (!before || !after) return refuse(404, "There is no such picture in this tree.");
  const busy = refuseBusy(asking);
  if (busy) return busy;
  const [source, target] = [await seen(served.trees, tree, before), await seen(served.trees, tree, after)];
  return streamTold(served.desk, { person, tree }, { kind: "describe", source, target }, (answer) => Promise.resolve(answer));
}

async function keepExample({ served, limits, request, tree }: Asking): Promise<Response> {
  const seconds = limits.questions.take(tree);
  if (seconds > 0) return tooOften(seconds);
  const body = await readObject(request, JSON_BODY);
  if (body instanceof Response) return body;
  const action = textOf(body["action"]);
  if (action === undefined) return refuse(400, `An action of 1 to ${MOST.action} characters is wanted.`);
  const example = { before: Number(body["before"]), after: Number(body["after"]), action };
  return send(200, saveExample(served.examplesFolder, served.trees, tree, example));
}

/** An action as it was typed, without what a line of text cannot hold; undefined when nothing is left, or it is too long. */
function textOf(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.replace(/\p{Cc}|\p{Cs}/gu, " ").trim() : "";
  return text === "" || text.length > MOST.action ? undefined : text;
}

function refuseFull({ trees }: Served, tree: string, more: number): Response | undefined {
  if (trees.nodes(tree).length + more <= MOST.nodes) return;
  return refuse(409, `This tree has no room for more pictures: it may have ${MOST.nodes}; begin a new one.`);
}

function refuseBusy({ served, limits, person, tree }: Asking): Response | undefined {
  const { tree: here, own, all } = served.desk.load({ person, tree });
  if (here >= MOST.own) return refuse(429, `You wait for ${here} answers already: wait for one of them, or cancel it.`);
  if (all >= MOST.all) return refuse(503, "Too many wait already: try again in a minute.");
  if (!isFairShare(own, all, MOST.all)) {
    return refuse(429, `${own} questions by your link wait already: wait for some of them, or cancel them.`);
  }
  const seconds = limits.questions.take(tree);
  return seconds > 0 ? tooOften(seconds) : undefined;
}

/** A picture as the models take it: with its tokens where a model drew it. */
async function seen(trees: Trees, tree: string, { id, drawn }: TreeNode): Promise<Seen> {
  const path = trees.picturePath(tree, id);
  const picture = await decodeImage(readBytes(path), path);
  return drawn ? { picture, codes: drawn.codes } : { picture };
}

/** A node without its tokens. */
function shownNode({ id, parent, title, drawn }: TreeNode) {
  if (!drawn) return { id, parent, title };
  const { side, seed, candidate, logLikelihood } = drawn;
  return { id, parent, title, drawn: { side, seed, candidate, logLikelihood } };
}

function shownTree({ trees }: Served, tree: string) {
  return { tree, nodes: trees.nodes(tree).map(shownNode) };
}

/** Pictures, weights and exports: whoever knows a tree's name, 128 random bits, may see it. A file's name is put together from numbers alone. */
async function sendFile(served: Served, pathname: string): Promise<Response> {
  const example = /^\/example\/(\d{1,3})\.png$/.exec(pathname);
  if (example) {
    const found = served.examples[Number(example[1])];
    return found ? sendBytes(found.png, "image/png", KEPT) : refuse(404, "There is no such example.");
  }
  const [, tree, id, kind] = /^\/tree\/([0-9a-f]{32})\/(\d{1,4}|tree)\.(png|weights\.png|strip\.png|gif|mp4|json)$/.exec(pathname) ?? [];
  if (tree === undefined || !served.trees.has(tree)) return refuse(404, "There is nothing here.");
  if (id === "tree" && kind === "json") return sendTree(served, tree);
  const node = kind === "json" ? undefined : served.trees.nodes(tree)[Number(id)];
  if (!node) return refuse(404, "There is no such picture in this tree.");
  if (kind === "png") return sendBytes(readBytes(served.trees.picturePath(tree, node.id)), "image/png", KEPT);
  if (kind === "weights.png") return await sendWeights(node);
  const name = `${tree.slice(0, 8)}-${node.id}.${kind}`;
  const bytes = await exportPath(served.trees, tree, node.id, kind as keyof typeof EXPORTS, served.makers);
  return sendBytes(bytes, EXPORTS[kind as keyof typeof EXPORTS], { ...KEPT, "content-disposition": `attachment; filename="${name}"` });
}

/** A tree with all that is known of it. */
function sendTree({ trees, makers }: Served, tree: string): Response {
  const text = JSON.stringify({ tree, makers, nodes: trees.nodes(tree) }, null, 1);
  const name = `${tree.slice(0, 8)}.json`;
  return sendBytes(new TextEncoder().encode(text), "application/json", { "content-disposition": `attachment; filename="${name}"` });
}

/** Where a candidate differs from its source, as recognition weights see it, a pixel a token. */
async function sendWeights({ drawn }: TreeNode): Promise<Response> {
  if (!drawn) return refuse(404, "This picture was given: no model drew it.");
  const weights = recognitionWeights(drawn.distances, { weights: "l2", normalise: "mean", floor: 0 });
  const png = await encodePng(heatMap(weights, Math.round(Math.sqrt(weights.length))));
  return sendBytes(png as Uint8Array<ArrayBuffer>, "image/png", KEPT);
}
