/**
 * What an item comes to: files with lengths and digests, archives, and whether they fit on the disk.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { z } from "zod";
import { quoted, UserError } from "../errors.ts";
import { exists, parent } from "../files.ts";
import type { FileSource, Item, ListSource, Unpacking, ZenodoSource } from "./catalogue.ts";
import { type RemoteFile, safePath, sizeText } from "./files.ts";
import { listHub } from "./hub.ts";
import { type Client, mirrored, request, requestText, shown } from "./request.ts";

/** A file, and what is done with it. */
export interface PlannedFile extends RemoteFile {
  /** Its length as the server states it beforehand, where no list does; a guide for the eye, not a check. */
  readonly estimate?: number;
  /** How it is unpacked; it is removed then. */
  readonly unpack?: Unpacking;
}

/** All files of an item. */
export interface Plan {
  /** In the order in which they are fetched. */
  readonly files: readonly PlannedFile[];
  /** The commits of the repositories that they are of. */
  readonly revisions: Readonly<Record<string, string>>;
}

const DEFAULT_PARTS = 10; // archives of a list: ten of Kinetics-700's hundreds
const RECORD = z.object({
  files: z.array(z.object({ key: z.string(), size: z.number().int().nonnegative(), checksum: z.string() })),
});

/**
 * Asks the owners' lists for an item's files. Nothing of them is fetched.
 *
 * @param item what to fetch
 * @param client how
 * @param parts how many files of a set of many; absent: all of a repository, ten archives of a list
 * @returns the files
 * @throws UserError when a list is not to be had
 */
export async function planItem(item: Item, client: Client, parts?: number): Promise<Plan> {
  const files: PlannedFile[] = [];
  const revisions: Record<string, string> = {};
  for (const source of item.sources) {
    if (source.kind === "file") files.push(fileOf(source, client));
    else if (source.kind === "zenodo") files.push(...await listZenodo(source, client));
    else if (source.kind === "list") files.push(...await listArchives(source, client, parts ?? DEFAULT_PARTS));
    else {
      const { revision, files: found } = await listHub(source, client);
      revisions[source.repository] = revision;
      files.push(...found.slice(0, source.kind === "datasets" ? parts : undefined));
    }
  }
  const measured = files.map(async (file) => file.bytes === undefined ? { ...file, ...await estimateOf(file, client) } : file);
  return { files: await Promise.all(measured), revisions };
}

/** What a server says of a file's length. One that says nothing, or refuses the question, is asked for the file all the same. */
async function estimateOf({ url }: PlannedFile, client: Client): Promise<{ estimate?: number }> {
  try {
    const { headers } = await request(url, {}, client, { method: "HEAD", signal: AbortSignal.timeout(client.stall) });
    const length = Number(headers.get("content-length") ?? 0);
    return length > 0 ? { estimate: length } : {};
  } catch {
    return {};
  }
}

function fileOf({ url, path, git, unpack }: FileSource, client: Client): PlannedFile {
  const digest = git === undefined ? {} : { digest: { algorithm: "git", value: git } as const };
  return { url: mirrored(url, client), path, ...digest, ...(unpack && { unpack }) };
}

async function listZenodo({ record, archives }: ZenodoSource, client: Client): Promise<PlannedFile[]> {
  const api = mirrored(`https://zenodo.org/api/records/${record}`, client);
  const { text } = await requestText(api, client);
  const { success, data } = RECORD.safeParse(jsonOf(text));
  if (!success) throw new UserError(`Cannot read ${shown(api)}: the answer is no record of Zenodo's, found ${quoted(text, 60)}`);
  return Object.entries(archives).map(([name, unpack]) => {
    const found = data.files.find(({ key }) => key === name);
    if (!found) throw new UserError(`Cannot fetch ${name}: Zenodo's record ${record} does not hold it`);
    const md5 = /^md5:([0-9a-f]{32})$/.exec(found.checksum)?.[1];
    const url = mirrored(`https://zenodo.org/record/${record}/files/${name}`, client);
    return { url, path: name, bytes: found.size, ...(md5 && { digest: { algorithm: "md5", value: md5 } as const }), unpack };
  });
}

async function listArchives({ url, unpack }: ListSource, client: Client, parts: number): Promise<PlannedFile[]> {
  const { text } = await requestText(mirrored(url, client), client, 2 ** 24);
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const host = new URL(url).host;
  return lines.slice(0, parts).map((line) => {
    const address = URL.parse(line);
    if (address?.host !== host || !/\.(zip|tar|tgz|tar\.gz)$/.test(address.pathname)) {
      throw new UserError(`Cannot use the list ${shown(url)}: ${quoted(line)} is no archive of ${host}`);
    }
    const path = safePath(decodeURIComponent(address.pathname.split("/").at(-1)!));
    return { url: mirrored(address.href.replace(/^http:/, "https:"), client), path, unpack };
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The length of a file as far as it is known. */
export function lengthOf({ bytes, estimate = 0 }: PlannedFile): number {
  return bytes ?? estimate;
}

/**
 * Bytes that are still to be written, as far as lengths are known. An archive takes its own length again when it is unpacked, as
 * pictures and videos do not compress, and is removed before the next: so the largest counts twice.
 */
export function openBytes(files: readonly PlannedFile[], folder: string): number {
  const open = files.filter(({ path }) => !exists(`${folder}/${path}`)).map((file) => {
    const part = `${folder}/${file.path}.part`;
    return { file, bytes: Math.max(0, lengthOf(file) - (exists(part) ? Deno.statSync(part).size : 0)) };
  });
  const largest = open.reduce((most, { file }) => file.unpack ? Math.max(most, lengthOf(file)) : most, 0);
  return open.reduce((sum, { bytes }) => sum + bytes, largest);
}

/**
 * Checks that bytes fit on a folder's disk, with a twentieth to spare.
 *
 * @param bytes what is to be written
 * @param folder where to; it need not exist yet
 * @returns the free bytes
 * @throws UserError when they do not
 */
export function checkRoom(bytes: number, folder: string): number {
  const free = freeBytes(folder);
  if (bytes * 1.05 > free) {
    throw new UserError(
      `Cannot fetch ${sizeText(bytes)} into ${folder}: its disk has ${sizeText(free)} free; make room, or choose another with --to=FOLDER`,
    );
  }
  return free;
}

/** Free bytes on the disk of a folder, or of the nearest one above it that exists. */
export function freeBytes(folder: string): number {
  const at = exists(folder) ? folder : parent(folder);
  if (!exists(at)) return freeBytes(at);
  const { bavail, bsize } = statfsSync(at);
  return bavail * bsize;
}
