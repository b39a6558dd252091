/**
 * The pages of a blind evaluation: a handler for `Deno.serve`. All state is in the study's file.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { errorText } from "../errors.ts";
import { KEPT, type PageFile, pageFiles, readObject, refuse, send, sendBytes, sendPage } from "../web/mod.ts";
import { joinStudy, participantOf, pictureOf, screenOf, storeVote, type VoteOutcome, type VoteRequest } from "./study.ts";

/** Gives the picture of a system for a trajectory as PNG; the source for the system "". */
export type Pictures = (trajectory: string, system: string) => Promise<Uint8Array<ArrayBuffer>>;

const PAGES: Readonly<Record<string, PageFile>> = pageFiles(new URL("page/", import.meta.url));

const LARGEST_BODY = 4096;

const OUTCOMES: Readonly<Record<VoteOutcome, readonly [status: number, error: string]>> = {
  "stored": [200, ""],
  "stored before": [200, ""],
  "unknown item": [404, "There is no such item for you."],
  "not shown": [400, "Choose pictures that are shown."],
  "same picture twice": [400, "The best picture cannot be the worst."],
  "answered otherwise": [409, "This item is answered already; your first answer stays."],
};

/**
 * The handler.
 *
 * @param study an open study
 * @param pictures where pictures come from
 */
export function studyHandler(study: DatabaseSync, pictures: Pictures): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const { pathname } = new URL(request.url);
      const page = Object.hasOwn(PAGES, pathname) ? PAGES[pathname] : undefined;
      if (page) return request.method === "GET" ? await sendPage(page) : refuse(405, "Only GET works here.");
      const picture = /^\/image\/([0-9a-f]{32})$/.exec(pathname);
      return picture ? await sendPicture(study, pictures, picture[1]!) : await answerApi(study, request, pathname);
    } catch (error) { // a full disk, a picture that is gone
      console.error(errorText(error));
      return refuse(500, "The server cannot do this now: try again in a minute.");
    }
  };
}

async function answerApi(study: DatabaseSync, request: Request, pathname: string): Promise<Response> {
  if (pathname !== "/api/screen" && pathname !== "/api/join" && pathname !== "/api/vote") return refuse(404, "There is nothing here.");
  if (request.method !== (pathname === "/api/screen" ? "GET" : "POST")) return refuse(405, "Another method is wanted here.");
  const secret = /^Bearer ([0-9a-f]{32})$/.exec(request.headers.get("authorization") ?? "")?.[1];
  const participant = secret === undefined ? undefined : participantOf(study, secret);
  if (secret === undefined || participant === undefined) return refuse(401, "This invite link is not known: ask for another.");
  if (pathname === "/api/screen") return send(200, screenOf(study, participant));
  const body = await readObject(request, { bytes: LARGEST_BODY });
  if (body instanceof Response) return body;
  return pathname === "/api/join" ? answerJoin(study, secret, body) : answerVote(study, participant, body);
}

function answerJoin(study: DatabaseSync, secret: string, { consent }: Readonly<Record<string, unknown>>): Response {
  if (consent !== true) return refuse(403, "Your consent is needed to take part.");
  return send(200, screenOf(study, joinStudy(study, secret)));
}

function answerVote(study: DatabaseSync, participant: string | null, body: Readonly<Record<string, unknown>>): Response {
  if (participant === null) return refuse(403, "Your consent is needed to take part.");
  const { item, best, worst } = body;
  if ([item, best, worst].some((token) => typeof token !== "string")) return refuse(400, "Item, best and worst are wanted.");
  const [status, error] = OUTCOMES[storeVote(study, participant, { item, best, worst } as VoteRequest)];
  return send(status, { ...(error && { error }), ...screenOf(study, participant) });
}

async function sendPicture(study: DatabaseSync, pictures: Pictures, token: string): Promise<Response> {
  const found = pictureOf(study, token);
  if (!found) return refuse(404, "There is no such picture.");
  return sendBytes(await pictures(found.trajectory, found.system), "image/png", KEPT);
}
