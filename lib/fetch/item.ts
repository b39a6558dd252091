/**
 * Fetching an item: its files one after the other, archives unpacked and removed, and a record of what came from where.
 *
 * @module
 */
import { z } from "zod";
import { exists, readJson, realDisk, writeFile } from "../files.ts";
import type { Item } from "./catalogue.ts";
import { download } from "./download.ts";
import { digestText } from "./files.ts";
import { lengthOf, type Plan, type PlannedFile } from "./plan.ts";
import type { Client } from "./request.ts";
import { unpack } from "./unpack.ts";

/** What `NAME.fetched.json` says of an item. */
export type FetchRecord = z.infer<typeof RECORD>;

const RECORD = z.object({
  name: z.string(),
  licence: z.string(),
  terms: z.string(),
  accepted: z.string().nullable().describe("when --accept was given"),
  revisions: z.record(z.string(), z.string()),
  parts: z.number().nullable(),
  files: z.array(z.object({
    path: z.string(),
    url: z.string(),
    bytes: z.number(),
    digest: z.string().nullable().describe("what it was checked against; null: no digest is published"),
    unpacked: z.boolean(),
  })),
  finished: z.boolean(),
});

/** How an item is fetched. */
export interface FetchOptions {
  /** How files are fetched. */
  readonly client: Client;
  /** The item's folder. */
  readonly folder: string;
  /** `--parts`, where it was given. */
  readonly parts?: number;
  /** Whether what is there is fetched anew. */
  readonly restart?: boolean;
  /** Called with the bytes that are there, and what is being done. */
  readonly onBytes?: (bytes: number, note: string) => void;
}

/** The record of an item that was fetched before, undefined where there is none that can be read. */
export function readRecord(name: string, folder: string): FetchRecord | undefined {
  const path = recordOf(name, folder);
  if (!exists(path)) return;
  const { success, data } = RECORD.safeParse(readJson(path));
  return success ? data : undefined;
}

function recordOf(name: string, folder: string): string {
  return `${folder}/${name}.fetched.json`;
}

/**
 * Fetches an item's files. A run that was stopped goes on: whole files stay, broken ones grow, unpacked archives are not fetched again.
 *
 * @param name the item's name
 * @param item the item
 * @param plan its files
 * @param options client, folder, progress
 * @returns the record, which is not yet finished
 * @throws UserError in one sentence; what has arrived stays
 */
export async function fetchItem(name: string, item: Item, plan: Plan, options: FetchOptions): Promise<FetchRecord> {
  const { folder, parts, restart = false, onBytes } = options;
  if (restart) removeAll(name, plan, folder);
  const known = new Map(readRecord(name, folder)?.files.map((file) => [file.path, file]));
  const { licence, terms } = item;
  const accepted = item.accept ? new Date().toISOString() : null;
  const about = { name, licence, terms, accepted, revisions: { ...plan.revisions }, parts: parts ?? null };
  let done = 0;
  for (const file of plan.files) {
    if (!isUnpacked(file, known.get(file.path))) {
      known.set(file.path, await fetchFile(file, known.get(file.path)?.digest ?? undefined, options, done));
    }
    done += lengthOf(file);
    onBytes?.(done, "");
    writeRecord({ ...about, files: [...known.values()], finished: false }, folder);
  }
  for (const [path, value] of Object.entries(item.writes ?? {})) writeFile(`${folder}/${path}`, JSON.stringify(value, null, 2) + "\n");
  return { ...about, files: [...known.values()], finished: false };
}

type FetchedFile = FetchRecord["files"][number];

/** Whether a record says that this version of an archive was unpacked. */
function isUnpacked({ digest, unpack }: PlannedFile, before: FetchedFile | undefined): boolean {
  return unpack !== undefined && before?.unpacked === true && before.digest === (digest ? digestText(digest) : null);
}

/** The files that are not yet unpacked, by the record of an earlier run. */
export function openFiles({ files }: Plan, record: FetchRecord | undefined): PlannedFile[] {
  return files.filter((file) => !isUnpacked(file, record?.files.find(({ path }) => path === file.path)));
}

async function fetchFile(file: PlannedFile, known: string | undefined, options: FetchOptions, before: number): Promise<FetchedFile> {
  const { client, folder, onBytes } = options;
  const path = await download(file, folder, { client, ...(known && { known }), onBytes: (bytes) => onBytes?.(before + bytes, file.path) });
  const { digest, url } = file;
  const entry = { path: file.path, url, bytes: Deno.statSync(path).size, digest: digest ? digestText(digest) : null };
  if (!file.unpack) return { ...entry, unpacked: false };
  const { into, ...how } = file.unpack;
  try {
    await unpack(path, into === "" ? folder : `${folder}/${into}`, {
      ...how,
      onBytes: () => onBytes?.(before + entry.bytes, `unpacking ${file.path}`),
    });
  } catch (error) {
    if (!digest && /broken/.test((error as Error).message)) realDisk.remove(path); // nothing else could tell: the next run fetches it anew
    throw error;
  }
  realDisk.remove(path);
  return { ...entry, unpacked: true };
}

function removeAll(name: string, { files }: Plan, folder: string): void {
  for (const { path } of files) for (const end of ["", ".part", ".part.json"]) realDisk.remove(`${folder}/${path}${end}`);
  realDisk.remove(recordOf(name, folder));
}

/** Notes that nothing is left to do of an item. */
export function finishItem(record: FetchRecord, folder: string): void {
  writeRecord({ ...record, finished: true }, folder);
}

function writeRecord(record: FetchRecord, folder: string): void {
  writeFile(recordOf(record.name, folder), JSON.stringify(record, null, 2) + "\n");
}
