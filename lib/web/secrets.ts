/**
 * Secrets in links: random, and kept, so that links stay good when a server starts again.
 *
 * @module
 */
import { exists, readText, writeFile } from "../files.ts";

/** 128 random bits, in hexadecimal digits. */
export function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/**
 * The secrets that a file keeps, a line each; those that are missing are made. The file is its owner's alone.
 *
 * @param path the file
 * @param count how many there must be
 * @returns at least so many
 */
export function keptSecrets(path: string, count: number): string[] {
  const before = exists(path) ? readText(path).split("\n").filter((line) => line !== "") : [];
  const added = Array.from({ length: Math.max(0, count - before.length) }, randomToken);
  if (added.length > 0) writeFile(path, [...before, ...added].join("\n") + "\n");
  if (isOpenToOthers(path)) Deno.chmodSync(path, 0o600); // of a start that ended in between too
  return [...before, ...added];
}

function isOpenToOthers(path: string): boolean {
  return exists(path) && ((Deno.statSync(path).mode ?? 0) & 0o077) !== 0;
}
