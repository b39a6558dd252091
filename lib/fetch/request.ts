/**
 * Requests as downloads need them: a token for one host alone, redirects followed by hand, busy servers asked again, and errors
 * in one sentence.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { printable, quoted, UserError } from "../errors.ts";

/** How files are fetched. */
export interface Client {
  /** Hugging Face's address, or a mirror's. */
  readonly endpoint: string;
  /** A mirror of all other addresses: `https://HOST/PATH` is looked for at `MIRROR/HOST/PATH`. */
  readonly mirror?: string;
  /** A token for the endpoint; no other host ever sees it. */
  readonly token?: string;
  /** Milliseconds before the second attempt; they double with each. */
  readonly pause: number;
  /** Attempts without a byte of progress before it gives up. */
  readonly attempts: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly stall: number;
}

/** What a server refused, as far as another attempt may help. */
export class BusyError extends Error {
  /** The error's kind. */
  override readonly name = "BusyError";

  /**
   * An answer, or none, that may be another one later.
   *
   * @param message what happened, for the sentence that is said in the end
   * @param wait milliseconds that the server asked to wait for
   */
  constructor(message: string, readonly wait = 0) {
    super(message);
  }
}

const MOST_REDIRECTS = 8;
const LONGEST_WAIT = 300_000; // ms; a server that asks for more is left alone
const LONGEST_PAUSE = 60_000;

/**
 * The client that environment and command line ask for.
 *
 * @param mirror `--mirror`: a mirror of everything; it wins over `HF_ENDPOINT`, which stands for Hugging Face alone
 * @returns a client with the token of `HF_TOKEN`
 * @throws UserError when an address is none
 */
export function openClient(mirror?: string): Client {
  const endpoint = mirror ?? (Deno.env.get("HF_ENDPOINT") || "https://huggingface.co");
  const from = mirror === undefined ? "HF_ENDPOINT" : "--mirror";
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new UserError(`Cannot fetch from ${from} ${quoted(endpoint)}: give an address such as https://huggingface.co`);
  }
  const token = Deno.env.get("HF_TOKEN")?.trim();
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    ...(mirror !== undefined && { mirror: mirror.replace(/\/+$/, "") }),
    ...(token && { token }),
    ...{ pause: 1000, attempts: 6, stall: 60_000 },
  };
}

/** Where a file outside Hugging Face is fetched from: its own address, or the mirror's copy of it. */
export function mirrored(address: string, { mirror }: Client): string {
  if (mirror === undefined) return address;
  const { host, pathname, search } = new URL(address);
  return `${mirror}/${host}${pathname}${search}`;
}

/** An address as it is shown: without its query, which may hold a signature. */
export function shown(address: string): string {
  const url = URL.parse(address);
  return url ? `${url.origin}${url.pathname}` : quoted(address);
}

/** What else a request may say. */
export interface RequestOptions {
  /** Ends the request. */
  readonly signal?: AbortSignal;
  /** HEAD asks for the headers alone. */
  readonly method?: "GET" | "HEAD";
}

/**
 * Asks for an address. Redirects are followed by hand, so that the token goes to the endpoint's own origin and to no other.
 *
 * @param address what to ask for
 * @param headers beside the token
 * @param client whose token, if the address is the endpoint's
 * @param more signal, method
 * @returns an answer of 2xx or 416 (no such range); its body is the caller's to read or cancel
 * @throws BusyError when another attempt may help; UserError when it cannot
 */
export async function request(
  address: string,
  headers: Readonly<Record<string, string>>,
  client: Client,
  more: RequestOptions = {},
): Promise<Response> {
  const own = new URL(client.endpoint).origin;
  let at = address;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const token: Record<string, string> = client.token && new URL(at).origin === own ? { authorization: `Bearer ${client.token}` } : {};
    const options = { headers: { "accept-encoding": "identity", ...headers, ...token }, redirect: "manual" as const };
    const response = await fetch(at, { ...options, ...more }).catch((error) => {
      throw new BusyError(`${new URL(at).host} cannot be reached (${reasonOf(error)})`);
    });
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) throw refusal(response, at, client);
    at = nextHop(location, at);
  }
  throw new UserError(`Cannot fetch ${shown(address)}: it is redirected more than ${MOST_REDIRECTS} times`);
}

function nextHop(location: string, from: string): string {
  const next = URL.parse(location, from);
  if (next && /^https?:$/.test(next.protocol)) return next.href;
  throw new UserError(`Cannot fetch ${shown(from)}: it is redirected to ${quoted(location)}, which is no web address`);
}

function refusal({ status, headers }: Response, address: string, { endpoint, token }: Client): Error {
  const { host, origin } = new URL(address);
  const where = shown(address);
  if (status === 429 || status >= 500) return new BusyError(`${host} answered ${status}`, waitOf(headers));
  if (status === 404 || status === 410) return new UserError(`Cannot fetch ${where}: there is no such file (${status})`);
  if (status !== 401 && status !== 403) return new UserError(`Cannot fetch ${where}: ${host} answered ${status}`);
  if (origin !== new URL(endpoint).origin) return new UserError(`Cannot fetch ${where}: ${host} refuses access (${status})`);
  return new UserError(
    token
      ? `Cannot fetch ${where}: ${host} refuses the token of HF_TOKEN (${status}): accept the terms on the repository's page with the account that the token belongs to, and check that the token may read it`
      : `Cannot fetch ${where}: ${host} wants a token (${status}): accept the terms on the repository's page and set HF_TOKEN to a token of that account; it says so too of repositories that are not there`,
  );
}

/** What `Retry-After` asks for, in milliseconds: seconds or a date. */
function waitOf(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  const wait = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : 0;
}

function reasonOf(error: unknown): string {
  const { message = String(error), cause: inner } = error as { message?: string; cause?: { message?: string } };
  const text = `${message} ${inner?.message ?? ""}`; // fetch says what went wrong in the cause
  const cause = /(connection refused|dns error|timed? ?out|certificate|reset|closed|stalled)/i.exec(text)?.[1];
  return cause?.toLowerCase() ?? quoted(message.split("\n")[0], 80);
}

/**
 * Tries until it works, with longer and longer pauses. Attempts that got on do not count.
 *
 * @param client pauses and attempts
 * @param attempt what to try; it calls `progress` when something has arrived
 * @param give what is said of the file in the end
 * @returns what the attempt gives
 * @throws UserError when no attempt got on; whatever else the attempt throws
 */
export async function withRetries<T>(client: Client, attempt: (progress: () => void) => Promise<T>, give: string): Promise<T> {
  for (let failed = 0;;) {
    try {
      return await attempt(() => failed = 0);
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      const wait = Math.max(error.wait, Math.min(client.pause * 2 ** failed, LONGEST_PAUSE));
      if (++failed >= client.attempts || error.wait > LONGEST_WAIT) {
        const times = failed === 1 ? "" : `, ${failed} times in a row`;
        throw new UserError(`Cannot fetch ${give}: ${error.message}${times}: try again later; what has arrived is kept`);
      }
      if (wait >= 1000) console.warn(printable(`${error.message}: trying again in ${Math.ceil(wait / 1000)} s`));
      await delay(wait);
    }
  }
}

/**
 * A text that an address gives, whole in memory.
 *
 * @param address what to ask for
 * @param client how
 * @param most bytes at most
 * @returns text and headers
 * @throws UserError when it is not to be had, is a web page, or is longer
 */
export async function requestText(address: string, client: Client, most = 2 ** 26): Promise<{ text: string; headers: Headers }> {
  return await withRetries(client, async () => {
    const response = await request(address, {}, client, { signal: AbortSignal.timeout(client.stall) });
    refuseWebPage(response, address);
    const pieces: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const piece of response.body ?? []) {
        length += piece.length;
        if (length > most) {
          throw new UserError(`Cannot fetch ${shown(address)}: it has more than ${most} bytes, which no list of files has`);
        }
        pieces.push(piece);
      }
    } catch (error) {
      throw error instanceof UserError ? error : new BusyError(`the connection to ${new URL(address).host} broke (${reasonOf(error)})`);
    }
    return { text: await new Blob(pieces as Uint8Array<ArrayBuffer>[]).text(), headers: response.headers };
  }, shown(address));
}

/** Refuses an answer that is a web page: a login, a proxy's notice, a mirror's front page. */
export function refuseWebPage({ headers, body }: Response, address: string): void {
  if (!/^\s*(text\/html|application\/xhtml)/i.test(headers.get("content-type") ?? "") || /\.html?$/i.test(new URL(address).pathname)) {
    return;
  }
  body?.cancel().catch(() => {}); // it may be closed already
  throw new UserError(webPage(address));
}

/** What is said of a web page in a file's place. */
export function webPage(address: string): string {
  return `Cannot fetch ${
    shown(address)
  }: the answer is a web page, not the file: check --mirror and HF_ENDPOINT, and whether a login or a proxy stands before it`;
}
