/**
 * Repositories of Hugging Face: their files with lengths and digests, at one commit.
 *
 * @module
 */
import { z } from "zod";
import { quoted, UserError } from "../errors.ts";
import { type Digest, fits, type RemoteFile, safePath } from "./files.ts";
import { type Client, requestText, shown } from "./request.ts";

/** A repository, and which of its files are wanted. */
export interface HubSource {
  /** What it is. */
  readonly kind: "models" | "datasets";
  /** Its name, as `leloy/Anole-7b-v0.1-hf`. */
  readonly repository: string;
  /** Patterns of the wanted files; `*` stands for any characters but `/`. */
  readonly files: readonly string[];
}

/** A repository's wanted files. */
export interface HubListing {
  /** The commit that they are of. */
  readonly revision: string;
  /** The files, in the order of their names. */
  readonly files: readonly RemoteFile[];
}

const REVISION = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const ENTRY = z.object({
  type: z.string(),
  path: z.string(),
  size: z.number().int().nonnegative(),
  oid: z.string().regex(/^[0-9a-f]{40}$/),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().nonnegative() }).optional(),
});
const MOST_PAGES = 1000;

/**
 * Lists the wanted files of a repository: two or more questions to the API, nothing is fetched.
 *
 * @param source repository and patterns
 * @param client whose endpoint is asked
 * @returns files with their addresses at one commit
 * @throws UserError when the repository is not there or not open, the answer is none of the API's, or a pattern fits no file
 */
export async function listHub({ kind, repository, files }: HubSource, client: Client): Promise<HubListing> {
  const api = `${client.endpoint}/api/${kind}/${repository}`;
  const { sha } = parsed(REVISION, await requestText(`${api}/revision/main`, client), api);
  const entries: z.infer<typeof ENTRY>[] = [];
  let page: string | undefined = `${api}/tree/${sha}?recursive=true`;
  for (let pages = 0; page !== undefined && pages < MOST_PAGES; pages++) {
    const answer = await requestText(page, client);
    entries.push(...parsed(z.array(ENTRY), answer, api));
    page = nextPage(answer.headers, page, client);
  }
  const missing = files.find((pattern) => !entries.some(({ type, path }) => type === "file" && fits(path, pattern)));
  if (missing !== undefined) {
    throw new UserError(`Cannot fetch ${repository}: ${shown(api)} lists ${entries.length} entries, and none is ${quoted(missing)}`);
  }
  const root = `${client.endpoint}/${kind === "datasets" ? "datasets/" : ""}${repository}/resolve/${sha}`;
  const wanted = entries.filter(({ type, path }) => type === "file" && files.some((pattern) => fits(path, pattern)));
  return { revision: sha, files: wanted.map((entry) => fileOf(entry, root)).sort((a, b) => a.path < b.path ? -1 : 1) };
}

function fileOf({ path, size, oid, lfs }: z.infer<typeof ENTRY>, root: string): RemoteFile {
  const digest: Digest = lfs ? { algorithm: "sha256", value: lfs.oid } : { algorithm: "git", value: oid };
  return { url: `${root}/${path.split("/").map(encodeURIComponent).join("/")}`, path: safePath(path), bytes: lfs?.size ?? size, digest };
}

function parsed<T>(schema: z.ZodType<T>, { text }: { readonly text: string }, api: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch { /* no JSON: said below */ }
  const { success, data } = schema.safeParse(value);
  if (!success) {
    throw new UserError(`Cannot read the list of files at ${shown(api)}: the answer is not Hugging Face's, found ${quoted(text, 60)}`);
  }
  return data;
}

/** The next page of a list, by its `Link` header; one that leads to another host is not followed. */
function nextPage(headers: Headers, page: string, { endpoint }: Client): string | undefined {
  const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(headers.get("link") ?? "")?.[1];
  const next = link === undefined ? null : URL.parse(link, page);
  if (!next) return;
  return `${endpoint}${next.pathname.slice(new URL(endpoint).pathname.replace(/\/$/, "").length)}${next.search}`;
}
