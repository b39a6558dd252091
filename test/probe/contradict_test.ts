import { contraryOf } from "../../lib/probe/mod.ts";
import { assert, assertEquals } from "../support.ts";

const PROMPT = Deno.readTextFileSync(new URL("../../data/prompts/counterfactual.md", import.meta.url));

/** An answer in these words. */
const said = (text: string) => ({ text, usage: { prompt: 1, completion: 1 }, cached: false });

Deno.test("the prompt's examples are pairs of an action and a contrary one, each on a line of its own", () => {
  const pairs = [...PROMPT.matchAll(/^Action: (.+)\nContrary: (.+)$/gm)];
  assertEquals(pairs.length, 4);
  for (const [, action, contrary] of pairs) assertEquals(contraryOf(action!, said(contrary!)), { contrary: contrary! });
  assert(PROMPT.trimEnd().endsWith("Action: {action}\nContrary:\n```"), PROMPT.slice(-60));
});

Deno.test("contraryOf() takes one sentence, and says why it takes no other answer", () => {
  assertEquals(contraryOf("open it", said('Contrary: "Close it"')), { contrary: "Close it" });
  const reasons = ["I'm sorry, I cannot help", "close it\nor not", "42", "Open it!"].map((text) =>
    contraryOf("open it", said(text)).reason
  );
  assertEquals(reasons, [
    "the model refused",
    "the answer is no single sentence",
    "the answer holds no words",
    "the model left the action unchanged",
  ]);
  assertEquals(contraryOf("open it", { failure: "the endpoint was too slow" }), { reason: "the endpoint was too slow" });
});
