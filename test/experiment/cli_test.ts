import { UserError } from "../../lib/errors.ts";
import { errorText, parseArguments } from "../../lib/experiment/cli.ts";
import { assert, assertEquals, assertThrows } from "../support.ts";

const TASK = { name: "train-cwm", about: "", sections: ["cwm"] } as const;

Deno.test("parseArguments() refuses what it does not know", () => {
  assertThrows(() => parseArguments(["fast"], TASK), UserError, 'Cannot use the argument "fast"');
  assertThrows(() => parseArguments(["--fast"], TASK), UserError, "without a value");
  assertThrows(() => parseArguments(["--run="], TASK), UserError, "without a value");
  assertEquals(parseArguments(["--run=x", "--cwm.batch=2"], TASK)?.config.cwm.batch, 2);
});

Deno.test("errorText() gives one sentence of what a user can mend, and the stack of a bug", () => {
  assertEquals(errorText(new UserError("Cannot read \u001b[2Jx")), "Cannot read \\u001b[2Jx");
  const bug = errorText(new TypeError("x is not a function"));
  assert(bug.includes("this is a bug in Worldstrap") && bug.includes("    at "), bug);
});
