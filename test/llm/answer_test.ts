import { requireKey } from "../../lib/llm/answer.ts";
import { assertThrows, UserError } from "../support.ts";

Deno.test("requireKey() asks for the variable by its name when it is not set or empty, and passes when it is there", () => {
  const before = Deno.env.get("OPENAI_API_KEY");
  try {
    Deno.env.delete("OPENAI_API_KEY");
    assertThrows(() => requireKey(), UserError, "OPENAI_API_KEY is not set");
    Deno.env.set("OPENAI_API_KEY", "");
    assertThrows(() => requireKey(), UserError, "OPENAI_API_KEY is not set");
    Deno.env.set("OPENAI_API_KEY", "sk-test");
    requireKey();
  } finally {
    if (before === undefined) Deno.env.delete("OPENAI_API_KEY");
    else Deno.env.set("OPENAI_API_KEY", before);
  }
});
