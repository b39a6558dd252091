/**
 * Errors that a user can mend, and texts from files made safe for a terminal.
 *
 * @module
 */

/**
 * An error that the user can mend: a wrong argument, a broken file, a full disk. Tasks print its message as one sentence
 * without a stack; every other error is a bug of ours and keeps its stack.
 *
 * @example The message is safe to print, whatever a file put into it
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new ws.UserError("Cannot read \u001b[2Jevil.json").message, "Cannot read \\u001b[2Jevil.json");
 * ```
 */
export class UserError extends Error {
  /** The error's kind. */
  override readonly name = "UserError";

  /**
   * Makes an error of one sentence.
   *
   * @param message what was wanted, what was found, what to do
   * @param options the error that caused it
   */
  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

const LONGEST_MESSAGE = 4000; // characters; lists of problems take a few lines

/**
 * A text with its control characters escaped, so that it cannot steer a terminal; line breaks stay.
 *
 * @param text any text
 * @returns the text, cut to 4,000 characters
 *
 * @example An escape sequence loses its power
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.printable("a\x1b[2Jb"), "a\\u001b[2Jb");
 * ```
 */
export function printable(text: string): string {
  const escaped = text.slice(0, LONGEST_MESSAGE).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (character) => character === "\n" ? "\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > LONGEST_MESSAGE ? `${escaped}…` : escaped;
}

/**
 * A text from a file as it is quoted in a message: on one line, control characters escaped, cut.
 *
 * @param text what was found; anything that JSON can hold
 * @param most characters that are shown
 * @returns the text in quotation marks, or the JSON of a value that is no text
 *
 * @example A name of a million letters takes one line
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.quoted("x".repeat(1e6), 3), '"xxx…"');
 * ```
 */
export function quoted(text: unknown, most = 120): string {
  if (typeof text !== "string") return cut(JSON.stringify(text) ?? String(text), most);
  return `"${cut(text, most)}"`;
}

function cut(text: string, most: number): string {
  const line = printable(text.slice(0, most)).replaceAll("\n", "\\n");
  return text.length > most ? `${line}…` : line;
}

/**
 * Whether the disk failed under whatever was done: full, broken, read-only, over a quota, or not this user's; in the words of the system, of
 * Node or of FFmpeg.
 *
 * @param error what was thrown
 */
export function isOfDisk(error: unknown): error is Error {
  return error instanceof Error &&
    /os error (5|13|28|30|122)\b|no space left|input\/output error|i\/o error|quota exceeded|read-only file system|disk is full/i.test(
      error.message,
    );
}

/**
 * What is printed of an error: one sentence if the user can mend it; for anything else, which is a bug, the stack too.
 *
 * @param error what was thrown
 * @returns text for the terminal, control characters escaped
 */
export function errorText(error: unknown): string {
  if (error instanceof UserError) return error.message;
  if (isOfDisk(error)) return printable(`Cannot go on as the disk failed (${error.message}): mend it or free some space, and start again`);
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return printable(`this is a bug in Worldstrap; please report it with these lines\n${stack}`);
}

/**
 * For what may be left out when it cannot be read: something in its place, but not when the disk failed. It would be left out for good, and
 * another time it can be read.
 *
 * @param instead what is taken for it
 * @returns a handler of errors
 *
 * @example A broken picture may be left out, one on a disk that fails may not
 * ```ts
 * import { unlessOfDisk } from "./errors.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const orNone = unlessOfDisk(undefined);
 * assertEquals(orNone(new Error("it is no PNG")), undefined);
 * assertThrows(() => orNone(new Error("Input/output error (os error 5)")));
 * ```
 */
export function unlessOfDisk<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (isOfDisk(error)) throw error;
    return instead;
  };
}
