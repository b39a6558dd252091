import { errorText, isOfDisk, printable, quoted, unlessOfDisk, UserError } from "../lib/errors.ts";
import { assert, assertEquals, assertThrows } from "./support.ts";

Deno.test("printable() escapes what steers a terminal or turns text around, and leaves line breaks and letters", () => {
  assertEquals(printable("a\x1b[2Jb\x07\u202ec\u2028d"), "a\\u001b[2Jb\\u0007\\u202ec\\u2028d");
  assertEquals(printable("Zürich 東京\nline two"), "Zürich 東京\nline two");
  const emoji = "👍"; // a pair of surrogates is a letter, half of one is none
  assertEquals([printable(emoji), printable(emoji[0]!)], [emoji, "\\ud83d"]);
});

Deno.test("printable() cuts what is longer than 4,000 characters", () => {
  assertEquals(printable("x".repeat(4000)).length, 4000);
  assertEquals(printable("x".repeat(1e6)), `${"x".repeat(4000)}…`);
});

Deno.test("quoted() takes one line, says where it cut, and shows what is no text as JSON", () => {
  assertEquals(quoted("a\nb\tc"), '"a\\nb\\u0009c"');
  assertEquals([quoted("abcd", 4), quoted("abcde", 4)], ['"abcd"', '"abcd…"']);
  assertEquals([quoted(7), quoted(null), quoted([1, "a"]), quoted(undefined)], ["7", "null", '[1,"a"]', "undefined"]);
});

Deno.test("unlessOfDisk() gives what stands for a broken thing, and passes on that the disk failed", () => {
  assertEquals(unlessOfDisk(0)(new UserError("it is no PNG")), 0);
  for (const words of ["Cannot read a.png: Input/output error (os error 5)", "No space left on device (os error 28)"]) {
    assertThrows(() => unlessOfDisk(0)(new UserError(words)), UserError, words);
  }
});

Deno.test("UserError keeps its cause, and its message is safe to print", () => {
  const cause = new TypeError("x");
  const error = new UserError("Cannot read \x1b]0;evil", { cause });
  assert(error instanceof Error && error.cause === cause);
  assertEquals([error.name, error.message], ["UserError", "Cannot read \\u001b]0;evil"]);
});

Deno.test("errorText() gives one sentence of what a user can mend, of a disk that fails, and the stack of a bug", () => {
  assertEquals(errorText(new UserError("Cannot read \u001b[2Jx")), "Cannot read \\u001b[2Jx");
  const broken = errorText(new Error("Input/output error (os error 5), remove '/a/b'"));
  assert(broken.startsWith("Cannot go on as the disk failed (Input/output error (os error 5)"), broken);
  assert(!broken.includes("\n"), broken);
  const bug = errorText(new TypeError("x is not a function"));
  assert(bug.includes("this is a bug in Worldstrap") && bug.includes("    at "), bug);
});

Deno.test("isOfDisk() knows the words of the system, of Node and of FFmpeg, and no other errors", () => {
  const words = ["Input/output error (os error 5): readfile 'a'", "EIO: i/o error, read", "ENOSPC: no space left on device, write"];
  for (const message of [...words, "Error writing trailer: No space left on device"]) assert(isOfDisk(new Error(message)), message);
  for (const message of ["invalid stored block lengths", "os error 2", "os error 50"]) assert(!isOfDisk(new Error(message)), message);
});
