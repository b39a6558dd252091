/**
 * Files to fetch: where they are, how long they are, what their digest is, and whether what arrived is that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { quoted, UserError } from "../errors.ts";

/** A digest, by what computes it. */
export interface Digest {
  /** `sha256` of the bytes, `md5` of the bytes (Zenodo's), or `git`: SHA-1 of a blob as git stores it, `blob LENGTH`, a zero byte, and the bytes. */
  readonly algorithm: "sha256" | "md5" | "git";
  /** In hexadecimal. */
  readonly value: string;
}

/** A file to fetch. */
export interface RemoteFile {
  /** Its address. */
  readonly url: string;
  /** Where it goes, from the item's folder, with `/`. */
  readonly path: string;
  /** Its length, where it is known beforehand. */
  readonly bytes?: number;
  /** Its digest, where it is known beforehand. */
  readonly digest?: Digest;
}

/** A digest as records have it: "sha256:…". */
export function digestText({ algorithm, value }: Digest): string {
  return `${algorithm}:${value}`;
}

const LONGEST_PATH = 500; // characters

/**
 * Checks that a path from a list or an archive leads below the folder that it counts from.
 *
 * @param path with `/`
 * @returns the path without empty parts
 * @throws UserError when it is absolute, goes upwards, has a drive's letter, a backslash or a control character, or is too long
 */
export function safePath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const isSafe = parts.length > 0 && path.length <= LONGEST_PATH && !path.startsWith("/") && !/^[a-z]:/i.test(path) &&
    !/[\\\p{Cc}\p{Cf}]/u.test(path) && !parts.includes("..");
  if (!isSafe) throw new UserError(`Cannot use the path ${quoted(path)}: it may lead out of its folder`);
  return parts.join("/");
}

/** Whether a path fits a pattern: `*` stands for any characters but `/`. */
export function fits(path: string, pattern: string): boolean {
  const source = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join("[^/]*");
  return new RegExp(`^${source}$`).test(path);
}

/**
 * The digest of a file, read in pieces.
 *
 * @param path the file
 * @param algorithm which
 * @returns hexadecimal
 */
export async function digestOfFile(path: string, algorithm: Digest["algorithm"]): Promise<string> {
  const hash = createHash(algorithm === "git" ? "sha1" : algorithm);
  if (algorithm === "git") hash.update(Buffer.from(`blob ${Deno.statSync(path).size}\0`));
  const file = await Deno.open(path); // the stream closes it
  for await (const piece of file.readable) hash.update(piece);
  return hash.digest("hex");
}

/** Bytes as people say them: "14.3 GB". */
export function sizeText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const unit = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** unit;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3).replace(/\.?0+$/, "")} ${units[unit]}`;
}
