/**
 * Answers of a page's server: its own files, JSON, refusals in one sentence. A page of ours loads nothing from elsewhere and lies in no frame.
 *
 * @module
 */

/** The headers of every answer. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** A file of a page, and its type. */
export interface PageFile {
  /** Where it lies; it never comes from a request. */
  readonly url: URL;
  /** Its media type. */
  readonly type: string;
}

/** What never changes may be kept by the browser that asked. */
export const KEPT: Readonly<Record<string, string>> = { "cache-control": "private, max-age=86400, immutable" };

/** The files of a page by their paths: its own of a folder, and the look that all pages share. */
export function pageFiles(folder: URL): Readonly<Record<string, PageFile>> {
  return {
    "/": { url: new URL("index.html", folder), type: "text/html; charset=utf-8" },
    "/page.js": { url: new URL("page.js", folder), type: "text/javascript; charset=utf-8" },
    "/page.css": { url: new URL("page.css", folder), type: "text/css; charset=utf-8" },
    "/style.css": { url: new URL("style.css", import.meta.url), type: "text/css; charset=utf-8" },
  };
}

/** A page's own file. */
export async function sendPage({ url, type }: PageFile): Promise<Response> {
  return sendBytes(await Deno.readFile(url), type);
}

/** Bytes of a type. */
export function sendBytes(bytes: Uint8Array<ArrayBuffer>, type: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(bytes, { headers: { ...PAGE_HEADERS, "content-type": type, ...headers } });
}

/** JSON. */
export function send(status: number, value: unknown): Response {
  return Response.json(value, { status, headers: PAGE_HEADERS });
}

/** A refusal, in one sentence. */
export function refuse(status: number, error: string): Response {
  return send(status, { error });
}
